/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One experiment's way through its events; everything else is a sum or a maximum.
 *
 *	event        from                  to
 *	propose      NONE                  PROPOSED; again where its content was lost
 *	commit       PROPOSED              COMMITTED
 *	run          COMMITTED, MEASURED   RUNNING
 *	outcome      RUNNING               MEASURED, after a setup-error COMMITTED
 *	interrupted  RUNNING               COMMITTED, MEASURED where it was before
 *	decide       COMMITTED, MEASURED   NONE
 *	salvage      any                   NONE
 *
 * An event is checked before it changes anything, so that a caller can try it out first.
 * Amounts never go down but by a refund: time and money survive whatever order a crash
 * left.
 */
#include "ledger/resume.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#define MUST(c, ev, cond)                                \
	do {                                             \
		if (!(cond))                             \
			return out_of_order(c, ev, err); \
	} while (0)

static const char *const stage_names[] = {
	[PENDING_NONE] = "nothing",
	[PENDING_PROPOSED] = "a proposal",
	[PENDING_COMMITTED] = "a commit",
	[PENDING_RUNNING] = "a run",
	[PENDING_MEASURED] = "a measured run",
};

static int out_of_order(const struct campaign *c, const struct journal_event *ev,
			struct sbx_err *err)
{
	return sbx_err_set(
		err, -EPROTO, "journal",
		"event %d of experiment %u cannot come here: %s of experiment %u is in "
		"hand, next is %u",
		ev->kind, ev->number, stage_names[c->pending.stage], c->pending.number,
		c->next_number);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	uint64_t v;

	/* Encoded numbers have 63 bits. */
	return __builtin_add_overflow(a, b, &v) || v > INT64_MAX ? INT64_MAX : v;
}

static void copy(char *out, size_t size, const char *s)
{
	size_t n = s ? strnlen(s, size - 1) : 0;

	if (n)
		memcpy(out, s, n);
	out[n] = '\0';
}

#define COPY(array, s) copy(array, sizeof(array), s)

static void add_usage(struct campaign *c, uint64_t active_us, uint64_t compute_nano)
{
	c->active_us = MAX(c->active_us, active_us);
	c->cost_nano = sum(c->cost_nano, compute_nano);
}

static int apply_create(struct campaign *c, const struct journal_event *ev,
			struct sbx_err *err)
{
	MUST(c, ev,
	     c->n_metrics == 0 && ev->create.n_metrics >= 1 &&
		     ev->create.n_metrics <= METRICS_MAX);
	COPY(c->tag, ev->create.tag);
	COPY(c->base, ev->create.base);
	COPY(c->branch, ev->create.base);
	COPY(c->target, ev->create.target);
	COPY(c->config, ev->create.config);
	COPY(c->host, ev->create.host);
	COPY(c->created, ev->time);
	c->n_metrics = ev->create.n_metrics;
	for (unsigned i = 0; i < c->n_metrics; i++)
		COPY(c->metrics[i], ev->create.metrics[i]);
	c->next_call = 1;
	return 0;
}

static int apply_propose(struct campaign *c, const struct journal_event *ev,
			 struct sbx_err *err)
{
	struct pending *p = &c->pending;
	bool again = p->stage == PENDING_PROPOSED && ev->number == p->number;
	bool next = p->stage == PENDING_NONE &&
		    (c->baseline.known ? ev->number == c->next_number : ev->number == 0);

	MUST(c, ev, again || next);
	if (!again && ev->number > 0)
		c->without_run++;
	c->next_number = MAX(c->next_number, ev->number + 1);
	*p = (struct pending){ .stage = PENDING_PROPOSED, .number = ev->number };
	p->parent = c->incumbent;
	COPY(p->description, ev->propose.description);
	COPY(p->content, ev->propose.content);
	COPY(p->proposer, ev->propose.proposer);
	return 0;
}

static int apply_commit(struct campaign *c, const struct journal_event *ev,
			struct sbx_err *err)
{
	struct pending *p = &c->pending;

	MUST(c, ev, p->stage == PENDING_PROPOSED && ev->number == p->number);
	COPY(p->commit, ev->commit.commit);
	p->stage = PENDING_COMMITTED;
	return 0;
}

static int apply_run(struct campaign *c, const struct journal_event *ev,
		     struct sbx_err *err)
{
	struct pending *p = &c->pending;

	MUST(c, ev,
	     (p->stage == PENDING_COMMITTED || p->stage == PENDING_MEASURED) &&
		     ev->number == p->number);
	p->stage = PENDING_RUNNING;
	p->attempts = ev->run.attempt;
	c->without_run = 0;
	return 0;
}

