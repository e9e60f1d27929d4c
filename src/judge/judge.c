/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The rules. "Better" is towards the metric's goal; "by more than min_delta" is strict,
 * and min_delta is absolute or in percent of the incumbent's absolute value.
 *
 *	primary   the first metric is better than the incumbent's by more than min_delta,
 *	          and the second is within its tolerance of the baseline
 *	pareto    at least one metric is better by more than min_delta; the other is not
 *	          worse than the incumbent's or, where it has a tolerance, within that of
 *	          the baseline; and the baseline is not better all in all, so that trading
 *	          one metric for the other step by step never ends below the start
 *	weighted  the score is higher by more than min_delta: the sum of weight * value,
 *	          where minimized values count negative; there are no tolerances
 *
 * Tolerances refer to the baseline and not to the incumbent, so that many small losses
 * cannot creep past them. Equal is not better: a tie is discarded.
 *
 * Values are decimal texts that became doubles: 1.0 - 0.99 is a little more than 0.01. A
 * gain that equals min_delta but for a few units in the last place does not exceed it.
 */

#include "judge/judge.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/config.h"

#define NUMBER_TEXT 32

/* Sentences grow in place; what does not fit is cut. */
static void say(struct decision *d, const char *fmt, ...) attr_printf(2, 3);

static void say(struct decision *d, const char *fmt, ...)
{
	size_t n = strlen(d->reason);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->reason + n, sizeof(d->reason) - n, fmt, ap);
	va_end(ap);
}

/* As short as it can be while it reads back as the same number, from six digits on. */
static void format_exact(double v, char ret[NUMBER_TEXT])
{
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(ret, NUMBER_TEXT, "%.*g", digits, v);
		if (strtod(ret, NULL) == v)
			return;
	}
}

/*
 * As short as they can be while they still differ. Where @edge is small, six digits could
 * tell the opposite of what was decided: then both are exact.
 */
static void format_pair(double a, double b, double edge, char ret_a[NUMBER_TEXT],
			char ret_b[NUMBER_TEXT])
{
	if (fabs(edge) <= 2e-5 * fmax(fabs(a), fabs(b))) {
		format_exact(a, ret_a);
		format_exact(b, ret_b);
		return;
	}
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(ret_a, NUMBER_TEXT, "%.*g", digits, a);
		snprintf(ret_b, NUMBER_TEXT, "%.*g", digits, b);
		if (a == b || !streq(ret_a, ret_b))
			return;
	}
}

/* How much better @value is than @than: positive is better. */
static double gain_of(enum metric_goal goal, double value, double than)
{
	return goal == GOAL_MINIMIZE ? than - value : value - than;
}

static double noise_of(double a, double b)
{
	return 4 * DBL_EPSILON * fmax(fabs(a), fabs(b));
}

static double threshold_of(const struct config *c, double incumbent)
{
	return c->min_delta_percent ? fabs(incumbent) * c->min_delta / 100 : c->min_delta;
}

static bool exceeds(double gain, double threshold, double noise)
{
	return threshold > 0 ? gain > threshold + noise : gain > 0;
}

/* Is @value better than @incumbent by more than min_delta? */
static bool improves(const struct config *c, enum metric_goal goal, double value,
		     double incumbent)
{
	return exceeds(gain_of(goal, value, incumbent), threshold_of(c, incumbent),
		       noise_of(value, incumbent));
}

/* The worst value that the tolerance allows. */
static double bound_of(const struct config_metric *m, double baseline)
{
	bool down = m->goal == GOAL_MINIMIZE;

	if (m->tolerance_kind == TOLERANCE_RATIO)
		return down ? baseline * m->tolerance : baseline / m->tolerance;
	return down ? baseline + m->tolerance : baseline - m->tolerance;
}

static bool within(const struct config_metric *m, double value, double baseline)
{
	double bound = bound_of(m, baseline);

	if (m->tolerance_kind == TOLERANCE_NONE)
		return true;
	return gain_of(m->goal, value, bound) >= -noise_of(value, bound);
}

