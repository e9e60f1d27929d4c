/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of an append: try the events on a copy of the campaign; write and sync them;
 * apply them; then the derived files, unsynced. A crash after the sync leaves derived
 * files that lag behind, which the next ledger_open() finds by comparing every line.
 */
#include "ledger/ledger.h"

#include <stdio.h>

#include "ledger/lock.h"

#define RESULTS_FILE "results.tsv"
#define EVENTS_MAX   4

static int write_headers(struct ledger *l, const struct campaign *c, struct sbx_err *err)
{
	const char *names[METRICS_MAX] = { c->metrics[0], c->metrics[1] };
	cleanup_buf struct buf line = BUF_INIT;
	int r;

	if (results_header(&line, names, c->n_metrics) < 0)
		return sbx_err_oom(err, "results");
	r = derived_line(&l->results, line.data, line.len, err);
	if (r < 0)
		return r;
	buf_clear(&line);
	if (budget_log_header(&line) < 0)
		return sbx_err_oom(err, "budget");
	return derived_line(&l->log, line.data, line.len, err);
}

/* What an event adds to the derived files; @c is the campaign right after it. */
static int derive(struct ledger *l, const struct campaign *c,
		  const struct journal_event *ev, struct sbx_err *err)
{
	cleanup_buf struct buf line = BUF_INIT;
	struct row row;
	int r;

	if (ev->kind == JOURNAL_CREATE)
		return write_headers(l, c, err);
	if (budget_log_row(&line, ev, c) < 0)
		return sbx_err_oom(err, "budget");
	if (line.len) {
		r = derived_line(&l->log, line.data, line.len, err);
		if (r < 0)
			return r;
	}
	if (!campaign_row(c, ev, &row))
		return 0;
	buf_clear(&line);
	if (results_row(&line, &row) < 0)
		return sbx_err_oom(err, "results");
	return derived_line(&l->results, line.data, line.len, err);
}

struct replay {
	struct ledger *l;
	struct campaign *c;
	campaign_row_fn fn;
	void *user;
};

static int replay_event(const struct journal_event *ev, void *user, struct sbx_err *err)
{
	struct replay *p = user;
	struct row row;
	int r;

	r = campaign_apply(p->c, ev, err);
	if (r == 0)
		r = derive(p->l, p->c, ev, err);
	if (r == 0 && p->fn && campaign_row(p->c, ev, &row))
		r = p->fn(&row, p->user, err);
	return r;
}

static int begin_derived(struct ledger *l, bool look, struct sbx_err *err)
{
	int r;

	r = derived_begin(&l->results, l->derived_fd, RESULTS_FILE, look, err);
	if (r == 0)
		r = derived_begin(&l->log, l->derived_fd, BUDGET_FILE, look, err);
	return r;
}

static int settle_derived(struct ledger *l, struct sbx_err *err)
{
	int r;

	r = derived_settle(&l->results, err);
	if (r == 0)
		r = derived_settle(&l->log, err);
	return r;
}

int ledger_lock(struct ledger *l, const char *common_dir, const char *workdir,
		const char *tag, bool *ret_exists, struct sbx_err *err)
{
	int r;

	l->workdir = strdup(workdir);
	l->tag = strdup(tag);
	if (!l->workdir || !l->tag)
		return sbx_err_oom(err, "ledger");
	r = journal_dir_open(common_dir, tag, true, &l->dir_fd, err);
	if (r == 0)
		r = lock_take(l->dir_fd, tag, &l->lock_fd, err);
	if (r == 0)
		r = derived_dir_open(workdir, tag, true, &l->derived_fd, err);
	if (r == 0)
		r = journal_exists(l->dir_fd, ret_exists, err);
	return r;
}

int ledger_create(struct ledger *l, struct journal_event *first, struct sbx_err *err)
{
	struct campaign c = { 0 };
	int r;

	if (!*first->time)
		journal_stamp(first->time);
	r = campaign_apply(&c, first, err);
	if (r == 0)
		r = journal_create(l->dir_fd, first, &l->journal, err);
	if (r < 0)
		return r;
	l->campaign = c;
	r = begin_derived(l, false, err);
	if (r == 0)
		r = write_headers(l, &c, err);
	return r == 0 ? settle_derived(l, err) : r;
}

