/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The order of writes of one experiment, with what each costs in syncs:
 *
 *	candidate file        1   its content can be found again ...
 *	PROPOSE               1   ... before its number is used
 *	commit, reference     6
 *	COMMIT, RUN           1   together, for nothing happens between them
 *	the run
 *	run.json              0   evidence, not state
 *	OUTCOME, DECIDE       1   together; on a keep with ADVANCE, and then
 *	branch                2
 */

#include "loop/step.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/strv.h"
#include "judge/judge.h"
#include "ledger/lock.h"
#include "loop/rundir.h"
#include "repo/blob.h"
#include "repo/branch.h"
#include "repo/commit.h"
#include "repo/worktree.h"

#define SETUP_TRIES 3
#define SAVE_EVERY_US (60 * USEC_PER_SEC)
#define TAIL_BYTES 2048

/* The experiment in hand, with the events that wait to be written together. */
struct attempt {
	struct session *s;
	const struct campaign *c;
	struct journal_event ev[4];
	size_t n_ev;
	struct buf content;
	bool has_content;
	char commit[COMMIT_HEX + 1];
	char boot_id[BOOT_ID_SIZE];
	struct outcome outcome;
	bool has_outcome;
	struct measurement m;
	bool has_measurement;
	struct decision decision;
	const double *metrics; /* of the row */
};

static void attempt_done(struct attempt *a)
{
	buf_done(&a->content);
	measurement_done(&a->m);
}

int loop_ends(struct loop_result *ret, enum loop_end end, const char *fmt, ...)
{
	va_list ap;

	ret->end = end;
	va_start(ap, fmt);
	vsnprintf(ret->reason, sizeof(ret->reason), fmt, ap);
	va_end(ap);
	return 0;
}

static struct journal_event *add_event(struct attempt *a, enum journal_kind kind)
{
	struct journal_event *ev = &a->ev[a->n_ev++];

	assert(a->n_ev <= ARRAY_SIZE(a->ev));
	*ev = (struct journal_event){ .kind = kind, .number = a->c->pending.number };
	return ev;
}

static int flush(struct attempt *a, struct sbx_err *err)
{
	int r = a->n_ev ? ledger_append(&a->s->ledger, a->ev, a->n_ev, err) : 0;

	a->n_ev = 0;
	return r;
}

/* --- the candidate file and the proposal --- */

static int open_candidate(struct session *s)
{
	const int flags = O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(s->ledger.dir_fd, "candidate", flags);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	fd = openat(s->ledger.dir_fd, "candidate", flags | O_CREAT | O_EXCL, 0600);
	/* Its name, too, has to outlast a power cut. */
	if (fd < 0 || fsync(s->ledger.dir_fd) < 0) {
		int r = -errno;

		fd_close(fd);
		return r;
	}
	return fd;
}

/* Written in place: a torn one is told by its name, and it can be made again from git. */
static int write_candidate(struct session *s, const char *content, size_t len,
			   struct sbx_err *err)
{
	cleanup_free char *shown = str_printf("%s/%s", s->checkout, s->target);
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r;

	if (!shown)
		return sbx_err_oom(err, "loop");
	fd = open_candidate(s);
	r = fd < 0 ? fd : fd_write_all(fd, content, len);
	/* As executable as it is in the commit. */
	if (r == 0 && (lstat(shown, &st) < 0 || fchmod(fd, st.st_mode & 0777) < 0 ||
		       fdatasync(fd) < 0))
		r = -errno;
	return r < 0 ? sbx_err_errno(err, r, "loop", "cannot write the candidate") : 0;
}

int step_propose(struct session *s, const struct candidate *c, const char *proposer,
		 struct sbx_err *err)
{
	struct journal_event ev = { .kind = JOURNAL_PROPOSE, .number = c->number };
	char name[COMMIT_HEX + 1] = "";
	int r;

