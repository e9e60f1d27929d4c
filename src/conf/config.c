/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A configuration once it is loaded: its words, its caps, its end, and whether two of
 * them ask the same question.
 */

#include "conf/config.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/strv.h"
#include "base/table.h"

#define STAGE "config"
#define NANO  UINT64_C(1000000000)

const char *const goal_names[] = {
	[GOAL_MINIMIZE] = "minimize",
	[GOAL_MAXIMIZE] = "maximize",
};
TABLE_CHECK(goal_names, _GOAL_MAX);

const char *const take_names[] = {
	[METRIC_TAKE_ONLY] = "only",   [METRIC_TAKE_LAST] = "last",
	[METRIC_TAKE_FIRST] = "first", [METRIC_TAKE_MIN] = "min",
	[METRIC_TAKE_MAX] = "max",
};
TABLE_CHECK(take_names, _METRIC_TAKE_MAX);

const char *const rule_names[] = {
	[RULE_PRIMARY] = "primary",
	[RULE_PARETO] = "pareto",
	[RULE_WEIGHTED] = "weighted",
};
TABLE_CHECK(rule_names, _RULE_MAX);

const char *const cap_names[] = {
	[CAP_EXPERIMENTS] = "max_experiments",
	[CAP_COST_NANO] = "max_cost_usd",
	[CAP_WALL_US] = "max_wall_clock_hours",
};
TABLE_CHECK(cap_names, _CAP_MAX);

const char *const cap_options[] = {
	[CAP_EXPERIMENTS] = "--max-experiments",
	[CAP_COST_NANO] = "--max-cost",
	[CAP_WALL_US] = "--max-hours",
};
TABLE_CHECK(cap_options, _CAP_MAX);

static void metric_done(struct config_metric *m)
{
	free(m->name);
	free(m->pattern);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	free(c->path);
	free(c->dir);
	free(c->text);
	free(c->target);
	strv_free(c->harness);
	for (size_t i = 0; i < METRICS_MAX; i++)
		metric_done(&c->metrics[i]);
	free(c->proposer.numbers_regex);
	for (size_t i = 0; c->proposer.pool && c->proposer.pool[i]; i++)
		strv_free(c->proposer.pool[i]);
	free(c->proposer.pool);
	free(c->policy);
	strv_free(c->show);
	strv_free(c->scratch_paths);
	strv_free(c->env);
	free(c->tag);
	free(c->budget_group);
	free(c);
}

/* --- caps --- */

static const struct cap_info {
	const char *accepts;
	uint64_t min, max;
} cap_info[_CAP_MAX] = {
	[CAP_EXPERIMENTS] = { "a whole number from 1 to 1000000, or unlimited", 1,
			      1000000 },
	[CAP_COST_NANO] = { "US dollars from 0 to 1000000 without a unit, such as 10 or "
			    "2.50, "
			    "or unlimited",
			    0, 1000000 * NANO },
	[CAP_WALL_US] = { "hours above 0, at most 100000, without a unit, such as 8 or "
			  "0.5, "
			  "or unlimited",
			  1, USEC_PER_SEC * 3600 * 100000 },
};

