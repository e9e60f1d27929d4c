/* SPDX-License-Identifier: Apache-2.0 */

/* Keep or revert: the three rules, their edges, and the truth of their sentences. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/hash.h"
#include "conf/config.h"
#include "judge/judge.h"

static char name_a[] = "loss", name_b[] = "size";

static struct config make_config(size_t n, enum rule rule)
{
	struct config c = { .n_metrics = n, .rule = rule };

	c.metrics[0] = (struct config_metric){ .name = name_a, .weight = 1 };
	c.metrics[1] = (struct config_metric){ .name = name_b, .weight = 1 };
	return c;
}

static struct decision decide(const struct config *c, double base0, double base1,
			      double inc0, double inc1, double value0, double value1)
{
	const double baseline[] = { base0, base1 }, incumbent[] = { inc0, inc1 };
	struct outcome o = { .verdict = VERDICT_OK, .metrics = { value0, value1 } };
	struct decision d;

	judge_decide(c, baseline, incumbent, &o, &d);
	assert_true(d.reason[0]);
	return d;
}

struct primary {
	enum metric_goal goal;
	double min_delta;
	bool percent;
	double incumbent, value;
	enum status status;
	const char *reason;
};

#define MIN_ GOAL_MINIMIZE
#define MAX_ GOAL_MAXIMIZE

static const struct primary primary_table[] = {
	{ MIN_, 0, false, 1.3, 1.234, STATUS_KEEP,
	  "loss 1.234 is better than 1.3 by 5.08%" },
	{ MIN_, 0, false, 1.3, 1.4, STATUS_DISCARD,
	  "loss 1.4 is worse than 1.3 by 7.69%" },
	{ MIN_, 0, false, 1.3, 1.3, STATUS_DISCARD,
	  "loss 1.3 is equal to the incumbent's" },
	{ MAX_, 0, false, 1.3, 1.4, STATUS_KEEP, "loss 1.4 is better than 1.3 by 7.69%" },
	{ MAX_, 0, false, 1.3, 1.2, STATUS_DISCARD,
	  "loss 1.2 is worse than 1.3 by 7.69%" },
	{ MIN_, 1, true, 1.3, 1.234, STATUS_KEEP,
	  "loss 1.234 is better than 1.3 by 5.08%, more than min_delta 1%" },
	{ MIN_, 10, true, 1.3, 1.234, STATUS_DISCARD,
	  "loss 1.234 is better than 1.3 by 5.08%, not more than min_delta 10%" },
	{ MIN_, 0.01, false, 1, 0.9, STATUS_KEEP,
	  "loss 0.9 is better than 1 by 0.1, more than min_delta 0.01" },
	/* 1 - 0.99 is a little more than 0.01 in binary. */
	{ MIN_, 0.01, false, 1, 0.99, STATUS_DISCARD,
	  "loss 0.99 is better than 1 by 0.01, not more than min_delta 0.01" },
	{ MIN_, 1, true, 100, 99, STATUS_DISCARD,
	  "loss 99 is better than 100 by 1%, not more than min_delta 1%" },
	{ MIN_, 1, true, 100, 98.99999, STATUS_KEEP,
	  "loss 98.99999 is better than 100 by 1.00001%, more than min_delta 1%" },
	{ MIN_, 0, false, 1.0000001, 1, STATUS_KEEP,
	  "loss 1 is better than 1.0000001 by 1e-05%" },
	{ MIN_, 0, false, 0, -1, STATUS_KEEP, "loss -1 is better than 0 by 1" },
	{ MIN_, 5, true, -100, -106, STATUS_KEEP,
	  "loss -106 is better than -100 by 6%, more than min_delta 5%" },
	{ MIN_, 5, true, -100, -104, STATUS_DISCARD,
	  "loss -104 is better than -100 by 4%, not more than min_delta 5%" },
	{ MAX_, 5, true, 0, 1e-9, STATUS_KEEP,
	  "loss 1e-09 is better than 0 by 1e-09, more than min_delta 5%" },
};

static void primary_compares_with_the_incumbent(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(primary_table); i++) {
		const struct primary *p = &primary_table[i];
		struct config c = make_config(1, RULE_PRIMARY);
		struct decision d;

		c.metrics[0].goal = p->goal;
		c.min_delta = p->min_delta;
		c.min_delta_percent = p->percent;
		d = decide(&c, 1, 1, p->incumbent, 0, p->value, 0);
		assert_string_equal(d.reason, p->reason);
		assert_int_equal(d.status, p->status);
	}
}

struct bound {
	enum metric_goal goal;
	enum tolerance_kind kind;
	double tolerance, baseline, value;
	enum status status;
	const char *reason;
};

