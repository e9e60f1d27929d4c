/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The half of a session that writes. The order, and what a kill in between leaves:
 *
 *	lock           nothing but directories
 *	configuration  a file that the next start writes again
 *	checkout       the same; a half-made one is never taken for whole
 *	journal        from here on the campaign exists
 *	branch         made by the next start where it is missing and nothing was measured
 *
 * A campaign whose baseline could not be measured holds nothing worth keeping: it begins
 * again with the commit and the configuration of the day, the old journal set aside.
 */

#include "loop/session.h"

#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/strv.h"
#include "ledger/group.h"
#include "ledger/lock.h"
#include "loop/pin.h"
#include "loop/purse.h"
#include "repo/blob.h"
#include "repo/branch.h"
#include "repo/commit.h"
#include "repo/worktree.h"

#define FAILED_JOURNAL "journal.failed.jsonl"

void session_note(const struct session *s, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->observer->note)
		s->observer->note(s->observer->user, text);
}

void session_close(struct session *s)
{
	ledger_close(&s->ledger);
	group_leave(TAKE_PTR(s->group));
	stop_close(&s->stop);
	proposer_free(TAKE_PTR(s->proposer));
	guard_free(TAKE_PTR(s->guard));
	bench_done(&s->bench);
	buf_done(&s->incumbent);
	config_free(TAKE_PTR(s->config));
	repo_close(TAKE_PTR(s->repo));
	free(TAKE_PTR(s->metrics));
	free(TAKE_PTR(s->tag));
	free(TAKE_PTR(s->dir));
	free(TAKE_PTR(s->target));
	free(TAKE_PTR(s->exec_path));
	free(TAKE_PTR(s->checkout));
	free(TAKE_PTR(s->candidate_path));
}

uint64_t session_active_us(const struct session *s)
{
	return s->active_us + (now_us() - s->opened_us);
}

const double *session_metrics(const struct session *s, unsigned number)
{
	return number < s->n_metrics && !isnan(s->metrics[number][0]) ? s->metrics[number]
								      : NULL;
}

static int keep_metrics(struct session *s, const struct row *row, struct sbx_err *err)
{
	if (row->number >= s->n_metrics) {
		size_t n = MAX(row->number + 1, s->n_metrics * 2 + 64);
		double(*p)[METRICS_MAX] = reallocarray(s->metrics, n, sizeof(*p));

		if (!p)
			return sbx_err_oom(err, "loop");
		for (size_t i = s->n_metrics; i < n; i++)
			p[i][0] = NAN;
		s->metrics = p;
		s->n_metrics = n;
	}
	for (unsigned i = 0; row->metrics && i < row->n_metrics; i++)
		s->metrics[row->number][i] = row->metrics[i];
	return 0;
}

static int teach_proposer(struct session *s, const struct row *row, const char *content,
			  size_t len, struct sbx_err *err)
{
	struct lesson lesson = {
		.number = row->number,
		.description = row->description,
		.before = buf_str(&s->incumbent),
		.before_len = s->incumbent.len,
		.content = content,
		.len = len,
		.incumbent = row->incumbent,
		.outcome = row->outcome,
		.decision = row->decision,
	};

	/* The baseline is where proposals start, not one of them. */
	if (!s->proposer || row->number == 0)
		return 0;
	return proposer_learn(s->proposer, &lesson, err);
}

int session_learn(struct session *s, const struct row *row, const char *content,
		  size_t len, struct sbx_err *err)
{
	int r;

	r = keep_metrics(s, row, err);
	if (r < 0)
		return r;
	if (content && guard_note(s->guard, row->number, content, len) < 0)
		return sbx_err_oom(err, "loop");
	r = teach_proposer(s, row, content, len, err);
	if (r < 0)
		return r;
	if (row->decision->status == STATUS_KEEP && content) {
		buf_clear(&s->incumbent);
		buf_add(&s->incumbent, content, len);
	}
	return s->incumbent.failed ? sbx_err_oom(err, "loop") : 0;
}

/* One experiment of the past, read back from git. */
static int on_row(const struct row *row, void *user, struct sbx_err *err)
{
	cleanup_buf struct buf content = BUF_INIT;
	struct session *s = user;
	int r;

	if (!row->content[0])
		return session_learn(s, row, NULL, 0, err);
	r = repo_read(s->repo, row->commit, s->target, TARGET_BYTES_MAX, &content, err);
	if (r < 0)
		return sbx_err_wrap(err, r, "experiment %04u", row->number);
	return session_learn(s, row, buf_str(&content), content.len, err);
}

