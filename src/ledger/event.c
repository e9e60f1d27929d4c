/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names here are the file format. Text comes from proposers and harnesses: it is
 * repaired and cut before it is written, for a line that cannot be read back is worse
 * than a shortened description. Whatever is read was checked against its checksum first,
 * so a value out of range means a newer version or a bug of ours, not damage, and is
 * refused. Writing goes through jansson; reading does not, see flat.h.
 */
#include "ledger/event.h"

#include <limits.h>
#include <math.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/table.h"
#include "ledger/text.h"

static const char *const kind_names[] = {
	[JOURNAL_CREATE] = "create",   [JOURNAL_PROPOSE] = "propose",
	[JOURNAL_COMMIT] = "commit",   [JOURNAL_RUN] = "run",
	[JOURNAL_OUTCOME] = "outcome", [JOURNAL_DECIDE] = "decide",
	[JOURNAL_ADVANCE] = "advance", [JOURNAL_INTERRUPTED] = "interrupted",
	[JOURNAL_COST] = "cost",       [JOURNAL_HOURS] = "hours",
	[JOURNAL_STOP] = "stop",       [JOURNAL_SALVAGE] = "salvage",
};
TABLE_CHECK(kind_names, _JOURNAL_KIND_MAX);

static const char *const cost_names[] = {
	[COST_RESERVE] = "reserve",
	[COST_SPEND] = "spend",
	[COST_REFUND] = "refund",
	[COST_COMPUTE] = "compute",
};
TABLE_CHECK(cost_names, _COST_MAX);

const char *cost_name(enum cost_kind k)
{
	return cost_names[k];
}

static bool has_number(enum journal_kind k)
{
	return k != JOURNAL_CREATE && k != JOURNAL_HOURS && k != JOURNAL_STOP &&
	       k != JOURNAL_SALVAGE;
}

static bool is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

/* Encoding. A member that cannot be made is NULL, which fails the json_pack() it is part
 * of. */

static json_t *text(const char *s, size_t max)
{
	char copy[JOURNAL_PATH_MAX + 1];

	utf8_copy(copy, MIN(sizeof(copy), max + 1), s);
	return json_string(copy);
}

/* What must come back as it went in. */
static json_t *exact(const char *s, size_t max)
{
	return s && strlen(s) <= max ? json_string(s) : NULL;
}

static json_t *commit_hex(const char *s)
{
	return s && is_hex(s, COMMIT_HEX) ? json_string(s) : NULL;
}

static json_t *number(uint64_t v)
{
	return v <= INT64_MAX ? json_integer((json_int_t)v) : NULL;
}

static json_t *numbers(const double *v, unsigned n)
{
	cleanup_json json_t *list = n <= METRICS_MAX ? json_array() : NULL;

	for (unsigned i = 0; list && i < n; i++)
		if (json_array_append_new(list, json_real(v[i])) < 0)
			return NULL;
	return TAKE_PTR(list);
}

static json_t *strings(const char *const *v, unsigned n)
{
	cleanup_json json_t *list = n && n <= METRICS_MAX ? json_array() : NULL;

	for (unsigned i = 0; list && i < n; i++)
		if (json_array_append_new(list, exact(v[i], JOURNAL_ID_MAX)) < 0)
			return NULL;
	return TAKE_PTR(list);
}

static json_t *pack_create(const struct journal_event *ev)
{
	return json_pack("{s:i,s:o,s:o,s:o,s:o,s:o,s:o}", "format", JOURNAL_FORMAT, "tag",
			 exact(ev->create.tag, JOURNAL_ID_MAX), "base",
			 commit_hex(ev->create.base), "target",
			 exact(ev->create.target, JOURNAL_PATH_MAX), "config",
			 exact(ev->create.config, JOURNAL_ID_MAX), "metrics",
			 strings(ev->create.metrics, ev->create.n_metrics), "host",
			 text(ev->create.host, JOURNAL_TEXT_MAX));
}

