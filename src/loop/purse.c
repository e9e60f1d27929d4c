/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/purse.h"

#include "ledger/group.h"
#include "ledger/lock.h"

uint64_t purse_book(struct session *s)
{
	uint64_t now = session_active_us(s), since = s->booked_us;

	s->booked_us = MAX(now, since);
	return budget_price(s->config->rate_nano, s->booked_us - since);
}

size_t purse_events(struct session *s, struct journal_event ev[static 2])
{
	ev[0] = (struct journal_event){ .kind = JOURNAL_HOURS };
	ev[1] = (struct journal_event){ .kind = JOURNAL_COST };
	ev[1].number = s->ledger.campaign.pending.number;
	ev[1].cost.what = COST_COMPUTE;
	ev[1].cost.nano = purse_book(s);
	ev[0].hours.active_us = s->booked_us;
	return s->config->rate_nano ? 2 : 1;
}

/* Right now, with the time that no event carries yet. */
static struct used used_now(const struct session *s)
{
	const struct campaign *c = &s->ledger.campaign;
	uint64_t active = session_active_us(s);
	uint64_t price =
		budget_price(s->config->rate_nano, active - MIN(active, s->booked_us));

	return (struct used){ .experiments = c->experiments,
			      .nano = c->cost_nano + price,
			      .active_us = MAX(c->active_us, active) };
}

static bool in_hand(const struct session *s)
{
	const struct pending *p = &s->ledger.campaign.pending;

	return p->stage != PENDING_NONE && p->number > 0;
}

/* All repetitions of the run together; no limit is no end. */
static uint64_t longest_run(const struct session *s)
{
	uint64_t wall = s->bench.limits[SBX_LIMIT_WALL];

	return wall ? MIN(wall * s->config->repeat, s->run_us) : s->run_us;
}

int purse_ask(struct session *s, uint64_t call_nano, char *reason, size_t size,
	      struct sbx_err *err)
{
	const struct campaign *c = &s->ledger.campaign;
	struct budget_ask ask = {
		.used = used_now(s),
		.call_nano = call_nano,
		.run_us = c->incumbent.known ? c->incumbent.wall_us : 0,
		.rate_nano = s->config->rate_nano,
	};
	bool counts = c->baseline.known;

	if (budget_check(s->config->caps, &ask, NULL, reason, size) != BUDGET_GO)
		return 0;
	s->run_us = budget_left_us(s->config->caps, &ask);
	if (!s->group)
		return 1;
	return group_claim(s->group, &ask, longest_run(s), counts, &s->run_us, reason,
			   size, err);
}

int purse_settle(struct session *s, struct sbx_err *err)
{
	struct used used = used_now(s);

	used.experiments += in_hand(s);
	return s->group ? group_settle(s->group, &used, err) : 0;
}

int purse_open(struct session *s, struct sbx_err *err)
{
	struct group_identity who = {
		.tag = s->tag,
		.repository = repo_common_dir(s->repo),
		.created = s->ledger.campaign.created,
	};
	char host[256];
	int r;

	if (!s->config->budget_group)
		return 0;
	host_name(host);
	who.host = host;
	r = group_join(s->config->budget_group, &who, &s->group, err);
	return r < 0 ? r : purse_settle(s, err);
}