static const struct bound bound_table[] = {
	{ MIN_, TOLERANCE_RATIO, 1.1, 100, 110, STATUS_KEEP,
	  "loss 1 is better than 2 by 50%; size 110 is within 1.1 times the baseline's "
	  "100" },
	{ MIN_, TOLERANCE_RATIO, 1.1, 0.3, 0.33, STATUS_KEEP, NULL },
	{ MIN_, TOLERANCE_RATIO, 1.1, 100, 110.00001, STATUS_DISCARD,
	  "size 110.00001 is not within 1.1 times the baseline's 100, though loss 1 is "
	  "better "
	  "than 2 by 50%" },
	{ MIN_, TOLERANCE_RATIO, 1.1, 100, 110.1, STATUS_DISCARD,
	  "size 110.1 is not within 1.1 times the baseline's 100, though loss 1 is "
	  "better than 2 "
	  "by 50%" },
	{ MAX_, TOLERANCE_RATIO, 2, 100, 50, STATUS_KEEP,
	  "loss 1 is better than 2 by 50%; size 50 is within 1/2 times the baseline's "
	  "100" },
	{ MAX_, TOLERANCE_RATIO, 2, 100, 49.9, STATUS_DISCARD, NULL },
	{ MIN_, TOLERANCE_ABS, 5, -3, 2, STATUS_KEEP,
	  "loss 1 is better than 2 by 50%; size 2 is within 5 of the baseline's -3" },
	{ MIN_, TOLERANCE_ABS, 5, -3, 2.1, STATUS_DISCARD, NULL },
	{ MAX_, TOLERANCE_ABS, 5, -3, -8, STATUS_KEEP, NULL },
	{ MAX_, TOLERANCE_ABS, 5, -3, -8.1, STATUS_DISCARD, NULL },
	{ MIN_, TOLERANCE_ABS, 0, 7, 7, STATUS_KEEP, NULL },
	{ MIN_, TOLERANCE_ABS, 0, 7, 7.5, STATUS_DISCARD, NULL },
	{ MIN_, TOLERANCE_NONE, 0, 7, 1e300, STATUS_KEEP,
	  "loss 1 is better than 2 by 50%" },
};

static void second_metric_is_bounded_by_the_baseline(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bound_table); i++) {
		const struct bound *b = &bound_table[i];
		struct config c = make_config(2, RULE_PRIMARY);
		struct decision d;

		c.metrics[1].goal = b->goal;
		c.metrics[1].tolerance_kind = b->kind;
		c.metrics[1].tolerance = b->tolerance;
		/* The incumbent's second value does not matter. */
		d = decide(&c, 5, b->baseline, 2, 1e9, 1, b->value);
		assert_int_equal(d.status, b->status);
		if (b->reason)
			assert_string_equal(d.reason, b->reason);
	}
}

static void second_metric_cannot_creep(void **state)
{
	struct config c = make_config(2, RULE_PRIMARY);
	double loss = 1, size = 100;

	(void)state;
	c.metrics[1].tolerance_kind = TOLERANCE_RATIO;
	c.metrics[1].tolerance = 1.05;
	for (int i = 0; i < 100; i++) {
		struct decision d =
			decide(&c, 1, 100, loss, size, loss * 0.99, size * 1.01);

		if (d.status != STATUS_KEEP)
			break;
		loss *= 0.99;
		size *= 1.01;
	}
	assert_true(size > 100 && size <= 105);
}

struct pareto {
	double incumbent[2], value[2];
	enum status status;
	const char *reason;
};

/* Baseline 10, 10; both minimized; min_delta 1 %; no tolerances. */
static const struct pareto strict_table[] = {
	{ { 10, 10 },
	  { 9, 10 },
	  STATUS_KEEP,
	  "loss 9 is better than 10 by 10%, more than min_delta 1%; size 10 is equal to "
	  "the "
	  "incumbent's" },
	{ { 10, 10 }, { 10, 9 }, STATUS_KEEP, NULL },
	{ { 10, 10 }, { 9, 9 }, STATUS_KEEP, NULL },
	{ { 10, 10 },
	  { 9, 10.01 },
	  STATUS_DISCARD,
	  "size 10.01 is worse than the incumbent's 10" },
	{ { 10, 10 },
	  { 10.01, 9 },
	  STATUS_DISCARD,
	  "loss 10.01 is worse than the incumbent's 10" },
	{ { 10, 10 }, { 9.95, 9.95 }, STATUS_DISCARD, NULL },
	{ { 10, 10 },
	  { 10, 10 },
	  STATUS_DISCARD,
	  "loss 10 is equal to the incumbent's; size 10 is equal to the incumbent's" },
	{ { 10, 10 }, { 11, 11 }, STATUS_DISCARD, NULL },
};