static json_t *pack_outcome(const struct journal_event *ev)
{
	const struct outcome *o = &ev->outcome.outcome;

	return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:i,s:i,s:o,s:o}", "verdict",
			 verdict_name(o->verdict), "reason",
			 text(o->reason, JOURNAL_TEXT_MAX), "metrics",
			 numbers(o->metrics, ev->outcome.n_metrics), "wall_us",
			 number(o->wall_us), "cpu_us", number(o->cpu_us), "peak_bytes",
			 number(o->memory_peak_bytes), "exit_code", o->exit_code,
			 "signal", o->signal, "active_us", number(ev->outcome.active_us),
			 "compute_nano", number(ev->outcome.compute_nano));
}

static json_t *pack_decide(const struct journal_event *ev)
{
	const struct decision *d = &ev->decide.decision;

	return json_pack("{s:s,s:o,s:o}", "status", status_name(d->status), "reason",
			 text(d->reason, JOURNAL_TEXT_MAX), "metrics",
			 numbers(ev->decide.metrics, ev->decide.n_metrics));
}

static json_t *pack_cost(const struct journal_event *ev)
{
	return json_pack("{s:s,s:o,s:o,s:o,s:o}", "what", cost_names[ev->cost.what],
			 "call", number(ev->cost.call), "nano", number(ev->cost.nano),
			 "tokens_in", number(ev->cost.tokens_in), "tokens_out",
			 number(ev->cost.tokens_out));
}

static json_t *pack(const struct journal_event *ev)
{
	switch (ev->kind) {
	case JOURNAL_CREATE:
		return pack_create(ev);
	case JOURNAL_PROPOSE:
		return json_pack("{s:o,s:o,s:o}", "description",
				 text(ev->propose.description, JOURNAL_TEXT_MAX),
				 "content", exact(ev->propose.content, JOURNAL_ID_MAX),
				 "proposer", text(ev->propose.proposer, JOURNAL_ID_MAX));
	case JOURNAL_COMMIT:
		return json_pack("{s:o}", "commit", commit_hex(ev->commit.commit));
	case JOURNAL_RUN:
		return json_pack("{s:o,s:o,s:o}", "attempt", number(ev->run.attempt),
				 "boot_id", exact(ev->run.boot_id, JOURNAL_ID_MAX), "pid",
				 number((uint64_t)ev->run.pid));
	case JOURNAL_OUTCOME:
		return pack_outcome(ev);
	case JOURNAL_DECIDE:
		return pack_decide(ev);
	case JOURNAL_ADVANCE:
		return json_pack("{s:o}", "commit", commit_hex(ev->advance.commit));
	case JOURNAL_INTERRUPTED:
		return json_pack("{s:o,s:o,s:o,s:o}", "attempt",
				 number(ev->interrupted.attempt), "reason",
				 text(ev->interrupted.reason, JOURNAL_TEXT_MAX),
				 "active_us", number(ev->interrupted.active_us),
				 "compute_nano", number(ev->interrupted.compute_nano));
	case JOURNAL_COST:
		return pack_cost(ev);
	case JOURNAL_HOURS:
		return json_pack("{s:o}", "active_us", number(ev->hours.active_us));
	case JOURNAL_STOP:
		return json_pack("{s:o}", "reason",
				 text(ev->stop.reason, JOURNAL_TEXT_MAX));
	case JOURNAL_SALVAGE:
		return json_pack(
			"{s:o,s:o,s:o,s:o,s:o}", "experiments",
			number(ev->salvage.experiments), "nano", number(ev->salvage.nano),
			"active_us", number(ev->salvage.active_us), "next_call",
			number(ev->salvage.next_call), "lost", number(ev->salvage.lost));
	case _JOURNAL_KIND_MAX:
		break;
	}
	return NULL;
}

