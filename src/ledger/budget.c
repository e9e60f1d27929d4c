/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every sum is an integer, in the campaign as in the caps: no rounding can let a cent
 * through.
 */
#include "ledger/budget.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/parse.h"
#include "ledger/event.h"
#include "ledger/resume.h"

#define NANO    UINT64_C(1000000000)
#define HOUR_US UINT64_C(3600000000)

const char *budget_dollars(char *out, size_t size, uint64_t nano)
{
	char fraction[10];
	size_t n = 9;

	snprintf(fraction, sizeof(fraction), "%09" PRIu64, nano % NANO);
	while (n > 2 && fraction[n - 1] == '0')
		n--;
	snprintf(out, size, "%" PRIu64 ".%.*s", nano / NANO, (int)n, fraction);
	return out;
}

uint64_t budget_price(uint64_t rate_nano, uint64_t us)
{
	unsigned __int128 v = (unsigned __int128)rate_nano * us;

	v = (v + HOUR_US - 1) / HOUR_US;
	return v > INT64_MAX ? INT64_MAX : (uint64_t)v;
}

/* The time that an amount pays for. */
static uint64_t time_for(uint64_t nano, uint64_t rate_nano)
{
	unsigned __int128 v = (unsigned __int128)nano * HOUR_US / rate_nano;

	return v >= USEC_INFINITY ? USEC_INFINITY : (uint64_t)v;
}

static uint64_t left(uint64_t cap, uint64_t used)
{
	return cap > used ? cap - used : 0;
}

uint64_t budget_left_us(const uint64_t caps[static _CAP_MAX],
			const struct budget_ask *ask)
{
	uint64_t us = USEC_INFINITY, nano;

	if (caps[CAP_WALL_US] != CONFIG_UNLIMITED)
		us = left(caps[CAP_WALL_US], ask->used.active_us);
	if (ask->rate_nano && caps[CAP_COST_NANO] != CONFIG_UNLIMITED) {
		nano = left(left(caps[CAP_COST_NANO], ask->used.nano), ask->call_nano);
		us = MIN(us, time_for(nano, ask->rate_nano));
	}
	return us;
}

static bool fits_experiments(const uint64_t *caps, const struct budget_ask *ask)
{
	return caps[CAP_EXPERIMENTS] == CONFIG_UNLIMITED ||
	       ask->used.experiments < caps[CAP_EXPERIMENTS];
}

static uint64_t next_cost(const struct budget_ask *ask)
{
	uint64_t run = budget_price(ask->rate_nano, ask->run_us);

	return ask->call_nano > UINT64_MAX - run ? UINT64_MAX : ask->call_nano + run;
}

static bool fits_cost(const uint64_t *caps, const struct budget_ask *ask)
{
	uint64_t cap = caps[CAP_COST_NANO];

	if (cap == CONFIG_UNLIMITED)
		return true;
	/* An hour that costs something cannot begin where nothing is left. */
	if (ask->used.nano > cap || (ask->rate_nano && ask->used.nano == cap))
		return false;
	return next_cost(ask) <= cap - ask->used.nano;
}

static bool fits_hours(const uint64_t *caps, const struct budget_ask *ask)
{
	uint64_t us = left(caps[CAP_WALL_US], ask->used.active_us);

	return caps[CAP_WALL_US] == CONFIG_UNLIMITED || (us > 0 && ask->run_us <= us);
}

static void tell_cost(const uint64_t *caps, const struct budget_ask *ask, char *out,
		      size_t size)
{
	char limit[40], used[40], next[40];

	budget_dollars(limit, sizeof(limit), caps[CAP_COST_NANO]);
	budget_dollars(used, sizeof(used), ask->used.nano);
	budget_dollars(next, sizeof(next), next_cost(ask));
	snprintf(out, size, "%s: %s USD used and the next experiment may cost %s USD",
		 limit, used, next);
}

static void tell_hours(const uint64_t *caps, const struct budget_ask *ask, char *out,
		       size_t size)
{
	char limit[48], used[32], run[32];

	config_format_cap(CAP_WALL_US, caps[CAP_WALL_US], limit, sizeof(limit));
	format_duration(used, sizeof(used), ask->used.active_us);
	format_duration(run, sizeof(run), ask->run_us);
	if (left(caps[CAP_WALL_US], ask->used.active_us) == 0)
		snprintf(out, size, "%s reached (%s used)", limit, used);
	else
		snprintf(out, size, "%s: %s used and a run takes about %s", limit, used,
			 run);
}