/* "1.2 is better than 1.3 by 7.7%, more than min_delta 1%" */
static void say_change(struct decision *d, const struct config *c, enum metric_goal goal,
		       double value, double incumbent)
{
	double gain = gain_of(goal, value, incumbent), amount = fabs(gain);
	char a[NUMBER_TEXT], b[NUMBER_TEXT], by[NUMBER_TEXT], min[NUMBER_TEXT];
	bool percent = c->min_delta_percent || c->min_delta == 0;
	const char *sign = "%";

	format_pair(value, incumbent, amount - threshold_of(c, incumbent), a, b);
	if (gain == 0) {
		say(d, "%s is equal to the incumbent's", a);
		return;
	}
	if (percent && incumbent != 0)
		amount = 100 * amount / fabs(incumbent);
	else
		sign = "";
	snprintf(by, sizeof(by), "%.3g", amount);
	snprintf(min, sizeof(min), "%.6g", c->min_delta);
	if (fabs(amount - c->min_delta) <= 0.01 * c->min_delta)
		format_pair(amount, c->min_delta, INFINITY, by, min);
	/* Equal but for the last place: do not print digits that nobody measured. */
	if (gain > 0 && amount > c->min_delta && !improves(c, goal, value, incumbent))
		snprintf(by, sizeof(by), "%s", min);
	say(d, "%s is %s than %s by %s%s", a, gain > 0 ? "better" : "worse", b, by, sign);
	if (gain > 0 && c->min_delta > 0)
		say(d, ", %s min_delta %s%s",
		    improves(c, goal, value, incumbent) ? "more than" : "not more than",
		    min, c->min_delta_percent ? "%" : "");
}

/* "size 1500 is within 1.6 times the baseline's 1000" */
static void say_bound(struct decision *d, const struct config_metric *m, double value,
		      double baseline)
{
	const char *relation = within(m, value, baseline) ? "within" : "not within";
	char a[NUMBER_TEXT], b[NUMBER_TEXT];

	format_pair(value, baseline, value - bound_of(m, baseline), a, b);
	if (m->tolerance_kind == TOLERANCE_ABS)
		say(d, "%s %s is %s %.6g of the baseline's %s", m->name, a, relation,
		    m->tolerance, b);
	else
		say(d, "%s %s is %s %s%.6g times the baseline's %s", m->name, a, relation,
		    m->goal == GOAL_MAXIMIZE ? "1/" : "", m->tolerance, b);
}

static bool decide_primary(const struct config *c, const double *baseline,
			   const double *incumbent, const double *value,
			   struct decision *d)
{
	const struct config_metric *m = &c->metrics[0], *second = &c->metrics[1];
	bool better = improves(c, m->goal, value[0], incumbent[0]);
	bool bounded = c->n_metrics > 1 && second->tolerance_kind != TOLERANCE_NONE;

	if (better && bounded && !within(second, value[1], baseline[1])) {
		say_bound(d, second, value[1], baseline[1]);
		say(d, ", though %s ", m->name);
		say_change(d, c, m->goal, value[0], incumbent[0]);
		return false;
	}
	say(d, "%s ", m->name);
	say_change(d, c, m->goal, value[0], incumbent[0]);
	if (better && bounded) {
		say(d, "; ");
		say_bound(d, second, value[1], baseline[1]);
	}
	return better;
}

/* Would a metric stop a candidate that is better in the other one? Says why. */
static bool pareto_objects(const struct config_metric *m, double baseline,
			   double incumbent, double value, struct decision *d)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT];

	if (gain_of(m->goal, value, incumbent) >= 0)
		return false;
	if (m->tolerance_kind == TOLERANCE_NONE) {
		format_pair(value, incumbent, INFINITY, a, b);
		say(d, "%s %s is worse than the incumbent's %s", m->name, a, b);
		return true;
	}
	if (within(m, value, baseline))
		return false;
	say_bound(d, m, value, baseline);
	return true;
}