/* Can the baseline that an earlier start left be gone on with? */
static bool begins_again(const struct session *s, const struct campaign *c,
			 const char *config_hash)
{
	return !c->baseline.known &&
	       (!streq(c->base, s->head) || !streq(c->config, config_hash) ||
		c->pending.stage == PENDING_MEASURED);
}

/*
 * Branch or references without a journal are the remains of a campaign whose record is
 * gone: to begin from zero would spend its caps a second time.
 */
static int refuse_remains(struct session *s, struct sbx_err *err)
{
	cleanup_free struct commit_ref *refs = NULL;
	struct sbx_err why = { 0 };
	char tip[COMMIT_HEX + 1];
	size_t n = 0;
	int r;

	r = branch_tip(s->repo, s->tag, tip, &why);
	if (r < 0 && r != -ENOENT) {
		*err = why;
		return r;
	}
	if (r == 0)
		return sbx_err_set(
			err, -EEXIST, "loop",
			"the branch autoexp/%s exists, but the"
			" journal of its campaign (%s/" JOURNAL_FILE ") does not."
			" Restore the journal, choose another --tag, or give the name up"
			" with: git branch -D autoexp/%s",
			s->tag, s->dir, s->tag);
	r = commit_list(s->repo, s->tag, &refs, &n, err);
	if (r < 0)
		return r;
	if (n)
		return sbx_err_set(err, -EEXIST, "loop",
				   "refs/autoexp/%s/ holds %zu experiments,"
				   " but the journal of their campaign (%s/" JOURNAL_FILE
				   ") is"
				   " gone. Restore it, or choose another --tag",
				   s->tag, n, s->dir);
	return 0;
}

static int add_mount(struct session *s, const char *path, bool scratch,
		     struct checkout_mount *m, char **rel, struct sbx_err *err)
{
	struct stat st;
	int r;

	r = repo_relpath(s->repo, path, rel, NULL);
	if (r == -ENOMEM)
		return sbx_err_oom(err, "loop");
	if (r < 0 || !**rel)
		return 0;
	if (scratch)
		*m = (struct checkout_mount){ *rel, true, true };
	else
		*m = (struct checkout_mount){ *rel,
					      stat(path, &st) < 0 || S_ISDIR(st.st_mode),
					      false };
	return 1;
}

static int make_checkout(struct session *s, const char *base, struct sbx_err *err)
{
	size_t max = strv_len(s->bench.show) + strv_len(s->bench.scratch), n = 0;
	cleanup_free struct checkout_mount *mounts = calloc(max + 1, sizeof(*mounts));
	cleanup_strv char **rels = calloc(max + 1, sizeof(*rels));
	int r;

	if (!mounts || !rels)
		return sbx_err_oom(err, "loop");
	for (size_t i = 0; i < max; i++) {
		size_t n_show = strv_len(s->bench.show);
		bool scratch = i >= n_show;
		const char *path =
			scratch ? s->bench.scratch[i - n_show] : s->bench.show[i];

		r = add_mount(s, path, scratch, &mounts[n], &rels[n], err);
		if (r < 0)
			return r;
		if (r == 0)
			free(TAKE_PTR(rels[n]));
		n += (size_t)r;
	}
	return checkout_make(s->repo, base, s->checkout, mounts, n, err);
}

static int create(struct session *s, const char *config_hash, struct sbx_err *err)
{
	struct journal_event ev = { .kind = JOURNAL_CREATE };
	char host[256];
	int r;

	r = pin_write(s->ledger.dir_fd, s->config, err);
	if (r < 0)
		return r;
	r = make_checkout(s, s->head, err);
	if (r < 0)
		return r;
	/* Better to know before there is a campaign than after. */
	r = bench_probe(&s->bench, &s->stop, s->enforcement, sizeof(s->enforcement), err);
	if (r < 0)
		return sbx_err_wrap(err, r, "the box cannot be set up");
	host_name(host);
	ev.create.tag = s->tag;
	ev.create.base = s->head;
	ev.create.target = s->target;
	ev.create.config = config_hash;
	ev.create.host = host;
	for (size_t i = 0; i < s->config->n_metrics; i++)
		ev.create.metrics[ev.create.n_metrics++] = s->config->metrics[i].name;
	return ledger_create(&s->ledger, &ev, err);
}

