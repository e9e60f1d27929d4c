/* SPDX-License-Identifier: Apache-2.0 */

/*
 * In the order in which one thing is needed to judge the next:
 *
 *	journal      by its checksums; cut or mended first, for the rest is held against it
 *	experiments  each row's commit, its reference, and what the commit changes
 *	references   none beyond what the journal knows
 *	branch       at the last keep
 *	the others   pinned configuration, private checkout, results.tsv and budget.log
 */

#include "loop/fsck.h"

#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/strv.h"
#include "ledger/ledger.h"
#include "ledger/salvage.h"
#include "loop/pin.h"
#include "repo/branch.h"
#include "repo/commit-check.h"
#include "repo/commit.h"
#include "repo/worktree.h"

struct fsck {
	struct repo *repo;
	const char *tag;
	bool repair;
	fsck_fn fn;
	void *user;
	struct fsck_result *result;

	struct ledger ledger;
	struct campaign c; /* what the journal says */
	struct commit_ref *refs;
	size_t n_refs;
};

static void say(struct fsck *f, enum fsck_kind kind, const char *fmt, ...)
	attr_printf(3, 4);

static void say(struct fsck *f, enum fsck_kind kind, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->result->faults += kind == FSCK_FAULT;
	f->result->mended += kind == FSCK_MENDED;
	f->fn(kind, text, f->user);
}

/* The highest number that git has a commit for, and the sums of budget.log. */
static int gather_used(struct fsck *f, struct used *ret, struct sbx_err *err)
{
	int r;

	r = commit_list(f->repo, f->tag, &f->refs, &f->n_refs, err);
	if (r == 0)
		r = budget_log_last(f->ledger.derived_fd, ret, err);
	if (r < 0)
		return r;
	if (f->n_refs)
		ret->experiments = MAX(ret->experiments, f->refs[f->n_refs - 1].number);
	return 0;
}

static void tell_journal(struct fsck *f, const struct salvage *s, const char *aside)
{
	enum fsck_kind kind = f->repair ? FSCK_MENDED : FSCK_FAULT;
	uint64_t lost = s->lines - s->good;

	if (s->mended)
		say(f, kind,
		    "journal: one byte was wrong in %" PRIu64 " of %" PRIu64
		    " lines (the first is line %" PRIu64
		    "), and the checksums tell which",
		    s->mended, s->lines, s->first_bad);
	if (lost)
		say(f, kind,
		    "journal: the last %" PRIu64 " of %" PRIu64
		    " lines are lost from line %" PRIu64
		    " on; it goes on after experiment %04u, numbers go on at %04u, and "
		    "what was used of the caps stays used",
		    lost, s->lines, s->good + 1,
		    s->at.next_number ? s->at.next_number - 1 : 0,
		    s->use.experiments + 1);
	if (*aside)
		say(f, FSCK_NOTE, "journal: as it was, it is %s/autoexp/%s/%s",
		    repo_common_dir(f->repo), f->tag, aside);
}

/* Return: 1 where the journal is whole now; 0 where it is not and everything else waits */
static int check_journal(struct fsck *f, const struct used *used, struct sbx_err *err)
{
	cleanup_free struct salvage *s = calloc(1, sizeof(*s));
	char aside[64] = "";
	int r;

	if (!s)
		return sbx_err_oom(err, "fsck");
	r = salvage_examine(f->ledger.dir_fd, used, s, err);
	if (r == -EBADMSG) {
		say(f, FSCK_FAULT, "journal: %s", err->msg);
		*err = (struct sbx_err){ 0 };
		return 0;
	}
	if (r < 0 || !s->first_bad)
		return r < 0 ? r : 1;
	if (f->repair) {
		r = salvage_repair(f->ledger.dir_fd, used, s, aside, sizeof(aside), err);
		if (r < 0)
			return r;
	}
	tell_journal(f, s, aside);
	return f->repair;
}