/* The same with a tolerance of 1.2 for both. */
static const struct pareto tolerant_table[] = {
	{ { 10, 10 }, { 9, 12 }, STATUS_KEEP, NULL },
	{ { 10, 10 },
	  { 9, 12.1 },
	  STATUS_DISCARD,
	  "size 12.1 is not within 1.2 times the baseline's 10" },
	{ { 10, 10 },
	  { 12.1, 9 },
	  STATUS_DISCARD,
	  "loss 12.1 is not within 1.2 times the baseline's 10" },
	/* Against the baseline, not the incumbent. */
	{ { 8, 5 }, { 7, 11 }, STATUS_KEEP, NULL },
	{ { 8, 11.9 }, { 7, 12.1 }, STATUS_DISCARD, NULL },
	/* Better than the incumbent in the first, but the start was better all in all. */
	{ { 12, 8 },
	  { 11, 10 },
	  STATUS_DISCARD,
	  "the baseline is better: loss 11 is better than 12 by 8.33%, more than "
	  "min_delta 1%; "
	  "size 10 is worse than 8 by 25%" },
	{ { 10, 10 }, { 10.5, 10.5 }, STATUS_DISCARD, NULL },
};

static void check_pareto(const struct config *c, const struct pareto *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct pareto *p = &table[i];
		struct decision d = decide(c, 10, 10, p->incumbent[0], p->incumbent[1],
					   p->value[0], p->value[1]);

		if (p->reason)
			assert_string_equal(d.reason, p->reason);
		if (d.status != p->status)
			fail_msg("%zu: %s", i, d.reason);
	}
}

static void pareto_asks_for_dominance(void **state)
{
	struct config c = make_config(2, RULE_PARETO);

	(void)state;
	c.min_delta = 1;
	c.min_delta_percent = true;
	check_pareto(&c, strict_table, ARRAY_SIZE(strict_table));
	for (int i = 0; i < 2; i++) {
		c.metrics[i].tolerance_kind = TOLERANCE_RATIO;
		c.metrics[i].tolerance = 1.2;
	}
	check_pareto(&c, tolerant_table, ARRAY_SIZE(tolerant_table));
}

static void weighted_compares_scores(void **state)
{
	struct config c = make_config(2, RULE_WEIGHTED);
	struct decision d;

	(void)state;
	c.metrics[1].goal = GOAL_MAXIMIZE;
	c.metrics[1].weight = 0.5;
	/* -2 + 0.5 * 10 = 3, -3 + 0.5 * 14 = 4 */
	d = decide(&c, 2, 10, 2, 10, 3, 14);
	assert_int_equal(d.status, STATUS_KEEP);
	assert_string_equal(d.reason, "score 4 is better than 3 by 33.3%");
	d = decide(&c, 2, 10, 2, 10, 3, 11);
	assert_int_equal(d.status, STATUS_DISCARD);
	assert_string_equal(d.reason, "score 2.5 is worse than 3 by 16.7%");
	d = decide(&c, 2, 10, 2, 10, 3, 12);
	assert_int_equal(d.status, STATUS_DISCARD);
	assert_string_equal(d.reason, "score 3 is equal to the incumbent's");
	c.min_delta = 1;
	d = decide(&c, 2, 10, 2, 10, 3, 14);
	assert_int_equal(d.status, STATUS_DISCARD);
	c.metrics[0].weight = 1e308;
	d = decide(&c, 2, 10, 1, 10, 10, 14);
	assert_int_equal(d.status, STATUS_DISCARD);
	assert_non_null(strstr(d.reason, "too large"));
}

static void crashes_keep_their_reason(void **state)
{
	const struct config c = make_config(1, RULE_PRIMARY);
	const double one[] = { 1, 1 };
	struct outcome o = { .verdict = VERDICT_TIMEOUT, .reason = "ran past 2s" };
	struct decision d;

	(void)state;
	judge_decide(&c, one, one, &o, &d);
	assert_int_equal(d.status, STATUS_CRASH);
	assert_string_equal(d.reason, "timeout: ran past 2s");
	o = (struct outcome){ .verdict = VERDICT_OOM };
	judge_decide(&c, one, one, &o, &d);
	assert_int_equal(d.status, STATUS_CRASH);
	assert_string_equal(d.reason, "oom");
	memset(o.reason, 'x', sizeof(o.reason) - 1);
	judge_decide(&c, one, one, &o, &d);
	assert_int_equal(strlen(d.reason), sizeof(d.reason) - 1);
}