/* The branch against what the journal says of it. */
static int settle_branch(struct session *s, const char *old_base, struct sbx_err *err)
{
	const struct campaign *c = &s->ledger.campaign;
	struct sbx_err why = { 0 };
	char tip[COMMIT_HEX + 1];
	int r;

	r = branch_recover(s->repo, s->tag, err);
	if (r < 0)
		return r;
	r = branch_tip(s->repo, s->tag, tip, &why);
	if (r == -ENOENT && !c->baseline.known)
		return branch_create(s->repo, s->tag, c->base, err);
	if (r == -ENOENT)
		return sbx_err_set(err, -ENOENT, "loop",
				   "the branch autoexp/%s is gone; put it"
				   " back with: git branch autoexp/%s %s",
				   s->tag, s->tag, c->branch);
	if (r < 0) {
		*err = why;
		return r;
	}
	r = branch_check_free(s->repo, s->tag, err);
	if (r < 0 || streq(tip, c->branch))
		return r;
	/* A kill between the journal's word and the move leaves it one step behind. */
	if (streq(tip, c->pending.parent.commit) || (old_base && streq(tip, old_base)))
		return branch_advance(s->repo, s->tag, tip, c->branch, err);
	return sbx_err_set(
		err, -ESTALE, "loop",
		"the branch autoexp/%s is at %.12s, but the"
		" campaign left it at %.12s. To go on, put it back: git branch -f"
		" autoexp/%s %s (`autoexp fsck --repair` does the same)",
		s->tag, tip, c->branch, s->tag, c->branch);
}

/*
 * A keep and the word that the branch moves are written together, but a power cut may have
 * torn the second off: the branch belongs at the last keep all the same.
 */
static int repeat_advance(struct session *s, struct sbx_err *err)
{
	const struct campaign *c = &s->ledger.campaign;
	struct journal_event ev = { .kind = JOURNAL_ADVANCE };

	if (!c->incumbent.known || streq(c->branch, c->incumbent.commit))
		return 0;
	ev.number = c->incumbent.number;
	ev.advance.commit = c->incumbent.commit;
	return ledger_append(&s->ledger, &ev, 1, err);
}

/* Decide between beginning, beginning again and going on; the lock is held. */
static int open_books(struct session *s, bool exists, struct sbx_err *err)
{
	cleanup_free struct campaign *old = calloc(1, sizeof(*old));
	char hash[COMMIT_HEX + 1];
	bool again = false;
	int r;

	if (!old)
		return sbx_err_oom(err, "loop");
	r = blob_name(s->config->text, s->config->text_len, hash, err);
	if (r < 0)
		return r;
	if (exists) {
		r = campaign_load(s->ledger.dir_fd, NULL, NULL, old, NULL, err);
		if (r < 0)
			return r;
		again = begins_again(s, old, hash);
	}
	if (again && renameat(s->ledger.dir_fd, JOURNAL_FILE, s->ledger.dir_fd,
			      FAILED_JOURNAL) < 0)
		return sbx_err_errno(err, -errno, "loop",
				     "cannot set the old journal aside");
	s->exists = exists && !again;
	if (!s->exists) {
		if (!again && (r = refuse_remains(s, err)) < 0)
			return r;
		r = create(s, hash, err);
	} else {
		r = make_checkout(s, old->base, err);
		if (r == 0)
			r = ledger_open(&s->ledger, on_row, s, err);
		if (r == 0)
			r = repeat_advance(s, err);
	}
	return r < 0 ? r : settle_branch(s, again ? old->base : NULL, err);
}

/* The content that proposals start from, where no row gave it yet. */
static int read_base(struct session *s, struct sbx_err *err)
{
	const struct campaign *c = &s->ledger.campaign;

	if (c->baseline.known)
		return 0;
	return repo_read(s->repo, c->base, s->target, TARGET_BYTES_MAX, &s->incumbent,
			 err);
}

int session_open(struct session *s, struct sbx_err *err)
{
	bool exists;
	int r;

	r = stop_open(&s->stop, err);
	if (r < 0)
		return r;
	if (guard_new(&s->guard) < 0)
		return sbx_err_oom(err, "loop");
	if (!s->options->is_try && (r = proposer_new(s->config, &s->proposer, err)) < 0)
		return r;
	if ((r = ledger_lock(&s->ledger, repo_common_dir(s->repo), repo_workdir(s->repo),
			     s->tag, &exists, err)) < 0 ||
	    (r = open_books(s, exists, err)) < 0 || (r = read_base(s, err)) < 0 ||
	    (r = repo_exclude(s->repo, err)) < 0)
		return r;
	if (!s->options->is_try &&
	    (r = pin_write_caps(s->ledger.dir_fd, s->config, err)) < 0)
		return r;
	if (s->ledger.notice[0])
		session_note(s, "%s", s->ledger.notice);
	s->opened_us = s->saved_us = now_us();
	s->active_us = s->booked_us = s->ledger.campaign.active_us;
	return purse_open(s, err);
}