enum budget_verdict budget_check(const uint64_t caps[static _CAP_MAX],
				 const struct budget_ask *ask, const char *group,
				 char *reason, size_t size)
{
	static const enum budget_verdict verdicts[_CAP_MAX] = {
		[CAP_EXPERIMENTS] = BUDGET_EXPERIMENTS,
		[CAP_COST_NANO] = BUDGET_COST,
		[CAP_WALL_US] = BUDGET_HOURS,
	};
	char what[200];
	enum cap cap;

	if (!fits_experiments(caps, ask)) {
		cap = CAP_EXPERIMENTS;
		snprintf(what, sizeof(what), "%" PRIu64 " reached (%u used)", caps[cap],
			 ask->used.experiments);
	} else if (!fits_cost(caps, ask)) {
		cap = CAP_COST_NANO;
		tell_cost(caps, ask, what, sizeof(what));
	} else if (!fits_hours(caps, ask)) {
		cap = CAP_WALL_US;
		tell_hours(caps, ask, what, sizeof(what));
	} else {
		return BUDGET_GO;
	}
	if (group)
		snprintf(reason, size,
			 "budget group %s: %s %s; to extend it: autoexp budget %s %s",
			 group, cap_names[cap], what, group, cap_options[cap]);
	else
		snprintf(reason, size, "%s %s; raise caps.%s or give %s", cap_names[cap],
			 what, cap_names[cap], cap_options[cap]);
	return verdicts[cap];
}

int budget_log_header(struct buf *out)
{
	buf_puts(out,
		 "time\texperiment\tkind\tusd\tcumulative_usd\ttokens_in\ttokens_out\t"
		 "cumulative_hours\texperiments_used\n");
	return out->failed ? -ENOMEM : 0;
}

static void log_row(struct buf *out, const struct journal_event *ev,
		    const struct campaign *c, enum cost_kind what, uint64_t nano,
		    uint64_t tokens_in, uint64_t tokens_out)
{
	bool in_hand = c->pending.stage != PENDING_NONE && c->pending.number > 0;
	char usd[40], sum[40];

	buf_printf(out,
		   "%s\t%u\t%s\t%s%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
		   ".%06" PRIu64 "\t%u\n",
		   ev->time, ev->number, cost_name(what), what == COST_REFUND ? "-" : "",
		   budget_dollars(usd, sizeof(usd), nano),
		   budget_dollars(sum, sizeof(sum), c->cost_nano), tokens_in, tokens_out,
		   c->active_us / HOUR_US, c->active_us % HOUR_US / 3600,
		   c->experiments + in_hand);
}

int budget_log_row(struct buf *out, const struct journal_event *ev,
		   const struct campaign *c)
{
	switch (ev->kind) {
	case JOURNAL_COST:
		log_row(out, ev, c, ev->cost.what, ev->cost.nano, ev->cost.tokens_in,
			ev->cost.tokens_out);
		break;
	case JOURNAL_OUTCOME:
		log_row(out, ev, c, COST_COMPUTE, ev->outcome.compute_nano, 0, 0);
		break;
	case JOURNAL_INTERRUPTED:
		log_row(out, ev, c, COST_COMPUTE, ev->interrupted.compute_nano, 0, 0);
		break;
	default:
		break;
	}
	return out->failed ? -ENOMEM : 0;
}

#define LAST_BYTES 4096 /* a line has at most 200 */
#define COLUMNS    9

/* The columns of a line; it is cut into them. Return: whether it has all. */
static bool split(char *line, char *column[static COLUMNS])
{
	for (int i = 0; i < COLUMNS; i++)
		if (!(column[i] = strsep(&line, "\t")))
			return false;
	return !line;
}

static bool read_last(char *line, struct used *ret)
{
	uint64_t experiments, hours;
	char *column[COLUMNS];
	struct used u;

	if (!split(line, column) || parse_nano(column[4], &u.nano) < 0 ||
	    parse_nano(column[7], &hours) < 0 || parse_u64(column[8], &experiments) < 0 ||
	    experiments > INT32_MAX)
		return false;
	u.experiments = (unsigned)experiments;
	/* Written cut to millionths of an hour: up, so that nothing is given back. */
	u.active_us = (hours / 1000 + 1) * (HOUR_US / 1000000);
	*ret = u;
	return true;
}

int budget_log_last(int dir_fd, struct used *ret, struct sbx_err *err)
{
	cleanup_close int fd = openat(dir_fd, BUDGET_FILE,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[LAST_BYTES + 1], *end, *line;
	struct stat st;
	ssize_t n;

	*ret = (struct used){ 0 };
	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return sbx_err_errno(err, -errno, "budget", "cannot read " BUDGET_FILE);
	n = pread(fd, text, LAST_BYTES, MAX(0, st.st_size - LAST_BYTES));
	if (n < 0)
		return sbx_err_errno(err, -errno, "budget", "cannot read " BUDGET_FILE);
	text[n] = '\0';
	end = strrchr(text, '\n');
	if (!end)
		return 0;
	*end = '\0';
	line = strrchr(text, '\n');
	if (line && !read_last(line + 1, ret))
		*ret = (struct used){ 0 };
	return 0;
}