static void end_run(struct pending *p, const struct outcome *o)
{
	p->stage = p->has_outcome ? PENDING_MEASURED : PENDING_COMMITTED;
	if (!o || o->verdict == VERDICT_INTERRUPTED) {
		p->interruptions++;
	} else if (o->verdict == VERDICT_SETUP_ERROR) {
		p->setup_errors++;
	} else {
		p->stage = PENDING_MEASURED;
		p->has_outcome = true;
		p->outcome = *o;
		p->has_metrics = o->verdict == VERDICT_OK;
		memcpy(p->metrics, o->metrics, sizeof(p->metrics));
	}
}

static int apply_outcome(struct campaign *c, const struct journal_event *ev,
			 struct sbx_err *err)
{
	const struct outcome *o = &ev->outcome.outcome;

	MUST(c, ev,
	     c->pending.stage == PENDING_RUNNING && ev->number == c->pending.number);
	MUST(c, ev, o->verdict != VERDICT_OK || ev->outcome.n_metrics == c->n_metrics);
	end_run(&c->pending, o);
	add_usage(c, ev->outcome.active_us, ev->outcome.compute_nano);
	return 0;
}

static int apply_interrupted(struct campaign *c, const struct journal_event *ev,
			     struct sbx_err *err)
{
	MUST(c, ev,
	     c->pending.stage == PENDING_RUNNING && ev->number == c->pending.number);
	end_run(&c->pending, NULL);
	add_usage(c, ev->interrupted.active_us, ev->interrupted.compute_nano);
	return 0;
}

static void keep(struct campaign *c)
{
	const struct pending *p = &c->pending;
	struct mark m = { .known = true, .number = p->number };

	COPY(m.commit, p->commit);
	memcpy(m.metrics, p->metrics, sizeof(m.metrics));
	m.wall_us = p->has_outcome ? p->outcome.wall_us : 0;
	c->incumbent = m;
	if (p->number == 0)
		c->baseline = m;
}

static int apply_decide(struct campaign *c, const struct journal_event *ev,
			struct sbx_err *err)
{
	const unsigned given = ev->decide.n_metrics;
	struct pending *p = &c->pending;

	MUST(c, ev,
	     (p->stage == PENDING_COMMITTED || p->stage == PENDING_MEASURED) &&
		     ev->number == p->number);
	MUST(c, ev, given == 0 || given == c->n_metrics);
	MUST(c, ev, ev->decide.decision.status != STATUS_KEEP || p->has_metrics || given);
	if (given) {
		p->has_metrics = true;
		memcpy(p->metrics, ev->decide.metrics, sizeof(p->metrics));
	}
	p->stage = PENDING_NONE;
	if (ev->decide.decision.status == STATUS_KEEP)
		keep(c);
	if (ev->number > 0) {
		c->experiments++;
		c->counts[ev->decide.decision.status]++;
	}
	return 0;
}

static int apply_advance(struct campaign *c, const struct journal_event *ev,
			 struct sbx_err *err)
{
	MUST(c, ev,
	     c->incumbent.known && strcmp(ev->advance.commit, c->incumbent.commit) == 0);
	COPY(c->branch, ev->advance.commit);
	return 0;
}

static int find_call(const struct campaign *c, uint64_t call)
{
	for (unsigned i = 0; i < c->n_open_calls; i++)
		if (c->open_calls[i].call == call)
			return (int)i;
	return -1;
}

static void forget_call(struct campaign *c, unsigned i)
{
	memmove(&c->open_calls[i], &c->open_calls[i + 1],
		(--c->n_open_calls - i) * sizeof(c->open_calls[0]));
}

static int apply_cost(struct campaign *c, const struct journal_event *ev,
		      struct sbx_err *err)
{
	const uint64_t nano = ev->cost.nano;
	int open = find_call(c, ev->cost.call);

	switch (ev->cost.what) {
	case COST_RESERVE:
		MUST(c, ev, ev->cost.call == c->next_call);
		/* The oldest ones were lost in flight, and stay charged. */
		if (c->n_open_calls == CAMPAIGN_CALLS_MAX)
			forget_call(c, 0);
		c->open_calls[c->n_open_calls].call = ev->cost.call;
		c->open_calls[c->n_open_calls++].nano = nano;
		c->next_call++;
		c->cost_nano = sum(c->cost_nano, nano);
		break;
	case COST_SPEND:
	case COST_REFUND:
		MUST(c, ev, open >= 0);
		MUST(c, ev,
		     ev->cost.what == COST_SPEND || nano == c->open_calls[open].nano);
		c->cost_nano -= MIN(c->cost_nano, c->open_calls[open].nano);
		if (ev->cost.what == COST_SPEND)
			c->cost_nano = sum(c->cost_nano, nano);
		forget_call(c, (unsigned)open);
		break;
	case COST_COMPUTE:
		c->cost_nano = sum(c->cost_nano, nano);
		break;
	case _COST_MAX:
		return out_of_order(c, ev, err);
	}
	c->tokens_in = sum(c->tokens_in, ev->cost.tokens_in);
	c->tokens_out = sum(c->tokens_out, ev->cost.tokens_out);
	return 0;
}