static void note(struct ledger *l, const struct journal_info *info)
{
	const bool results = l->results.differs, log = l->log.differs;

	snprintf(l->notice, sizeof(l->notice), "%s%s%s%s%s", info->notice,
		 *info->notice && (results || log) ? "; " : "",
		 results ? RESULTS_FILE
		 : log   ? BUDGET_FILE
			 : "",
		 results && log ? " and " BUDGET_FILE : "",
		 results || log ? " did not hold what the journal says: made again" : "");
}

int ledger_open(struct ledger *l, campaign_row_fn fn, void *user, struct sbx_err *err)
{
	struct replay replay = { .l = l, .c = &l->campaign, .fn = fn, .user = user };
	struct journal_info info = { 0 };
	int r;

	r = begin_derived(l, false, err);
	if (r == 0)
		r = journal_open(l->dir_fd, replay_event, &replay, &l->journal, &info,
				 err);
	if (r == 0)
		r = settle_derived(l, err);
	if (r < 0)
		return r;
	note(l, &info);
	return 0;
}

int ledger_look(struct ledger *l, campaign_row_fn fn, void *user, struct sbx_err *err)
{
	struct replay replay = { .l = l, .c = &l->campaign, .fn = fn, .user = user };
	int r;

	r = begin_derived(l, true, err);
	if (r == 0)
		r = journal_replay(l->dir_fd, replay_event, &replay, NULL, err);
	return r == 0 ? settle_derived(l, err) : r;
}

static bool is_stale(const struct ledger *l)
{
	return derived_stale(&l->results) || derived_stale(&l->log);
}

/* The derived directory, or a file in it, was deleted or edited under us. */
static int derive_again(struct ledger *l, struct sbx_err *err)
{
	struct campaign c = { 0 };
	struct replay replay = { .l = l, .c = &c };
	int r, fd;

	r = derived_dir_open(l->workdir, l->tag, true, &fd, err);
	if (r < 0)
		return r;
	derived_done(&l->results);
	derived_done(&l->log);
	fd_close(l->derived_fd);
	l->derived_fd = fd;
	r = begin_derived(l, false, err);
	if (r == 0)
		r = journal_replay(l->dir_fd, replay_event, &replay, NULL, err);
	return r == 0 ? settle_derived(l, err) : r;
}

int ledger_refresh(struct ledger *l, struct sbx_err *err)
{
	return is_stale(l) ? derive_again(l, err) : 0;
}

static int try_events(const struct ledger *l, struct journal_event *ev, size_t n,
		      struct sbx_err *err)
{
	struct campaign copy = l->campaign;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = campaign_apply(&copy, &ev[i], err);
	return r;
}

int ledger_append(struct ledger *l, struct journal_event *ev, size_t n,
		  struct sbx_err *err)
{
	bool stale;
	int r;

	assert(n >= 1 && n <= EVENTS_MAX);
	for (size_t i = 0; i < n; i++)
		if (!*ev[i].time)
			journal_stamp(ev[i].time);
	r = try_events(l, ev, n, err);
	if (r == 0)
		r = journal_append(l->journal, ev, n, err);
	if (r < 0)
		return r;

	stale = is_stale(l);
	for (size_t i = 0; i < n; i++) {
		r = campaign_apply(&l->campaign, &ev[i], err);
		assert(r == 0);
		if (stale)
			continue;
		r = derive(l, &l->campaign, &ev[i], err);
		if (r < 0)
			return r;
	}
	return stale ? derive_again(l, err) : 0;
}

void ledger_close(struct ledger *l)
{
	derived_done(&l->results);
	derived_done(&l->log);
	journal_close(l->journal);
	fd_close(l->derived_fd);
	fd_close(l->dir_fd);
	fd_close(l->lock_fd);
	free(l->workdir);
	free(l->tag);
	*l = (struct ledger)LEDGER_INIT;
}