	if (c->content) {
		if ((r = blob_name(c->content, c->len, name, err)) < 0 ||
		    (r = write_candidate(s, c->content, c->len, err)) < 0)
			return r;
	}
	ev.propose.description = c->description;
	ev.propose.content = name;
	ev.propose.proposer = proposer;
	return ledger_append(&s->ledger, &ev, 1, err);
}

int step_baseline(struct session *s, struct sbx_err *err)
{
	struct candidate c = {
		.number = 0,
		.description = (char *)"baseline",
		.content = (char *)buf_str(&s->incumbent),
		.len = s->incumbent.len,
	};

	return step_propose(s, &c, "baseline", err);
}

/* --- content and commit --- */

static int check_name(struct attempt *a, const char *where, struct sbx_err *err)
{
	char name[COMMIT_HEX + 1];
	int r;

	r = blob_name(buf_str(&a->content), a->content.len, name, err);
	if (r < 0)
		return r;
	if (!streq(name, a->c->pending.content))
		return sbx_err_set(err, -EBADMSG, "loop", "%s does not hold what the journal says"
				   " of experiment %04u", where, a->c->pending.number);
	return 0;
}

/*
 * The content of the experiment in hand: from its commit, and then the candidate file is
 * made again from it; else from the candidate file.
 */
static int load_content(struct attempt *a, struct sbx_err *err)
{
	struct session *s = a->s;
	int r;

	a->has_content = a->c->pending.content[0];
	if (!a->has_content)
		return 0;
	if (a->commit[0]) {
		r = repo_read(s->repo, a->commit, s->target, TARGET_BYTES_MAX, &a->content, err);
		if (r == 0)
			r = check_name(a, "its commit", err);
		return r < 0 ? r : write_candidate(s, a->content.data, a->content.len, err);
	}
	r = file_read(s->ledger.dir_fd, "candidate", O_NOFOLLOW, TARGET_BYTES_MAX, &a->content);
	if (r < 0)
		return sbx_err_errno(err, r, "loop", "cannot read the candidate");
	return check_name(a, "the candidate file", err);
}

/*
 * A candidate file that somebody removed or changed before it was committed: the experiment
 * is used up, and ends as one without a valid edit.
 */
static int propose_without(struct attempt *a, struct sbx_err *err)
{
	char description[JOURNAL_TEXT_MAX + 1], proposer[sizeof(a->c->pending.proposer)];
	struct journal_event *ev = add_event(a, JOURNAL_PROPOSE);

	snprintf(description, sizeof(description), "%s", a->c->pending.description);
	snprintf(proposer, sizeof(proposer), "%s", a->c->pending.proposer);
	ev->propose.description = description;
	ev->propose.content = "";
	ev->propose.proposer = proposer;
	a->has_content = false;
	session_note(a->s, "the candidate of experiment %04u was lost before it was committed",
		     a->c->pending.number);
	return flush(a, err);
}

/* The commit the journal knows, or one made before its word came to the journal. */
static int find_commit(struct attempt *a, struct sbx_err *err)
{
	const struct pending *p = &a->c->pending;
	int r;

	if (p->commit[0] || p->number == 0) {
		snprintf(a->commit, sizeof(a->commit), "%s", p->commit[0] ? p->commit : a->c->base);
		return 0;
	}
	r = commit_lookup(a->s->repo, a->s->tag, p->number, a->commit, NULL);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? commit_lookup(a->s->repo, a->s->tag, p->number, a->commit, err) : 0;
}

static int make_commit(struct attempt *a, struct sbx_err *err)
{
	const struct pending *p = &a->c->pending;
	struct commit_spec spec = {
		.tag = a->s->tag,
		.number = p->number,
		.parent = p->parent.commit,
		.path = a->s->target,
		.content = a->has_content ? buf_str(&a->content) : NULL,
		.len = a->content.len,
		.message = p->description,
	};
	int r;

	if (!a->commit[0]) {
		r = commit_experiment(a->s->repo, &spec, a->commit, err);
		if (r < 0)
			return r;
	}
	add_event(a, JOURNAL_COMMIT)->commit.commit = a->commit;
	return 0;
}

