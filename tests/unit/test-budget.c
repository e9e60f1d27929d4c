/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The caps against what is used, to the nano-dollar and the microsecond, and budget.log.
 */

#include "ledger-fixture.h"

#include "base/clock.h"

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define USD UINT64_C(1000000000)

static void dollars_are_exact(void **state)
{
	static const struct {
		uint64_t nano;
		const char *text;
	} table[] = {
		{ 0, "0.00" },		  { 10000000, "0.01" },
		{ 1, "0.000000001" },	  { 3100000, "0.0031" },
		{ USD, "1.00" },	  { 10 * USD + 500000000, "10.50" },
		{ UINT64_MAX, "18446744073.709551615" },
	};
	char out[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_string_equal(budget_dollars(out, sizeof(out), table[i].nano),
				    table[i].text);
}

static void each_cap_forbids_at_its_own_edge(void **state)
{
	const uint64_t none = CONFIG_UNLIMITED;
	const struct {
		uint64_t caps[_CAP_MAX];
		struct budget_ask ask;
		enum budget_verdict verdict;
	} table[] = {
		{ { 50, 10 * USD, 8 * HOUR }, { { 0, 0, 0 } }, BUDGET_GO },
		{ { 50, none, none }, { { 49, 0, 0 } }, BUDGET_GO },
		{ { 50, none, none }, { { 50, 0, 0 } }, BUDGET_EXPERIMENTS },
		{ { 50, none, none }, { { 51, 0, 0 } }, BUDGET_EXPERIMENTS },
		{ { 0, none, none }, { { 0, 0, 0 } }, BUDGET_EXPERIMENTS },
		{ { none, none, none }, { { 4000000000U, UINT64_MAX, UINT64_MAX - 1 } }, BUDGET_GO },
		/* The last nano-dollar may be spent, not one more. */
		{ { none, USD, none }, { { 0, USD - 1, 0 }, .call_nano = 1 }, BUDGET_GO },
		{ { none, USD, none }, { { 0, USD - 1, 0 }, .call_nano = 2 }, BUDGET_COST },
		{ { none, USD, none }, { { 0, USD, 0 } }, BUDGET_GO },
		{ { none, USD, none }, { { 0, USD + 1, 0 } }, BUDGET_COST },
		{ { none, USD, none }, { { 0, 5, 0 }, .call_nano = UINT64_MAX }, BUDGET_COST },
		{ { none, 0, none }, { { 0, 0, 0 } }, BUDGET_GO },
		/* Machine time costs as well: the run that is expected, and that there is one. */
		{ { none, USD, none }, { { 0, 0, 0 }, .run_us = HOUR, .rate_nano = USD }, BUDGET_GO },
		{ { none, USD, none }, { { 0, 0, 0 }, .run_us = HOUR + 1, .rate_nano = USD },
		  BUDGET_COST },
		{ { none, USD, none },
		  { { 0, 0, 0 }, .call_nano = USD / 2 + 1, .run_us = HOUR / 2, .rate_nano = USD },
		  BUDGET_COST },
		{ { none, USD, none }, { { 0, USD, 0 }, .rate_nano = 1 }, BUDGET_COST },
		{ { none, USD, none },
		  { { 0, 0, 0 }, .call_nano = UINT64_MAX, .run_us = HOUR, .rate_nano = USD },
		  BUDGET_COST },
		/* A run must fit into what is left. */
		{ { none, none, HOUR }, { { 0, 0, 50 * MINUTE }, .run_us = 10 * MINUTE }, BUDGET_GO },
		{ { none, none, HOUR }, { { 0, 0, 50 * MINUTE }, .run_us = 10 * MINUTE + 1 },
		  BUDGET_HOURS },
		{ { none, none, HOUR }, { { 0, 0, HOUR } }, BUDGET_HOURS },
		{ { none, none, HOUR }, { { 0, 0, 2 * HOUR } }, BUDGET_HOURS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char reason[300] = "";

		assert_int_equal(budget_check(table[i].caps, &table[i].ask, NULL, reason,
					      sizeof(reason)),
				 table[i].verdict);
		assert_true((*reason != '\0') == (table[i].verdict != BUDGET_GO));
	}
}

static void a_reason_names_the_cap_and_how_to_extend_it(void **state)
{
	const uint64_t caps[_CAP_MAX] = { 50, USD, HOUR };
	struct budget_ask ask = { .run_us = 12 * MINUTE, .call_nano = 30000000 };
	char reason[300];

	(void)state;
	ask.used = (struct used){ .experiments = 50 };
	budget_check(caps, &ask, NULL, reason, sizeof(reason));
	assert_string_equal(reason, "max_experiments 50 reached (50 used); raise "
				    "caps.max_experiments or give --max-experiments");
	ask.used = (struct used){ .nano = 980000000 };
	budget_check(caps, &ask, NULL, reason, sizeof(reason));
	assert_string_equal(reason,
			    "max_cost_usd 1.00: 0.98 USD used and the next experiment may cost "
			    "0.03 USD; raise caps.max_cost_usd or give --max-cost");
	budget_check(caps, &ask, "night", reason, sizeof(reason));
	assert_string_equal(reason,
			    "budget group night: max_cost_usd 1.00: 0.98 USD used and the next "
			    "experiment may cost 0.03 USD; to extend it: autoexp budget night "
			    "--max-cost");
	ask.used = (struct used){ .active_us = 50 * MINUTE };
	budget_check(caps, &ask, NULL, reason, sizeof(reason));
	assert_non_null(strstr(reason, "max_wall_clock_hours 1h: 50m used and a run takes about "
				       "12m;"));
	assert_non_null(strstr(reason, "--max-hours"));
}

static void what_is_left_never_wraps(void **state)
{
	uint64_t caps[_CAP_MAX] = { 1, USD, HOUR };
	struct budget_ask ask = { .used.active_us = 40 * MINUTE };

	(void)state;
	assert_int_equal(budget_left_us(caps, &ask), 20 * MINUTE);
	ask.used.active_us = 2 * HOUR;
	assert_int_equal(budget_left_us(caps, &ask), 0);
	caps[CAP_WALL_US] = CONFIG_UNLIMITED;
	assert_true(budget_left_us(caps, &ask) == USEC_INFINITY);
	/* Money is time where time is money. */
	ask.rate_nano = 2 * USD;
	assert_int_equal(budget_left_us(caps, &ask), HOUR / 2);
	ask.call_nano = USD / 2;
	assert_int_equal(budget_left_us(caps, &ask), HOUR / 4);
	ask.used.nano = USD - 1;
	assert_int_equal(budget_left_us(caps, &ask), 0);
	caps[CAP_COST_NANO] = CONFIG_UNLIMITED - 1;
	ask.rate_nano = 1;
	assert_true(budget_left_us(caps, &ask) == USEC_INFINITY);
}

static void a_price_is_rounded_up(void **state)
{
	(void)state;
	assert_int_equal(budget_price(USD, HOUR), USD);
	assert_int_equal(budget_price(1, 1), 1);
	assert_int_equal(budget_price(0, HOUR), 0);
	assert_int_equal(budget_price(USD, 0), 0);
	assert_true(budget_price(UINT64_MAX, UINT64_MAX) == INT64_MAX);
}

static void apply(struct campaign *c, struct journal_event ev)
{
	struct sbx_err err = { 0 };

	if (campaign_apply(c, &ev, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct campaign begun(void)
{
	struct campaign c = { 0 };

	apply(&c, ev_create());
	return c;
}

static void a_reservation_counts_until_it_is_replaced(void **state)
{
	struct campaign c = begun();

	(void)state;
	apply(&c, ev_cost(COST_RESERVE, 1, 100));
	assert_int_equal(c.cost_nano, 100);
	apply(&c, ev_cost(COST_SPEND, 1, 30));
	assert_int_equal(c.cost_nano, 30);
	apply(&c, ev_cost(COST_RESERVE, 2, 100));
	apply(&c, ev_cost(COST_REFUND, 2, 100));
	assert_int_equal(c.cost_nano, 30);
	/* Dearer than reserved: booked in full. */
	apply(&c, ev_cost(COST_RESERVE, 3, 100));
	apply(&c, ev_cost(COST_SPEND, 3, 170));
	assert_int_equal(c.cost_nano, 200);
	apply(&c, ev_cost(COST_COMPUTE, 0, 5));
	assert_int_equal(c.cost_nano, 205);
	assert_int_equal(c.tokens_out, 7 * 20);
	assert_int_equal(c.n_open_calls, 0);
}

static void calls_lost_in_flight_stay_charged(void **state)
{
	struct campaign c = begun();
	const unsigned n = 3 * CAMPAIGN_CALLS_MAX;

	(void)state;
	for (unsigned i = 1; i <= n; i++)
		apply(&c, ev_cost(COST_RESERVE, i, 10));
	assert_int_equal(c.cost_nano, n * 10);
	apply(&c, ev_cost(COST_SPEND, n, 1));
	assert_int_equal(c.cost_nano, (n - 1) * 10 + 1);
}

static void nothing_is_paid_or_given_back_twice(void **state)
{
	struct journal_event wrong[] = { ev_cost(COST_SPEND, 1, 5), ev_cost(COST_REFUND, 1, 100),
					 ev_cost(COST_RESERVE, 1, 5), ev_cost(COST_RESERVE, 9, 5),
					 ev_cost(COST_REFUND, 2, 99) };
	struct campaign c = begun();

	(void)state;
	apply(&c, ev_cost(COST_RESERVE, 1, 100));
	apply(&c, ev_cost(COST_SPEND, 1, 30));
	apply(&c, ev_cost(COST_RESERVE, 2, 100));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(campaign_apply(&c, &wrong[i], NULL), -EPROTO);
	assert_int_equal(c.cost_nano, 130);
}

static void sums_do_not_wrap(void **state)
{
	struct campaign c = begun();

	(void)state;
	apply(&c, ev_cost(COST_COMPUTE, 0, INT64_MAX));
	apply(&c, ev_cost(COST_COMPUTE, 0, INT64_MAX));
	apply(&c, ev_cost(COST_COMPUTE, 0, INT64_MAX));
	assert_true(c.cost_nano == INT64_MAX);
}

static void hours_only_grow(void **state)
{
	struct campaign c = begun();

	(void)state;
	apply(&c, ev_hours(50));
	apply(&c, ev_hours(20));
	assert_int_equal(c.active_us, 50);
}

static void the_log_has_a_line_for_each_movement(void **state)
{
	struct campaign c = begun();
	struct journal_event ev[] = {
		ev_propose(0, "baseline"), ev_commit(0, HEX_A), ev_run(0, 1),
		ev_outcome(0, VERDICT_OK, 1, 1), ev_decide(0, STATUS_KEEP, ""),
		ev_cost(COST_RESERVE, 1, 50000000), ev_cost(COST_SPEND, 1, 3100000),
		ev_cost(COST_RESERVE, 2, 50000000), ev_cost(COST_REFUND, 2, 50000000),
		ev_propose(1, "x"), ev_commit(1, HEX_B), ev_run(1, 1), ev_interrupted(1, 1),
	};
	cleanup_buf struct buf log = BUF_INIT;

	(void)state;
	ev[3].outcome.active_us = HOUR / 2;
	ev[12].interrupted.active_us = 2 * HOUR + HOUR / 4;
	assert_int_equal(budget_log_header(&log), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ev); i++) {
		snprintf(ev[i].time, sizeof(ev[i].time), "T%zu", i);
		apply(&c, ev[i]);
		assert_int_equal(budget_log_row(&log, &ev[i], &c), 0);
	}
	assert_string_equal(
		log.data,
		"time\texperiment\tkind\tusd\tcumulative_usd\ttokens_in\ttokens_out\t"
		"cumulative_hours\texperiments_used\n"
		"T3\t0\tcompute\t0.00\t0.00\t0\t0\t0.500000\t0\n"
		"T5\t1\treserve\t0.05\t0.05\t10\t20\t0.500000\t0\n"
		"T6\t1\tspend\t0.0031\t0.0031\t10\t20\t0.500000\t0\n"
		"T7\t1\treserve\t0.05\t0.0531\t10\t20\t0.500000\t0\n"
		"T8\t1\trefund\t-0.05\t0.0031\t10\t20\t0.500000\t0\n"
		"T12\t1\tcompute\t0.00\t0.0031\t0\t0\t2.250000\t1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dollars_are_exact),
		cmocka_unit_test(each_cap_forbids_at_its_own_edge),
		cmocka_unit_test(a_reason_names_the_cap_and_how_to_extend_it),
		cmocka_unit_test(what_is_left_never_wraps),
		cmocka_unit_test(a_price_is_rounded_up),
		cmocka_unit_test(a_reservation_counts_until_it_is_replaced),
		cmocka_unit_test(calls_lost_in_flight_stay_charged),
		cmocka_unit_test(nothing_is_paid_or_given_back_twice),
		cmocka_unit_test(sums_do_not_wrap),
		cmocka_unit_test(hours_only_grow),
		cmocka_unit_test(the_log_has_a_line_for_each_movement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
