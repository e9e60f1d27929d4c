/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From an outcome to a row: evidence, decision, branch, what others learn from it.
 */

#include "base/escape.h"
#include "judge/judge.h"
#include "loop/attempt.h"
#include "loop/purse.h"
#include "loop/rundir.h"
#include "repo/branch.h"
#include "repo/commit.h"
#include "repo/worktree.h"

#define TAIL_BYTES 2048

static void fill_row(const struct attempt *a, struct row *row)
{
	const struct pending *p = &a->c->pending;

	*row = (struct row){
		.number = p->number,
		.commit = a->commit,
		.parent = p->number ? p->parent.commit : "",
		.description = p->description,
		.content = p->content,
		.proposer = p->proposer,
		.outcome = a->has_outcome ? &a->outcome : NULL,
		.decision = a->decision.reason[0] ? &a->decision : NULL,
		.incumbent = p->number ? p->parent.metrics : NULL,
		.metrics = a->metrics,
		.n_metrics = a->c->n_metrics,
	};
}

static int write_evidence(struct attempt *a, struct sbx_err *err)
{
	cleanup_close int dir = -EBADF;
	struct row row;
	int r;

	fill_row(a, &row);
	/* A run takes long: somebody may have cleaned the working tree meanwhile. */
	r = ledger_refresh(&a->s->ledger, err);
	if (r == 0)
		r = rundir_open(a->s->ledger.derived_fd, row.number, true, &dir, err);
	if (r < 0)
		return r;
	return rundir_write(dir, a->s->config, &row, a->has_measurement ? &a->m : NULL,
			    err);
}

/* The decision is on disk: what follows from it. */
static int carry_out(struct attempt *a, struct journal_event *decide, struct sbx_err *err)
{
	struct session *s = a->s;
	struct sbx_err tidy = { 0 };
	struct row row;
	int r;

	fill_row(a, &row);
	row.time = decide->time;
	if (a->decision.status == STATUS_KEEP && row.number) {
		r = branch_advance(s->repo, s->tag, row.parent, a->commit, err);
		if (r < 0)
			return r;
	}
	r = session_learn(s, &row, a->has_content ? buf_str(&a->content) : NULL,
			  a->content.len, err);
	if (r < 0)
		return r;
	s->last_number = row.number;
	s->last_decision = a->decision;
	if (s->observer->row)
		s->observer->row(s->observer->user, s, &row);
	if (commit_tidy(s->repo, row.number, &tidy) < 0)
		session_note(s, "%s", tidy.msg);
	return 0;
}

int attempt_decide(struct attempt *a, struct sbx_err *err)
{
	bool keep = a->decision.status == STATUS_KEEP;
	struct journal_event *ev, copy;
	int r;

	r = write_evidence(a, err);
	if (r < 0)
		return r;
	ev = attempt_event(a, JOURNAL_DECIDE);
	ev->decide.decision = a->decision;
	if (!a->has_outcome && a->metrics) {
		memcpy(ev->decide.metrics, a->metrics, sizeof(ev->decide.metrics));
		ev->decide.n_metrics = a->c->n_metrics;
	}
	if (keep && a->c->pending.number)
		attempt_event(a, JOURNAL_ADVANCE)->advance.commit = a->commit;
	r = attempt_flush(a, err);
	if (r < 0)
		return r;
	copy = *ev;
	return carry_out(a, &copy, err);
}

bool attempt_needs_no_run(struct attempt *a)
{
	const struct pending *p = &a->c->pending;
	struct guard_result g;

	if (p->number == 0)
		return false;
	if (p->interruptions >= CAMPAIGN_INTERRUPTIONS_MAX) {
		a->decision = (struct decision){ .status = STATUS_DISCARD };
		snprintf(a->decision.reason, sizeof(a->decision.reason),
			 "not measurable: interrupted %u times", p->interruptions);
		return true;
	}
	guard_check(a->s->guard, buf_str(&a->s->incumbent), a->s->incumbent.len,
		    a->has_content ? buf_str(&a->content) : NULL, a->content.len, &g);
	if (g.answer == GUARD_RUN)
		return false;
	a->decision = g.decision;
	if (g.answer == GUARD_DUPLICATE)
		a->metrics = session_metrics(a->s, g.same_as);
	return true;
}

void attempt_add_outcome(struct attempt *a)
{
	struct journal_event *ev = attempt_event(a, JOURNAL_OUTCOME);

	ev->outcome.outcome = a->outcome;
	ev->outcome.n_metrics = a->metrics ? a->c->n_metrics : 0;
	ev->outcome.active_us = session_active_us(a->s);
	ev->outcome.compute_nano = purse_book(a->s);
}

int attempt_verify(struct attempt *a, struct sbx_err *err)
{
	cleanup_free char *what = NULL;
	char shown[200];
	int r;

	r = checkout_verify(a->c->base, a->s->checkout, &what, err);
	if (r < 0 || !what)
		return r;
	a->outcome.verdict = VERDICT_TAMPER;
	a->metrics = NULL;
	snprintf(a->outcome.reason, sizeof(a->outcome.reason),
		 "the private checkout was changed: %s",
		 escape_str(shown, sizeof(shown), what));
	return 0;
}

static int baseline_failed(struct attempt *a, struct loop_result *ret,
			   struct sbx_err *err)
{
	const struct loop_observer *o = a->s->observer;
	cleanup_buf struct buf tail = BUF_INIT;
	cleanup_close int dir = -EBADF;
	const char *hint = "";
	int r;

	r = write_evidence(a, err);
	if (r == 0)
		r = attempt_flush(a, err);
	if (r < 0)
		return r;
	if (rundir_open(a->s->ledger.derived_fd, 0, false, &dir, NULL) == 0 &&
	    rundir_tail(dir, TAIL_BYTES, &tail) == 0 && tail.len) {
		if (o->baseline_output)
			o->baseline_output(o->user, tail.data, tail.len);
		if (memmem(tail.data, tail.len, "Read-only file system", 21) ||
		    memmem(tail.data, tail.len, "EROFS", 5))
			hint = ". The harness tried to write inside the repository, "
			       "which is"
			       " read-only: name the directory it writes to under "
			       "scratch_paths:";
	}
	return loop_ends(ret, LOOP_BASELINE, "the baseline failed (%s): %s%s",
			 verdict_name(a->outcome.verdict), a->outcome.reason, hint);
}

static int judge_baseline(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	struct sbx_err why = { 0 };

	if (a->outcome.verdict != VERDICT_OK)
		return baseline_failed(a, ret, err);
	if (judge_check_baseline(a->s->config, a->outcome.metrics, &why) < 0) {
		int r = attempt_flush(a, err);

		return r < 0 ? r : loop_ends(ret, LOOP_BASELINE, "%s", why.msg);
	}
	a->decision =
		(struct decision){ STATUS_KEEP, "baseline: what the others are measured"
						" against" };
	return attempt_decide(a, err);
}

int attempt_judge(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	int r;

	if (a->c->pending.number == 0)
		return judge_baseline(a, ret, err);
	judge_decide(a->s->config, a->c->baseline.metrics, a->c->pending.parent.metrics,
		     &a->outcome, &a->decision);
	r = attempt_decide(a, err);
	if (r == 0 && a->outcome.verdict == VERDICT_TAMPER)
		return loop_ends(ret, LOOP_TAMPER,
				 "%s; nothing measured from now on could be"
				 " trusted. `autoexp run` goes on with a new checkout",
				 a->outcome.reason);
	return r;
}