/* --- the decision --- */

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
	r = rundir_open(a->s->ledger.derived_fd, row.number, true, &dir, err);
	if (r < 0)
		return r;
	return rundir_write(dir, a->s->config, &row, a->has_measurement ? &a->m : NULL, err);
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
	r = session_learn(s, &row, a->has_content ? buf_str(&a->content) : NULL, a->content.len,
			  err);
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

static int decide(struct attempt *a, struct sbx_err *err)
{
	bool keep = a->decision.status == STATUS_KEEP;
	struct journal_event *ev, copy;
	int r;

	r = write_evidence(a, err);
	if (r < 0)
		return r;
	ev = add_event(a, JOURNAL_DECIDE);
	ev->decide.decision = a->decision;
	if (!a->has_outcome && a->metrics) {
		memcpy(ev->decide.metrics, a->metrics, sizeof(ev->decide.metrics));
		ev->decide.n_metrics = a->c->n_metrics;
	}
	if (keep && a->c->pending.number)
		add_event(a, JOURNAL_ADVANCE)->advance.commit = a->commit;
	r = flush(a, err);
	if (r < 0)
		return r;
	copy = *ev;
	return carry_out(a, &copy, err);
}

/* Need it not be run at all? Return: 1 with the decision */
static int needs_no_run(struct attempt *a)
{
	const struct pending *p = &a->c->pending;
	struct guard_result g;

	if (p->number == 0)
		return 0;
	if (p->interruptions >= CAMPAIGN_INTERRUPTIONS_MAX) {
		a->decision = (struct decision){ .status = STATUS_DISCARD };
		snprintf(a->decision.reason, sizeof(a->decision.reason),
			 "not measurable: interrupted %u times", p->interruptions);
		return 1;
	}
	guard_check(a->s->guard, buf_str(&a->s->incumbent), a->s->incumbent.len,
		    a->has_content ? buf_str(&a->content) : NULL, a->content.len, &g);
	if (g.answer == GUARD_RUN)
		return 0;
	a->decision = g.decision;
	if (g.answer == GUARD_DUPLICATE)
		a->metrics = session_metrics(a->s, g.same_as);
	return 1;
}

/* --- the run --- */

static void on_progress(void *user, uint64_t wall_us, uint64_t memory_bytes)
{
	struct attempt *a = user;
	struct session *s = a->s;
	struct journal_event ev = { .kind = JOURNAL_HOURS };

	/*
	 * A kill must not give hours back. When this cannot be written, neither can what comes
	 * at the end of the run, which says so.
	 */
	if (now_us() - s->saved_us >= SAVE_EVERY_US) {
		s->saved_us = now_us();
		ev.hours.active_us = session_active_us(s);
		ledger_append(&s->ledger, &ev, 1, NULL);
	}
	if (s->observer->progress)
		s->observer->progress(s->observer->user, s, wall_us, memory_bytes);
}

static void on_wish(void *user, enum stop_wish wish)
{
	struct attempt *a = user;

	if (a->s->observer->wish)
		a->s->observer->wish(a->s->observer->user, wish);
}

static int measure(struct attempt *a, struct sbx_err *err)
{
	struct session *s = a->s;
	struct bench_events events = { on_progress, on_wish, a };
	struct journal_event *ev = add_event(a, JOURNAL_RUN);
	cleanup_close int dir = -EBADF;
	const char *enforcement;
	uint64_t left;
	int r;

	ev->run.attempt = a->c->pending.attempts + 1;
	ev->run.boot_id = a->boot_id;
	ev->run.pid = getpid();
	r = flush(a, err);
	if (r < 0)
		return r;
	r = rundir_open(s->ledger.derived_fd, a->c->pending.number, true, &dir, err);
	if (r < 0)
		return r;
	if (s->observer->run)
		s->observer->run(s->observer->user, s);
	left = budget_left_us(s->config->caps, a->c, session_active_us(s));
	measurement_done(&a->m);
	r = bench_measure(&s->bench, dir, left, &s->stop, &events, &a->m, err);
	if (r < 0)
		return r;
	a->has_measurement = a->has_outcome = true;
	a->outcome = a->m.outcome;
	a->metrics = a->outcome.verdict == VERDICT_OK ? a->outcome.metrics : NULL;
	if (a->m.box && json_get_str_or(a->m.box, "enforcement", "", &enforcement, NULL) == 0)
		snprintf(s->enforcement, sizeof(s->enforcement), "%s", enforcement);
	return 0;
}

