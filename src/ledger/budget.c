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

static uint64_t used_us(const struct campaign *c, uint64_t active_us)
{
	return MAX(c->active_us, active_us);
}

uint64_t budget_left_us(const uint64_t caps[static _CAP_MAX], const struct campaign *c,
			uint64_t active_us)
{
	uint64_t used = used_us(c, active_us);

	if (caps[CAP_WALL_US] == CONFIG_UNLIMITED)
		return USEC_INFINITY;
	return caps[CAP_WALL_US] > used ? caps[CAP_WALL_US] - used : 0;
}

static bool check_experiments(uint64_t cap, const struct campaign *c, char *reason,
			      size_t size)
{
	if (cap == CONFIG_UNLIMITED || c->experiments < cap)
		return true;
	snprintf(reason, size,
		 "max_experiments %" PRIu64
		 " reached (%u used); raise caps.max_experiments or "
		 "give --max-experiments",
		 cap, c->experiments);
	return false;
}

static bool check_cost(uint64_t cap, const struct campaign *c, uint64_t call,
		       char *reason, size_t size)
{
	char limit[40], used[40], next[40];
	bool fits = c->cost_nano <= cap && call <= cap - c->cost_nano;

	if (cap == CONFIG_UNLIMITED || fits)
		return true;
	budget_dollars(limit, sizeof(limit), cap);
	budget_dollars(used, sizeof(used), c->cost_nano);
	budget_dollars(next, sizeof(next), call);
	snprintf(reason, size,
		 "max_cost_usd %s: %s USD used and the next call may cost %s USD; raise "
		 "caps.max_cost_usd or give --max-cost",
		 limit, used, next);
	return false;
}

static bool check_hours(const uint64_t *caps, const struct campaign *c,
			const struct budget_need *need, char *reason, size_t size)
{
	uint64_t left = budget_left_us(caps, c, need->active_us);
	char limit[48], used[32], run[32];

	if (left > 0 && need->run_us <= left)
		return true;
	config_format_cap(CAP_WALL_US, caps[CAP_WALL_US], limit, sizeof(limit));
	format_duration(used, sizeof(used), used_us(c, need->active_us));
	format_duration(run, sizeof(run), need->run_us);
	if (left == 0)
		snprintf(reason, size,
			 "max_wall_clock_hours %s reached (%s used); raise "
			 "caps.max_wall_clock_hours or give --max-hours",
			 limit, used);
	else
		snprintf(reason, size,
			 "max_wall_clock_hours %s: %s used and a run takes about %s; "
			 "raise caps.max_wall_clock_hours or give --max-hours",
			 limit, used, run);
	return false;
}

enum budget_verdict budget_check(const uint64_t caps[static _CAP_MAX],
				 const struct campaign *c, const struct budget_need *need,
				 char *reason, size_t size)
{
	if (!check_experiments(caps[CAP_EXPERIMENTS], c, reason, size))
		return BUDGET_EXPERIMENTS;
	if (!check_cost(caps[CAP_COST_NANO], c, need->call_nano, reason, size))
		return BUDGET_COST;
	if (!check_hours(caps, c, need, reason, size))
		return BUDGET_HOURS;
	return BUDGET_GO;
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