static void baseline_must_suit_the_rule(void **state)
{
	struct config c = make_config(2, RULE_PRIMARY);
	struct sbx_err err = { 0 };
	const double zero[] = { 1, 0 }, fine[] = { 0, 1 };

	(void)state;
	assert_int_equal(judge_check_baseline(&c, zero, &err), 0);
	c.metrics[1].tolerance_kind = TOLERANCE_ABS;
	assert_int_equal(judge_check_baseline(&c, zero, &err), 0);
	c.metrics[1].tolerance_kind = TOLERANCE_RATIO;
	c.metrics[1].tolerance = 1.1;
	assert_int_equal(judge_check_baseline(&c, fine, &err), 0);
	assert_int_equal(judge_check_baseline(&c, zero, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "size is 0 in the baseline"));
	assert_non_null(strstr(err.msg, "{abs: X}"));
}

/* A kept value is always better, two cannot keep each other, and equal is never kept. */
static void keeping_has_a_direction(void **state)
{
	uint64_t random = 11;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct config c =
			make_config(2, (enum rule)random_below(&random, _RULE_MAX));
		double a[2], b[2];
		struct decision ab, ba;

		for (int k = 0; k < 2; k++) {
			c.metrics[k].goal = (enum metric_goal)random_below(&random, 2);
			a[k] = round(40 * random_unit(&random) - 20) / 4;
			b[k] = random_below(&random, 3)
				       ? round(40 * random_unit(&random) - 20) / 4
				       : a[k];
		}
		c.min_delta = random_below(&random, 2) ? random_unit(&random) : 0;
		c.min_delta_percent = random_below(&random, 2);
		ab = decide(&c, a[0], a[1], a[0], a[1], b[0], b[1]);
		ba = decide(&c, b[0], b[1], b[0], b[1], a[0], a[1]);
		assert_false(ab.status == STATUS_KEEP && ba.status == STATUS_KEEP);
		if (a[0] == b[0] && a[1] == b[1])
			assert_int_equal(ab.status, STATUS_DISCARD);
		if (c.rule == RULE_PRIMARY && ab.status == STATUS_KEEP)
			assert_true(c.metrics[0].goal == GOAL_MINIMIZE ? b[0] < a[0]
								       : b[0] > a[0]);
	}
}

/* Whatever differs is printed differently. */
static void sentences_tell_numbers_apart(void **state)
{
	struct config c = make_config(1, RULE_PRIMARY);
	uint64_t random = 5;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		double a = exp(600 * random_unit(&random) - 300), x = 0, y = 0;
		double b =
			i % 2 ? nextafter(a, 0) : a * (1 + 1e-9 * random_unit(&random));
		struct decision d = decide(&c, a, 0, a, 0, b, 0);

		if (a == b)
			continue;
		assert_int_equal(d.status, b < a ? STATUS_KEEP : STATUS_DISCARD);
		assert_int_equal(sscanf(d.reason, "loss %lf is %*s than %lf by", &x, &y),
				 2);
		assert_true(b < a ? x < y : x > y);
	}
}

static void median_is_the_middle(void **state)
{
	double one[] = { 4 }, three[] = { 9, -1, 3 }, four[] = { 4, 1, 3, 2 };
	double huge[] = { 1.7e308, 1.7e308 };

	(void)state;
	assert_true(judge_median(one, 1) == 4);
	assert_true(judge_median(three, 3) == 3);
	assert_true(judge_median(four, 4) == 2.5);
	assert_true(judge_median(huge, 2) == 1.7e308);
}

static void names_read_back(void **state)
{
	(void)state;
	for (int v = 0; v < _VERDICT_MAX; v++)
		assert_int_equal(verdict_find(verdict_name((enum verdict)v)), v);
	for (int s = 0; s < _STATUS_MAX; s++)
		assert_int_equal(status_find(status_name((enum status)s)), s);
	assert_int_equal(verdict_find("sad"), -1);
	assert_int_equal(status_find("kept"), -1);
	assert_string_equal(verdict_name(VERDICT_OOM), "oom");
	assert_string_equal(verdict_name(VERDICT_NOT_FINITE), "not-finite");
	assert_string_equal(status_name(STATUS_KEEP), "keep");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(primary_compares_with_the_incumbent),
		cmocka_unit_test(second_metric_is_bounded_by_the_baseline),
		cmocka_unit_test(second_metric_cannot_creep),
		cmocka_unit_test(pareto_asks_for_dominance),
		cmocka_unit_test(weighted_compares_scores),
		cmocka_unit_test(crashes_keep_their_reason),
		cmocka_unit_test(baseline_must_suit_the_rule),
		cmocka_unit_test(keeping_has_a_direction),
		cmocka_unit_test(sentences_tell_numbers_apart),
		cmocka_unit_test(median_is_the_middle),
		cmocka_unit_test(names_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