/* The run did not say anything about the candidate. Return: 0 to try again, else the end */
static int interrupted(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	struct journal_event *ev = add_event(a, JOURNAL_INTERRUPTED);
	int r;

	ev->interrupted.attempt = a->c->pending.attempts;
	ev->interrupted.reason = a->outcome.reason;
	ev->interrupted.active_us = session_active_us(a->s);
	r = flush(a, err);
	if (r < 0)
		return r;
	a->has_outcome = a->has_measurement = false;
	a->metrics = NULL;
	if (a->m.capped)
		return loop_ends(ret, LOOP_CAP, "the cap on hours is reached: experiment %04u was"
				 " interrupted and is run again when there is more time;"
				 " --max-hours extends it", a->c->pending.number);
	if (a->s->stop.wish != STOP_NO)
		return loop_ends(ret, LOOP_STOPPED, "stopped; experiment %04u was interrupted and"
				 " is run again next time", a->c->pending.number);
	session_note(a->s, "experiment %04u was interrupted (%s)", a->c->pending.number,
		     a->outcome.reason);
	return 0;
}

static int add_outcome(struct attempt *a)
{
	struct journal_event *ev = add_event(a, JOURNAL_OUTCOME);

	ev->outcome.outcome = a->outcome;
	ev->outcome.n_metrics = a->metrics ? a->c->n_metrics : 0;
	ev->outcome.active_us = session_active_us(a->s);
	return 0;
}

/* The host failed. Return: 0 to try again, else the end */
static int setup_failed(struct attempt *a, unsigned tries, const struct sbx_err *why,
			struct loop_result *ret, struct sbx_err *err)
{
	int r;

	if (!a->outcome.reason[0])
		escape_str(a->outcome.reason, sizeof(a->outcome.reason), why->msg);
	add_outcome(a);
	r = flush(a, err);
	if (r < 0)
		return r;
	a->has_outcome = a->has_measurement = false;
	a->metrics = NULL;
	if (tries >= SETUP_TRIES)
		return loop_ends(ret, LOOP_SETUP, "the box could not be set up in %u tries,"
				 " experiment %04u waits: %s", tries, a->c->pending.number,
				 why->msg);
	return 0;
}

/* --- what a measurement leads to --- */

static int verify(struct attempt *a, struct sbx_err *err)
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
		 "the private checkout was changed: %s", escape_str(shown, sizeof(shown), what));
	return 0;
}

static int baseline_failed(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	const struct loop_observer *o = a->s->observer;
	cleanup_buf struct buf tail = BUF_INIT;
	cleanup_close int dir = -EBADF;
	const char *hint = "";
	int r;

	r = write_evidence(a, err);
	if (r == 0)
		r = flush(a, err);
	if (r < 0)
		return r;
	if (rundir_open(a->s->ledger.derived_fd, 0, false, &dir, NULL) == 0 &&
	    rundir_tail(dir, TAIL_BYTES, &tail) == 0 && tail.len) {
		if (o->baseline_output)
			o->baseline_output(o->user, tail.data, tail.len);
		if (memmem(tail.data, tail.len, "Read-only file system", 21) ||
		    memmem(tail.data, tail.len, "EROFS", 5))
			hint = ". The harness tried to write inside the repository, which is"
			       " read-only: name the directory it writes to under scratch_paths:";
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
		int r = flush(a, err);

		return r < 0 ? r : loop_ends(ret, LOOP_BASELINE, "%s", why.msg);
	}
	a->decision = (struct decision){ STATUS_KEEP, "baseline: what the others are measured"
						      " against" };
	return decide(a, err);
}