int event_encode(const struct journal_event *ev, struct buf *out, struct sbx_err *err)
{
	cleanup_json json_t *head = NULL, *body = NULL;
	cleanup_free char *line = NULL;
	const char *kind = kind_names[ev->kind];

	errno = 0;
	head = json_pack("{s:o,s:s,s:s}", "seq", number(ev->seq), "t", ev->time, "event",
			 kind);
	body = pack(ev);
	if ((!head || !body) && json_error_of(0) < 0)
		return sbx_err_oom(err, "journal");
	if (!head || !body)
		return sbx_err_set(err, -EINVAL, "journal",
				   "a \"%s\" event holds a value that cannot be recorded",
				   kind);
	if (has_number(ev->kind) &&
	    json_object_set_new(head, "n", number(ev->number)) < 0)
		return sbx_err_oom(err, "journal");
	if (json_object_update(head, body) < 0)
		return sbx_err_oom(err, "journal");
	line = json_text(head);
	if (!line)
		return sbx_err_oom(err, "journal");
	buf_puts(out, line);
	return out->failed ? sbx_err_oom(err, "journal") : 0;
}

/* Decoding. The first failure latches, so that a struct can be read member by member. */
struct reader {
	const struct flat *flat;
	struct sbx_err *err;
	int r;
};

static const struct flat_value *get(struct reader *rd, const char *key,
				    enum flat_type type, const char *what)
{
	const struct flat_value *v = rd->r == 0 ? flat_get(rd->flat, key) : NULL;

	if (rd->r == 0 && (!v || v->type != type))
		rd->r = sbx_err_set(rd->err, -EBADMSG, "journal", "\"%s\" is %s", key,
				    v ? what : "missing");
	return rd->r == 0 ? v : NULL;
}

static uint64_t get_number(struct reader *rd, const char *key, uint64_t max)
{
	const struct flat_value *v = get(rd, key, FLAT_NUMBER, "no number");
	uint64_t n = 0;

	if (v && (parse_u64(v->text, &n) < 0 || n > max))
		rd->r = sbx_err_set(rd->err, -EBADMSG, "journal",
				    "\"%s\" is no whole number in range", key);
	return rd->r == 0 ? n : 0;
}

static unsigned get_unsigned(struct reader *rd, const char *key)
{
	return (unsigned)get_number(rd, key, UINT_MAX);
}

static int get_signed(struct reader *rd, const char *key)
{
	const struct flat_value *v = get(rd, key, FLAT_NUMBER, "no number");
	bool minus = v && *v->text == '-';
	uint64_t n = 0;

	if (v && (parse_u64(v->text + minus, &n) < 0 || n > INT_MAX))
		rd->r = sbx_err_set(rd->err, -EBADMSG, "journal",
				    "\"%s\" is no whole number in range", key);
	return rd->r < 0 ? 0 : minus ? -(int)n : (int)n;
}

static const char *get_text(struct reader *rd, const char *key, size_t max)
{
	const struct flat_value *v = get(rd, key, FLAT_STRING, "no text");

	if (!v)
		return "";
	if (strlen(v->text) <= max)
		return v->text;
	rd->r = sbx_err_set(rd->err, -EBADMSG, "journal", "\"%s\" is too long", key);
	return "";
}

static const char *get_commit(struct reader *rd, const char *key)
{
	const char *s = get_text(rd, key, COMMIT_HEX);

	if (rd->r == 0 && !is_hex(s, COMMIT_HEX))
		rd->r = sbx_err_set(rd->err, -EBADMSG, "journal", "\"%s\" is no commit",
				    key);
	return s;
}

static int get_name(struct reader *rd, const char *key, int (*find)(const char *name))
{
	const char *s = get_text(rd, key, JOURNAL_ID_MAX);
	int v = 0;

	if (rd->r == 0)
		v = find(s);
	if (v < 0)
		rd->r = sbx_err_set(rd->err, -EPROTONOSUPPORT, "journal",
				    "%s \"%s\" is not known: a newer autoexp wrote it",
				    key, s);
	return rd->r == 0 ? v : 0;
}

