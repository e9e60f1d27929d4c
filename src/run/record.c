/* SPDX-License-Identifier: Apache-2.0 */
#include "run/record.h"

void record_reader_done(struct record_reader *r)
{
	buf_done(&r->line);
	json_decref(r->box);
	r->box = NULL;
}

static void take_progress(struct record_reader *r, const json_t *progress)
{
	uint64_t wall, memory;

	if (json_get_u64_or(progress, "wall_us", 0, &wall, NULL) < 0 ||
	    json_get_u64_or(progress, "memory_bytes", 0, &memory, NULL) < 0) {
		r->garbage = true;
		return;
	}
	r->wall_us = wall;
	r->memory_bytes = memory;
}

static int take_line(struct record_reader *r, const char *line, size_t n)
{
	cleanup_json json_t *j = NULL;
	const json_t *progress;
	bool expected;

	if (json_parse(line, n, "record", &j, NULL) == -ENOMEM)
		return -ENOMEM;
	expected = json_is_object(j) && !r->box;
	progress = json_object_get(j, "progress");
	if (expected && progress)
		take_progress(r, progress);
	else if (expected && json_object_get(j, "verdict"))
		r->box = TAKE_PTR(j);
	else
		r->garbage = true;
	return 0;
}

int record_feed(struct record_reader *r, const char *data, size_t n)
{
	const char *nl;

	while (n) {
		size_t part;

		nl = memchr(data, '\n', n);
		part = nl ? (size_t)(nl - data) : n;
		if (r->line.len + part > RECORD_MAX) {
			r->garbage = true;
			buf_clear(&r->line);
		} else {
			buf_add(&r->line, data, part);
		}
		if (r->line.failed)
			return -ENOMEM;
		if (nl) {
			if (r->line.len && take_line(r, r->line.data, r->line.len) < 0)
				return -ENOMEM;
			buf_clear(&r->line);
			part++;
		}
		data += part;
		n -= part;
	}
	return 0;
}

/* A number that may be null or absent. */
static int get_int(const json_t *box, const char *key, int *ret, struct sbx_err *err)
{
	uint64_t v;
	int r;

	r = json_get_u64_or(box, key, 0, &v, err);
	if (r < 0)
		return r;
	*ret = (int)MIN(v, 255U);
	return 0;
}

int record_outcome(const json_t *box, struct outcome *ret, struct sbx_err *err)
{
	struct outcome out = { 0 };
	const char *verdict, *reason;
	int v, r;

	r = json_get_str(box, "verdict", &verdict, err);
	if (r < 0)
		return r;
	v = verdict_find(verdict);
	if (v < 0 || v >= VERDICT_NO_METRIC)
		return sbx_err_set(err, -EBADMSG, "run",
				   "the record's verdict '%s' is unknown", verdict);
	out.verdict = (enum verdict)v;
	if ((r = json_get_str_or(box, "reason", verdict, &reason, err)) < 0 ||
	    (r = json_get_u64_or(box, "wall_us", 0, &out.wall_us, err)) < 0 ||
	    (r = json_get_u64_or(box, "cpu_us", 0, &out.cpu_us, err)) < 0 ||
	    (r = json_get_u64_or(box, "memory_peak_bytes", 0, &out.memory_peak_bytes,
				 err)) < 0 ||
	    (r = get_int(box, "exit_code", &out.exit_code, err)) < 0 ||
	    (r = get_int(box, "signal", &out.signal, err)) < 0)
		return r;
	snprintf(out.reason, sizeof(out.reason), "%s", reason);
	*ret = out;
	return 0;
}