/* The outcome is known; its event waits in @a unless the journal has it already. */
static int judge(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	int r;

	if (a->c->pending.number == 0)
		return judge_baseline(a, ret, err);
	judge_decide(a->s->config, a->c->baseline.metrics, a->c->pending.parent.metrics,
		     &a->outcome, &a->decision);
	r = decide(a, err);
	if (r == 0 && a->outcome.verdict == VERDICT_TAMPER)
		return loop_ends(ret, LOOP_TAMPER, "%s; nothing measured from now on could be"
				 " trusted. `autoexp run` goes on with a new checkout",
				 a->outcome.reason);
	return r;
}

/* May a run start now? Return: 1; 0 with the end */
static int may_run(struct attempt *a, struct loop_result *ret)
{
	struct session *s = a->s;
	struct budget_need need = {
		.active_us = session_active_us(s),
		.run_us = a->c->incumbent.known ? a->c->incumbent.wall_us : 0,
	};
	char reason[300];

	if (stop_check(&s->stop) == STOP_NOW) {
		loop_ends(ret, LOOP_STOPPED, "stopped; experiment %04u is run next time",
			  a->c->pending.number);
		return 0;
	}
	if (budget_check(s->config->caps, a->c, &need, reason, sizeof(reason)) != BUDGET_GO) {
		loop_ends(ret, LOOP_CAP, "%s", reason);
		return 0;
	}
	return 1;
}

static int run_to_outcome(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	int r;

	for (unsigned tries = 1;;) {
		struct sbx_err why = { 0 };

		if (needs_no_run(a))
			return decide(a, err);
		if (!may_run(a, ret))
			return flush(a, err);
		r = measure(a, &why);
		if (r < 0) {
			*err = why;
			return r;
		}
		if (a->outcome.verdict == VERDICT_INTERRUPTED)
			r = interrupted(a, ret, err);
		else if (a->outcome.verdict == VERDICT_SETUP_ERROR)
			r = setup_failed(a, tries++, &why, ret, err);
		else
			break;
		if (r < 0 || ret->end != LOOP_ON)
			return r;
	}
	r = verify(a, err);
	if (r < 0)
		return r;
	add_outcome(a);
	return judge(a, ret, err);
}

static int take_up(struct attempt *a, struct sbx_err *err)
{
	const struct pending *p = &a->c->pending;
	struct sbx_err lost = { 0 };
	struct journal_event *ev;
	int r;

	r = find_commit(a, err);
	if (r < 0)
		return r;
	r = load_content(a, &lost);
	if (r < 0 && (a->commit[0] || (r != -ENOENT && r != -EBADMSG))) {
		*err = lost;
		return r;
	}
	if (r < 0 && (r = propose_without(a, err)) < 0)
		return r;
	if (p->stage == PENDING_PROPOSED)
		return make_commit(a, err);
	if (p->stage == PENDING_MEASURED) {
		a->outcome = p->outcome;
		a->has_outcome = true;
		a->metrics = p->has_metrics ? p->metrics : NULL;
		return 0;
	}
	if (p->stage != PENDING_RUNNING)
		return 0;
	ev = add_event(a, JOURNAL_INTERRUPTED);
	ev->interrupted.attempt = p->attempts;
	ev->interrupted.reason = "the supervisor ended while it ran";
	ev->interrupted.active_us = session_active_us(a->s);
	return flush(a, err);
}

int step_finish(struct session *s, struct loop_result *ret, struct sbx_err *err)
{
	cleanup(attempt_done) struct attempt a = { .s = s, .c = &s->ledger.campaign };
	bool measured = a.c->pending.stage == PENDING_MEASURED;
	int r;

	*ret = (struct loop_result){ LOOP_ON };
	host_boot_id(a.boot_id);
	r = take_up(&a, err);
	if (r < 0)
		return sbx_err_wrap(err, r, "experiment %04u", a.c->pending.number);
	return measured ? judge(&a, ret, err) : run_to_outcome(&a, ret, err);
}
