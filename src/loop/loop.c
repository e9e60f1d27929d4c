/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include "loop/purse.h"

/* Caps and wishes, before the next proposal is asked for. Return: 1 if it may be; 0 */
static int may_propose(struct session *s, struct loop_result *ret, struct sbx_err *err)
{
	char reason[300];
	int r;

	if (stop_check(&s->stop) != STOP_NO)
		return loop_ends(ret, LOOP_STOPPED, "stopped as asked");
	r = purse_ask(s, 0, reason, sizeof(reason), err);
	return r != 0 ? r : loop_ends(ret, LOOP_CAP, "%s", reason);
}

static int propose(struct session *s, struct loop_result *ret, struct sbx_err *err)
{
	cleanup_candidate struct candidate c = { 0 };
	const struct campaign *cam = &s->ledger.campaign;
	struct proposal_request req = {
		.number = cam->next_number,
		.content = buf_str(&s->incumbent),
		.len = s->incumbent.len,
		.incumbent = cam->incumbent.metrics,
	};
	struct sbx_err why = { 0 };
	int r;

	r = proposer_propose(s->proposer, &req, &c, &why);
	if (r == PROPOSE_EXHAUSTED)
		return loop_ends(ret, LOOP_EXHAUSTED, "%s", why.msg);
	if (r < 0) {
		*err = why;
		return r;
	}
	return step_propose(s, &c, "builtin", err);
}

/* What an earlier process left unfinished, and the baseline. */
static int catch_up(struct session *s, struct loop_result *ret, struct sbx_err *err)
{
	const struct campaign *c = &s->ledger.campaign;
	int r;

	if (c->pending.stage == PENDING_NONE && !c->baseline.known) {
		r = step_baseline(s, err);
		if (r < 0)
			return r;
	}
	return c->pending.stage == PENDING_NONE ? 0 : step_finish(s, ret, err);
}

static int one_more(struct session *s, unsigned *idle, struct loop_result *ret,
		    struct sbx_err *err)
{
	const struct campaign *c = &s->ledger.campaign;
	int r;

	r = may_propose(s, ret, err);
	if (r > 0)
		r = propose(s, ret, err);
	if (r < 0 || ret->end != LOOP_ON)
		return r;
	r = step_finish(s, ret, err);
	if (r < 0 || ret->end != LOOP_ON)
		return r;
	*idle = c->without_run ? *idle + 1 : 0;
	if (*idle >= CAMPAIGN_IDLE_MAX)
		return loop_ends(ret, LOOP_IDLE,
				 "%u proposals in a row could not be run (no valid"
				 " edit, or tried before); `autoexp run` goes on",
				 *idle);
	return 0;
}

/* An orderly end: the hours used, what they cost, and why. */
static int record_end(struct session *s, const struct loop_result *result,
		      struct sbx_err *err)
{
	struct journal_event ev[3];
	size_t n = purse_events(s, ev);
	int r;

	ev[n] = (struct journal_event){ .kind = JOURNAL_STOP };
	ev[n++].stop.reason = result->reason;
	r = ledger_append(&s->ledger, ev, n, err);
	return r < 0 ? r : purse_settle(s, err);
}

int loop_run(struct session *s, struct loop_result *ret, struct sbx_err *err)
{
	struct loop_result result = { LOOP_ON };
	unsigned idle = 0;
	int r;

	if (s->observer->begin)
		s->observer->begin(s->observer->user, s);
	r = catch_up(s, &result, err);
	while (r == 0 && result.end == LOOP_ON)
		r = one_more(s, &idle, &result, err);
	if (r == 0)
		r = record_end(s, &result, err);
	if (r < 0)
		return r;
	*ret = result;
	return 0;
}

static int try_it(struct session *s, struct candidate *c, struct loop_result *ret,
		  struct sbx_err *err)
{
	int r;

	/* The wish to stop after an experiment means the pending one, too. */
	r = may_propose(s, ret, err);
	if (r <= 0)
		return r;
	c->number = s->ledger.campaign.next_number;
	r = step_propose(s, c, "try", err);
	return r < 0 ? r : step_finish(s, ret, err);
}

int loop_try(struct session *s, const char *content, size_t len, const char *description,
	     struct try_result *ret, struct sbx_err *err)
{
	struct candidate c = {
		.description = (char *)description,
		.content = (char *)content,
		.len = len,
	};
	struct try_result result = { .end = { LOOP_ON } };
	int r;

	if (s->observer->begin)
		s->observer->begin(s->observer->user, s);
	r = catch_up(s, &result.end, err);
	if (r == 0 && result.end.end == LOOP_ON)
		r = try_it(s, &c, &result.end, err);
	if (r == 0 && result.end.end != LOOP_ON)
		r = record_end(s, &result.end, err);
	if (r < 0)
		return r;
	result.number = s->last_number;
	result.decision = s->last_decision;
	*ret = result;
	return 0;
}