static int cap_parse(enum cap cap, const char *text, uint64_t *ret)
{
	const struct cap_info *info = &cap_info[cap];
	uint64_t v;
	int r;

	if (streq(text, "unlimited")) {
		*ret = CONFIG_UNLIMITED;
		return 0;
	}
	r = cap == CAP_EXPERIMENTS ? parse_u64(text, &v) : parse_nano(text, &v);
	if (r < 0)
		return r;
	/* A billionth of an hour is 3.6 microseconds. */
	if (cap == CAP_WALL_US)
		v = v / 5 * 18 + v % 5 * 18 / 5;
	if (v < info->min || v > info->max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int config_set_cap(struct config *c, enum cap cap, const char *text, struct sbx_err *err)
{
	if (cap_parse(cap, text, &c->caps[cap]) < 0)
		return sbx_err_set(err, -EINVAL, STAGE, "'%.60s'; accepted is %s", text,
				   cap_info[cap].accepts);
	c->caps_written[cap] = true;
	return 0;
}

const char *config_format_cap(enum cap cap, uint64_t value, char *out, size_t size)
{
	if (value == CONFIG_UNLIMITED)
		snprintf(out, size, "unlimited");
	else if (cap == CAP_COST_NANO)
		snprintf(out, size, value % (NANO / 100) ? "%.9g USD" : "%.2f USD",
			 (double)value / NANO);
	else if (cap == CAP_WALL_US)
		snprintf(out, size, "%gh", (double)value / (3600.0 * USEC_PER_SEC));
	else
		snprintf(out, size, "%" PRIu64, value);
	return out;
}

/* --- tags --- */

int config_check_tag(const char *tag, struct sbx_err *err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789._-";
	size_t n = strlen(tag);
	bool fine = n && n <= CONFIG_NAME_MAX && tag[strspn(tag, allowed)] == '\0';

	/* What git refuses in the name of a branch, and what would look like an option.
	 */
	if (fine && !strchr(".-", tag[0]) && tag[n - 1] != '.' && !strstr(tag, "..") &&
	    !(n >= 5 && streq(tag + n - 5, ".lock")))
		return 0;
	return sbx_err_set(
		err, -EINVAL, STAGE,
		"'%.80s' cannot be a tag; accepted are up to %d letters, digits, '_', "
		"'-' and single '.' inside, such as speed-2",
		tag, CONFIG_NAME_MAX);
}

/* --- the same question? --- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

static bool same_texts(char *const *a, char *const *b)
{
	size_t n = strv_len(a);

	if (n != strv_len(b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!streq(a[i], b[i]))
			return false;
	return true;
}

static bool same_metric(const struct config_metric *a, const struct config_metric *b)
{
	return streq(a->name, b->name) && a->goal == b->goal && a->take == b->take &&
	       a->from == b->from && same_text(a->pattern, b->pattern) &&
	       a->tolerance_kind == b->tolerance_kind && a->tolerance == b->tolerance &&
	       a->weight == b->weight;
}

static bool same_metrics(const struct config *a, const struct config *b)
{
	if (a->n_metrics != b->n_metrics)
		return false;
	for (size_t i = 0; i < a->n_metrics; i++)
		if (!same_metric(&a->metrics[i], &b->metrics[i]))
			return false;
	return true;
}

static bool same_limits(const struct config *a, const struct config *b)
{
	return memcmp(a->limits, b->limits, sizeof(a->limits)) == 0 &&
	       streq(a->cpuset, b->cpuset) &&
	       memcmp(a->limits_written, b->limits_written, sizeof(a->limits_written)) ==
		       0;
}

bool config_same_experiment(const struct config *a, const struct config *b,
			    const char **ret_key)
{
	const struct {
		const char *key;
		bool same;
	} keys[] = {
		{ "target", streq(a->target, b->target) },
		{ "harness", same_texts(a->harness, b->harness) },
		{ "metrics", same_metrics(a, b) },
		{ "rule", a->rule == b->rule },
		{ "min_delta", a->min_delta == b->min_delta &&
				       a->min_delta_percent == b->min_delta_percent },
		{ "repeat", a->repeat == b->repeat },
		{ "limits", same_limits(a, b) },
		{ "policy", streq(a->policy, b->policy) },
		{ "show", same_texts(a->show, b->show) },
		{ "scratch_paths", same_texts(a->scratch_paths, b->scratch_paths) },
		{ "env", same_texts(a->env, b->env) },
		{ "network", a->network == b->network },
		{ "tag", same_text(a->tag, b->tag) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].same)
			continue;
		*ret_key = keys[i].key;
		return false;
	}
	return true;
}