/* The items follow their list. */
static const struct flat_value *get_list(struct reader *rd, const char *key)
{
	const struct flat_value *v = get(rd, key, FLAT_LIST, "no list");

	if (v && v->n > METRICS_MAX)
		rd->r = sbx_err_set(rd->err, -EBADMSG, "journal",
				    "\"%s\" has more than %d items", key, METRICS_MAX);
	return rd->r == 0 ? v : NULL;
}

static unsigned get_numbers(struct reader *rd, const char *key, double *ret)
{
	const struct flat_value *list = get_list(rd, key);

	for (unsigned i = 0; list && i < list->n; i++)
		if (parse_finite(list[1 + i].text, &ret[i]) < 0)
			rd->r = sbx_err_set(rd->err, -EBADMSG, "journal",
					    "\"%s\" holds no numbers", key);
	return rd->r == 0 ? list->n : 0;
}

static unsigned get_strings(struct reader *rd, const char *key, const char **ret)
{
	const struct flat_value *list = get_list(rd, key);

	for (unsigned i = 0; list && i < list->n; i++) {
		ret[i] = list[1 + i].text;
		if (list[1 + i].type != FLAT_STRING || strlen(ret[i]) > JOURNAL_ID_MAX)
			rd->r = sbx_err_set(rd->err, -EBADMSG, "journal",
					    "\"%s\" holds no names", key);
	}
	return rd->r == 0 ? list->n : 0;
}

static int find_cost(const char *name)
{
	return table_find(cost_names, ARRAY_SIZE(cost_names), name);
}

static int find_kind(const char *name)
{
	return table_find(kind_names, ARRAY_SIZE(kind_names), name);
}

static void read_create(struct reader *rd, struct journal_event *ev)
{
	uint64_t format = get_number(rd, "format", INT64_MAX);

	if (rd->r == 0 && format != JOURNAL_FORMAT)
		rd->r = sbx_err_set(
			rd->err, -EPROTONOSUPPORT, "journal",
			"format %llu was written by another version of autoexp; this "
			"one knows format %d",
			(unsigned long long)format, JOURNAL_FORMAT);
	ev->create.tag = get_text(rd, "tag", JOURNAL_ID_MAX);
	ev->create.base = get_commit(rd, "base");
	ev->create.target = get_text(rd, "target", JOURNAL_PATH_MAX);
	ev->create.config = get_text(rd, "config", JOURNAL_ID_MAX);
	ev->create.n_metrics = get_strings(rd, "metrics", ev->create.metrics);
	ev->create.host = get_text(rd, "host", JOURNAL_TEXT_MAX);
}

static void read_outcome(struct reader *rd, struct journal_event *ev)
{
	struct outcome *o = &ev->outcome.outcome;

	o->verdict = (enum verdict)get_name(rd, "verdict", verdict_find);
	utf8_copy(o->reason, sizeof(o->reason), get_text(rd, "reason", JOURNAL_TEXT_MAX));
	ev->outcome.n_metrics = get_numbers(rd, "metrics", o->metrics);
	o->wall_us = get_number(rd, "wall_us", INT64_MAX);
	o->cpu_us = get_number(rd, "cpu_us", INT64_MAX);
	o->memory_peak_bytes = get_number(rd, "peak_bytes", INT64_MAX);
	o->exit_code = get_signed(rd, "exit_code");
	o->signal = get_signed(rd, "signal");
	ev->outcome.active_us = get_number(rd, "active_us", INT64_MAX);
	ev->outcome.compute_nano = get_number(rd, "compute_nano", INT64_MAX);
}

static void read_decide(struct reader *rd, struct journal_event *ev)
{
	struct decision *d = &ev->decide.decision;

	d->status = (enum status)get_name(rd, "status", status_find);
	utf8_copy(d->reason, sizeof(d->reason), get_text(rd, "reason", JOURNAL_TEXT_MAX));
	ev->decide.n_metrics = get_numbers(rd, "metrics", ev->decide.metrics);
}