/* Is @a better than @b in one metric at least, and worse in none? */
static bool dominates(const struct config *c, const double *a, const double *b)
{
	bool better = false;

	for (size_t i = 0; i < c->n_metrics; i++) {
		double gain = gain_of(c->metrics[i].goal, a[i], b[i]);

		if (gain < 0)
			return false;
		better = better || gain > 0;
	}
	return better;
}

static bool decide_pareto(const struct config *c, const double *baseline,
			  const double *incumbent, const double *value,
			  struct decision *d)
{
	size_t best = c->n_metrics;

	for (size_t i = c->n_metrics; i-- > 0;)
		if (improves(c, c->metrics[i].goal, value[i], incumbent[i]))
			best = i;
	for (size_t i = 0; best < c->n_metrics && i < c->n_metrics; i++)
		if (pareto_objects(&c->metrics[i], baseline[i], incumbent[i], value[i],
				   d))
			return false;
	if (best < c->n_metrics && dominates(c, baseline, value)) {
		say(d, "the baseline is better: ");
		best = c->n_metrics;
	}
	for (size_t i = 0; i < c->n_metrics; i++) {
		say(d, "%s%s ", i ? "; " : "", c->metrics[i].name);
		say_change(d, c, c->metrics[i].goal, value[i], incumbent[i]);
	}
	return best < c->n_metrics;
}

static double score_of(const struct config *c, const double *value)
{
	double score = 0;

	for (size_t i = 0; i < c->n_metrics; i++)
		score += c->metrics[i].weight *
			 (c->metrics[i].goal == GOAL_MINIMIZE ? -value[i] : value[i]);
	return score;
}

static bool decide_weighted(const struct config *c, const double *baseline,
			    const double *incumbent, const double *value,
			    struct decision *d)
{
	double score = score_of(c, value), old = score_of(c, incumbent);

	(void)baseline;
	if (!isfinite(score)) {
		say(d, "the score of these metrics is too large for a number");
		return false;
	}
	say(d, "score ");
	say_change(d, c, GOAL_MAXIMIZE, score, old);
	return improves(c, GOAL_MAXIMIZE, score, old);
}

int judge_check_baseline(const struct config *c, const double *baseline,
			 struct sbx_err *err)
{
	for (size_t i = 0; i < c->n_metrics; i++) {
		const struct config_metric *m = &c->metrics[i];

		if (m->tolerance_kind == TOLERANCE_RATIO && baseline[i] <= 0)
			return sbx_err_set(
				err, -EINVAL, "judge",
				"%s is %.6g in the baseline, and %.6g times a number "
				"that is not positive is no bound: write "
				"`max_regression: {abs: X}` for this metric",
				m->name, baseline[i], m->tolerance);
	}
	if (c->rule == RULE_WEIGHTED && !isfinite(score_of(c, baseline)))
		return sbx_err_set(
			err, -EINVAL, "judge",
			"the baseline's score is too large for a number: write "
			"smaller weights");
	return 0;
}

void judge_decide(const struct config *c, const double *baseline, const double *incumbent,
		  const struct outcome *o, struct decision *ret)
{
	static bool (*const rules[])(const struct config *, const double *,
				     const double *, const double *,
				     struct decision *) = {
		[RULE_PRIMARY] = decide_primary,
		[RULE_PARETO] = decide_pareto,
		[RULE_WEIGHTED] = decide_weighted,
	};
	static_assert(ARRAY_SIZE(rules) == _RULE_MAX, "a rule has no function");

	assert(o->verdict != VERDICT_INTERRUPTED && o->verdict != VERDICT_SETUP_ERROR);
	*ret = (struct decision){ .status = STATUS_CRASH };
	if (o->verdict != VERDICT_OK) {
		say(ret, "%s%s%s", verdict_name(o->verdict), *o->reason ? ": " : "",
		    o->reason);
		return;
	}
	ret->status = rules[c->rule](c, baseline, incumbent, o->metrics, ret)
			      ? STATUS_KEEP
			      : STATUS_DISCARD;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double judge_median(double *values, size_t n)
{
	assert(n > 0);
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : values[n / 2 - 1] / 2 + values[n / 2] / 2;
}