/*
 * The experiment in hand is among what was lost: its number stays used, and its commit, if
 * it came to one, keeps its name.
 */
static int apply_salvage(struct campaign *c, const struct journal_event *ev,
			 struct sbx_err *err)
{
	MUST(c, ev, c->n_metrics && ev->salvage.experiments < UINT_MAX);
	c->pending = (struct pending){ .stage = PENDING_NONE };
	c->n_open_calls = 0;
	c->next_call = MAX(c->next_call, ev->salvage.next_call);
	/* Less where a reservation made before was settled in what is lost. */
	c->cost_nano = ev->salvage.nano;
	c->active_us = MAX(c->active_us, ev->salvage.active_us);
	c->experiments = MAX(c->experiments, ev->salvage.experiments);
	if (c->baseline.known)
		c->next_number = MAX(c->next_number, c->experiments + 1);
	return 0;
}

static int apply_kind(struct campaign *c, const struct journal_event *ev,
		      struct sbx_err *err)
{
	switch (ev->kind) {
	case JOURNAL_CREATE:
		return apply_create(c, ev, err);
	case JOURNAL_PROPOSE:
		return apply_propose(c, ev, err);
	case JOURNAL_COMMIT:
		return apply_commit(c, ev, err);
	case JOURNAL_RUN:
		return apply_run(c, ev, err);
	case JOURNAL_OUTCOME:
		return apply_outcome(c, ev, err);
	case JOURNAL_DECIDE:
		return apply_decide(c, ev, err);
	case JOURNAL_ADVANCE:
		return apply_advance(c, ev, err);
	case JOURNAL_INTERRUPTED:
		return apply_interrupted(c, ev, err);
	case JOURNAL_COST:
		return apply_cost(c, ev, err);
	case JOURNAL_HOURS:
		add_usage(c, ev->hours.active_us, 0);
		return 0;
	case JOURNAL_SALVAGE:
		return apply_salvage(c, ev, err);
	case JOURNAL_STOP:
	case _JOURNAL_KIND_MAX:
		break;
	}
	return 0;
}

int campaign_apply(struct campaign *c, const struct journal_event *ev,
		   struct sbx_err *err)
{
	int r = apply_kind(c, ev, err);

	if (r < 0)
		return r;
	COPY(c->stopped, ev->kind == JOURNAL_STOP ? ev->stop.reason : "");
	COPY(c->last_time, ev->time);
	return 0;
}

bool campaign_row(const struct campaign *c, const struct journal_event *ev,
		  struct row *ret)
{
	const struct pending *p = &c->pending;

	if (ev->kind != JOURNAL_DECIDE)
		return false;
	*ret = (struct row){
		.number = p->number,
		.time = ev->time,
		.commit = p->commit,
		.parent = p->parent.commit,
		.description = p->description,
		.content = p->content,
		.proposer = p->proposer,
		.outcome = p->has_outcome ? &p->outcome : NULL,
		.decision = &ev->decide.decision,
		.incumbent = p->parent.known ? p->parent.metrics : NULL,
		.metrics = p->has_metrics ? p->metrics : NULL,
		.n_metrics = c->n_metrics,
	};
	return true;
}

struct load {
	struct campaign *c;
	campaign_row_fn fn;
	void *user;
};

static int load_event(const struct journal_event *ev, void *user, struct sbx_err *err)
{
	struct load *l = user;
	struct row row;
	int r;

	r = campaign_apply(l->c, ev, err);
	if (r < 0)
		return r;
	return l->fn && campaign_row(l->c, ev, &row) ? l->fn(&row, l->user, err) : 0;
}

int campaign_load(int dir_fd, campaign_row_fn fn, void *user, struct campaign *ret,
		  struct journal_info *ret_info, struct sbx_err *err)
{
	struct campaign c = { 0 };
	struct load l = { .c = &c, .fn = fn, .user = user };
	int r;

	r = journal_replay(dir_fd, load_event, &l, ret_info, err);
	if (r == 0)
		*ret = c;
	return r;
}