static void read_cost(struct reader *rd, struct journal_event *ev)
{
	ev->cost.what = (enum cost_kind)get_name(rd, "what", find_cost);
	ev->cost.call = get_number(rd, "call", INT64_MAX);
	ev->cost.nano = get_number(rd, "nano", INT64_MAX);
	ev->cost.tokens_in = get_number(rd, "tokens_in", INT64_MAX);
	ev->cost.tokens_out = get_number(rd, "tokens_out", INT64_MAX);
}

static void read_body(struct reader *rd, struct journal_event *ev)
{
	switch (ev->kind) {
	case JOURNAL_CREATE:
		return read_create(rd, ev);
	case JOURNAL_PROPOSE:
		ev->propose.description = get_text(rd, "description", JOURNAL_TEXT_MAX);
		ev->propose.content = get_text(rd, "content", JOURNAL_ID_MAX);
		ev->propose.proposer = get_text(rd, "proposer", JOURNAL_ID_MAX);
		return;
	case JOURNAL_COMMIT:
		ev->commit.commit = get_commit(rd, "commit");
		return;
	case JOURNAL_RUN:
		ev->run.attempt = get_unsigned(rd, "attempt");
		ev->run.boot_id = get_text(rd, "boot_id", JOURNAL_ID_MAX);
		ev->run.pid = (pid_t)get_number(rd, "pid", INT_MAX);
		return;
	case JOURNAL_OUTCOME:
		return read_outcome(rd, ev);
	case JOURNAL_DECIDE:
		return read_decide(rd, ev);
	case JOURNAL_ADVANCE:
		ev->advance.commit = get_commit(rd, "commit");
		return;
	case JOURNAL_INTERRUPTED:
		ev->interrupted.attempt = get_unsigned(rd, "attempt");
		ev->interrupted.reason = get_text(rd, "reason", JOURNAL_TEXT_MAX);
		ev->interrupted.active_us = get_number(rd, "active_us", INT64_MAX);
		ev->interrupted.compute_nano = get_number(rd, "compute_nano", INT64_MAX);
		return;
	case JOURNAL_COST:
		return read_cost(rd, ev);
	case JOURNAL_HOURS:
		ev->hours.active_us = get_number(rd, "active_us", INT64_MAX);
		return;
	case JOURNAL_STOP:
		ev->stop.reason = get_text(rd, "reason", JOURNAL_TEXT_MAX);
		return;
	case JOURNAL_SALVAGE:
		ev->salvage.experiments = get_unsigned(rd, "experiments");
		ev->salvage.nano = get_number(rd, "nano", INT64_MAX);
		ev->salvage.active_us = get_number(rd, "active_us", INT64_MAX);
		ev->salvage.next_call = get_number(rd, "next_call", INT64_MAX);
		ev->salvage.lost = get_number(rd, "lost", INT64_MAX);
		return;
	case _JOURNAL_KIND_MAX:
		break;
	}
}

int event_decode(const char *line, size_t n, struct event_doc *doc, struct sbx_err *err)
{
	struct reader rd = { .flat = &doc->flat, .err = err };
	struct journal_event *ev = &doc->ev;
	const char *time;

	rd.r = flat_parse(&doc->flat, line, n);
	if (rd.r < 0)
		return sbx_err_set(err, rd.r, "journal",
				   rd.r == -ENOMEM ? "out of memory"
						   : "this is no event");
	memset(ev, 0, sizeof(*ev));
	ev->kind = (enum journal_kind)get_name(&rd, "event", find_kind);
	ev->seq = get_number(&rd, "seq", INT64_MAX);
	time = get_text(&rd, "t", sizeof(ev->time) - 1);
	memcpy(ev->time, time, strlen(time) + 1);
	if (has_number(ev->kind))
		ev->number = get_unsigned(&rd, "n");
	read_body(&rd, ev);
	return rd.r;
}

void event_doc_done(struct event_doc *d)
{
	flat_done(&d->flat);
}
