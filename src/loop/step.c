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

#include <stdarg.h>

#include "base/clock.h"
#include "base/escape.h"
#include "loop/attempt.h"
#include "loop/purse.h"
#include "loop/rundir.h"

#define SETUP_TRIES   3
#define SAVE_EVERY_US (60 * USEC_PER_SEC)

int loop_ends(struct loop_result *ret, enum loop_end end, const char *fmt, ...)
{
	va_list ap;

	ret->end = end;
	va_start(ap, fmt);
	vsnprintf(ret->reason, sizeof(ret->reason), fmt, ap);
	va_end(ap);
	return 0;
}

static void on_progress(void *user, uint64_t wall_us, uint64_t memory_bytes)
{
	struct attempt *a = user;
	struct session *s = a->s;
	struct journal_event ev[2];

	/*
	 * A kill must not give hours back. When this cannot be written, neither can what
	 * comes at the end of the run, which says so.
	 */
	if (now_us() - s->saved_us >= SAVE_EVERY_US) {
		s->saved_us = now_us();
		ledger_append(&s->ledger, ev, purse_events(s, ev), NULL);
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
	struct journal_event *ev = attempt_event(a, JOURNAL_RUN);
	cleanup_close int dir = -EBADF;
	const char *enforcement;
	int r;

	ev->run.attempt = a->c->pending.attempts + 1;
	ev->run.boot_id = a->boot_id;
	ev->run.pid = getpid();
	r = attempt_flush(a, err);
	if (r < 0)
		return r;
	r = rundir_open(s->ledger.derived_fd, a->c->pending.number, true, &dir, err);
	if (r < 0)
		return r;
	if (s->observer->run)
		s->observer->run(s->observer->user, s);
	measurement_done(&a->m);
	r = bench_measure(&s->bench, dir, s->run_us, &s->stop, &events, &a->m, err);
	if (r < 0)
		return r;
	a->has_measurement = a->has_outcome = true;
	a->outcome = a->m.outcome;
	a->metrics = a->outcome.verdict == VERDICT_OK ? a->outcome.metrics : NULL;
	if (a->m.box &&
	    json_get_str_or(a->m.box, "enforcement", "", &enforcement, NULL) == 0)
		snprintf(s->enforcement, sizeof(s->enforcement), "%s", enforcement);
	return 0;
}

/* A cap ended the run: which one, is for who knows them. */
static int capped(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	char reason[300];
	int r;

	r = purse_ask(a->s, 0, reason, sizeof(reason), err);
	if (r < 0)
		return r;
	if (r > 0)
		snprintf(reason, sizeof(reason), "there is more left now, go on");
	return loop_ends(ret, LOOP_CAP,
			 "a cap ended experiment %04u, which is run again when there is"
			 " more left: %s",
			 a->c->pending.number, reason);
}

/* The run did not say anything about the candidate. Return: 0 to try again, else the end
 */
static int interrupted(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	struct journal_event *ev = attempt_event(a, JOURNAL_INTERRUPTED);
	int r;

	ev->interrupted.attempt = a->c->pending.attempts;
	ev->interrupted.reason = a->outcome.reason;
	ev->interrupted.active_us = session_active_us(a->s);
	ev->interrupted.compute_nano = purse_book(a->s);
	r = attempt_flush(a, err);
	if (r == 0)
		r = purse_settle(a->s, err);
	if (r < 0)
		return r;
	a->has_outcome = a->has_measurement = false;
	a->metrics = NULL;
	if (a->m.capped)
		return capped(a, ret, err);
	if (a->s->stop.wish != STOP_NO)
		return loop_ends(ret, LOOP_STOPPED,
				 "stopped; experiment %04u was interrupted and"
				 " is run again next time",
				 a->c->pending.number);
	session_note(a->s, "experiment %04u was interrupted (%s)", a->c->pending.number,
		     a->outcome.reason);
	return 0;
}

/* The host failed. Return: 0 to try again, else the end */
static int setup_failed(struct attempt *a, unsigned tries, const struct sbx_err *why,
			struct loop_result *ret, struct sbx_err *err)
{
	int r;

	if (!a->outcome.reason[0])
		escape_str(a->outcome.reason, sizeof(a->outcome.reason), why->msg);
	attempt_add_outcome(a);
	r = attempt_flush(a, err);
	if (r < 0)
		return r;
	a->has_outcome = a->has_measurement = false;
	a->metrics = NULL;
	if (tries >= SETUP_TRIES)
		return loop_ends(ret, LOOP_SETUP,
				 "the box could not be set up in %u tries,"
				 " experiment %04u waits: %s",
				 tries, a->c->pending.number, why->msg);
	return 0;
}

/* May a run start now? Return: 1; 0 with the end; negative errno */
static int may_run(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	char reason[300];
	int r;

	if (stop_check(&a->s->stop) == STOP_NOW)
		return loop_ends(ret, LOOP_STOPPED,
				 "stopped; experiment %04u is run next time",
				 a->c->pending.number);
	r = purse_ask(a->s, 0, reason, sizeof(reason), err);
	return r != 0 ? r : loop_ends(ret, LOOP_CAP, "%s", reason);
}

static int run_to_outcome(struct attempt *a, struct loop_result *ret, struct sbx_err *err)
{
	int r;

	for (unsigned tries = 1;;) {
		struct sbx_err why = { 0 };

		if (attempt_needs_no_run(a))
			return attempt_decide(a, err);
		r = may_run(a, ret, err);
		if (r <= 0)
			return r < 0 ? r : attempt_flush(a, err);
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
	r = attempt_verify(a, err);
	if (r < 0)
		return r;
	attempt_add_outcome(a);
	return attempt_judge(a, ret, err);
}

int step_finish(struct session *s, struct loop_result *ret, struct sbx_err *err)
{
	cleanup(attempt_done) struct attempt a = { .s = s, .c = &s->ledger.campaign };
	bool measured = a.c->pending.stage == PENDING_MEASURED;
	int r;

	*ret = (struct loop_result){ LOOP_ON };
	host_boot_id(a.boot_id);
	r = attempt_take_up(&a, err);
	if (r < 0)
		return sbx_err_wrap(err, r, "experiment %04u", a.c->pending.number);
	return measured ? attempt_judge(&a, ret, err) : run_to_outcome(&a, ret, err);
}