static const struct commit_ref *find_ref(const struct fsck *f, unsigned number)
{
	size_t low = 0, high = f->n_refs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->refs[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < f->n_refs && f->refs[low].number == number ? &f->refs[low] : NULL;
}

/* The name of an experiment's commit. Return: 0; negative errno */
static int check_name(struct fsck *f, unsigned number, const char *commit,
		      struct sbx_err *err)
{
	const struct commit_ref *ref = find_ref(f, number);
	struct sbx_err why = { 0 };
	int r;

	if (ref && streq(ref->hex, commit))
		return 0;
	if (ref) {
		say(f, FSCK_FAULT,
		    "refs/autoexp/%s/%04u names %.12s, and the journal %.12s; to go by "
		    "the "
		    "journal: git update-ref refs/autoexp/%s/%04u %.12s",
		    f->tag, number, ref->hex, commit, f->tag, number, commit);
		return 0;
	}
	if (!f->repair || repo_has_commit(f->repo, commit, NULL) != 1) {
		say(f, FSCK_FAULT, "refs/autoexp/%s/%04u is gone; its commit is %.12s",
		    f->tag, number, commit);
		return 0;
	}
	r = commit_name(f->repo, f->tag, number, commit, &why);
	if (r == -ENOMEM)
		return sbx_err_oom(err, "fsck");
	if (r < 0)
		say(f, FSCK_FAULT, "refs/autoexp/%s/%04u is gone: %s", f->tag, number,
		    why.msg);
	else
		say(f, FSCK_MENDED, "refs/autoexp/%s/%04u was gone: put back", f->tag,
		    number);
	return 0;
}

static int check_row(const struct row *row, void *user, struct sbx_err *err)
{
	struct fsck *f = user;
	struct commit_claim claim = {
		.commit = row->commit,
		.parent = row->parent,
		.path = f->c.target,
		.content = row->content,
	};
	const char *what;
	int r;

	f->result->experiments += row->number > 0;
	if (row->number == 0 || !*row->commit)
		return 0;
	r = commit_check(f->repo, &claim, &what, err);
	if (r < 0)
		return r;
	if (what) {
		say(f, FSCK_FAULT, "experiment %04u: its commit %.12s %s", row->number,
		    row->commit, what);
		return 0;
	}
	return check_name(f, row->number, row->commit, err);
}

/*
 * More was used than the journal knows of: it is an older copy. Its next experiments would
 * meet the commits of those that it forgot, and spend their money again.
 */
static int check_beyond(struct fsck *f, const struct used *used, struct sbx_err *err)
{
	const struct campaign *c = &f->c;
	bool in_hand = c->pending.stage != PENDING_NONE;
	unsigned known = c->next_number ? c->next_number - 1 : 0;
	struct journal_event ev;
	struct campaign use = *c;
	int r;

	if (used->experiments <= known && used->nano <= c->cost_nano)
		return 0;
	use.experiments = MAX(c->experiments, used->experiments);
	use.cost_nano = MAX(c->cost_nano, used->nano);
	use.active_us = MAX(c->active_us, used->active_us);
	ev = salvage_event(&use, 0);
	if (f->repair) {
		r = ledger_append(&f->ledger, &ev, 1, err);
		if (r < 0)
			return r;
	}
	say(f, f->repair ? FSCK_MENDED : FSCK_FAULT,
	    "git and budget.log know of experiments up to %04u, and the journal only up "
	    "to "
	    "%04u: it is older%s; numbers go on at %04u, and what was used of the caps "
	    "stays "
	    "used",
	    MAX(used->experiments, known), known,
	    in_hand ? ", and what it has in hand is given up" : "", use.experiments + 1);
	return 0;
}

static int check_branch(struct fsck *f, struct sbx_err *err)
{
	const struct campaign *c = &f->c;
	const char *want = c->incumbent.known ? c->incumbent.commit : c->base;
	char tip[COMMIT_HEX + 1] = "";
	struct sbx_err why = { 0 };
	int r;

	r = branch_tip(f->repo, f->tag, tip, NULL);
	if (r < 0 && r != -ENOENT)
		return branch_tip(f->repo, f->tag, tip, err);
	if (streq(tip, want))
		return 0;
	if (!f->repair) {
		say(f, FSCK_FAULT,
		    "the branch autoexp/%s is %s%.12s and belongs at %.12s", f->tag,
		    *tip ? "at " : "gone", tip, want);
		return 0;
	}
	r = *tip ? branch_advance(f->repo, f->tag, tip, want, &why)
		 : branch_create(f->repo, f->tag, want, &why);
	if (r < 0)
		say(f, FSCK_FAULT, "the branch autoexp/%s belongs at %.12s: %s", f->tag,
		    want, why.msg);
	else
		say(f, FSCK_MENDED, "the branch autoexp/%s was %s%.12s: now at %.12s",
		    f->tag, *tip ? "at " : "gone", tip, want);
	return 0;
}

static void check_pin(struct fsck *f)
{
	cleanup_config struct config *pinned = NULL;
	struct sbx_err why = { 0 };

	if (pin_read(f->ledger.dir_fd, f->c.config, repo_workdir(f->repo), f->c.target,
		     &pinned, &why) < 0)
		say(f, FSCK_FAULT, "configuration: %s", why.msg);
}

static int check_checkout(struct fsck *f, struct sbx_err *err)
{
	cleanup_free char *what = NULL, *dir = NULL;
	int r;

	dir = str_printf("%s/autoexp/%s/checkout", repo_common_dir(f->repo), f->tag);
	if (!dir)
		return sbx_err_oom(err, "fsck");
	r = checkout_verify(f->c.base, dir, &what, NULL);
	if (r < 0 || what)
		say(f, FSCK_NOTE,
		    "the private checkout %s: the next `autoexp run` makes it anew",
		    r < 0 ? "is missing or not complete" : what);
	return 0;
}

static void tell_derived(struct fsck *f, const struct derived *d)
{
	if (d->differs)
		say(f, f->repair ? FSCK_MENDED : FSCK_FAULT,
		    "%s/.autoexp/%s/%s %s what the journal says%s", repo_workdir(f->repo),
		    f->tag, d->name, f->repair ? "did not hold" : "is not",
		    f->repair ? ": made again" : "; --repair makes it again");
}

/* The journal is whole: everything else against it. */
static int check_rest(struct fsck *f, const struct used *used, struct sbx_err *err)
{
	struct journal_info info = { 0 };
	int r;

	r = campaign_load(f->ledger.dir_fd, NULL, NULL, &f->c, &info, err);
	f->result->events = (unsigned)info.lines;
	if (r == 0 && f->repair)
		r = branch_recover(f->repo, f->tag, err);
	if (r == 0)
		r = f->repair ? ledger_open(&f->ledger, check_row, f, err)
			      : ledger_look(&f->ledger, check_row, f, err);
	if (r < 0)
		return r;
	tell_derived(f, &f->ledger.results);
	tell_derived(f, &f->ledger.log);
	if (f->c.pending.stage != PENDING_NONE && f->c.pending.number &&
	    f->c.pending.commit[0] &&
	    (r = check_name(f, f->c.pending.number, f->c.pending.commit, err)) < 0)
		return r;
	if ((r = check_beyond(f, used, err)) < 0 || (r = check_branch(f, err)) < 0)
		return r;
	check_pin(f);
	return check_checkout(f, err);
}

static int check(struct fsck *f, struct sbx_err *err)
{
	struct used used = { 0 };
	bool exists;
	int r;

	r = ledger_lock(&f->ledger, repo_common_dir(f->repo), repo_workdir(f->repo),
			f->tag, &exists, err);
	if (r < 0)
		return r;
	if (!exists)
		return sbx_err_set(
			err, -ENOENT, "fsck",
			"%s/autoexp/%s has no " JOURNAL_FILE
			": restore it from a backup; without it nothing can be "
			"said of the campaign",
			repo_common_dir(f->repo), f->tag);
	r = gather_used(f, &used, err);
	if (r == 0)
		r = check_journal(f, &used, err);
	return r > 0 ? check_rest(f, &used, err) : r;
}

int fsck_campaign(struct repo *repo, const char *tag, bool repair, fsck_fn fn, void *user,
		  struct fsck_result *ret, struct sbx_err *err)
{
	struct fsck f = {
		.repo = repo,
		.tag = tag,
		.repair = repair,
		.fn = fn,
		.user = user,
		.result = ret,
		.ledger = LEDGER_INIT,
	};
	int r;

	*ret = (struct fsck_result){ 0 };
	r = check(&f, err);
	ledger_close(&f.ledger);
	free(f.refs);
	return r;
}
