/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/check.h"

#include "base/strv.h"
#include "conf/harness.h"
#include "conf/paths.h"

/* The node of @key, or the whole file where the key is not written. */
static const struct yaml_node *at_key(const struct yaml_node *root, const char *key)
{
	const struct yaml_node *n = yaml_get(root, key);

	return n ? n : root;
}

/* A key of a metric, or the metric where it is not written. */
static const struct yaml_node *at_metric(const struct yaml_node *root, size_t i,
					 const char *key)
{
	return at_key(yaml_get(root, "metrics")->items[i], key);
}

static bool is_measured(const struct config_metric *m)
{
	return m->from == METRIC_FROM_WALL_MS || m->from == METRIC_FROM_CPU_MS ||
	       m->from == METRIC_FROM_PEAK_MB;
}

static int check_metric(const struct config *c, const struct yaml_node *root, size_t i,
			struct sbx_err *err)
{
	const struct yaml_node *metric = yaml_get(root, "metrics")->items[i];

	if (is_measured(&c->metrics[i]) && c->metrics[i].take != METRIC_TAKE_ONLY)
		return yaml_fail(
			at_metric(root, i, "take"), err,
			"'take' chooses among values that a harness prints, and autoexp "
			"measures '%s' itself, once; leave it out",
			c->metrics[i].name);
	if (yaml_get(metric, "weight") && c->rule != RULE_WEIGHTED)
		return yaml_fail(
			at_metric(root, i, "weight"), err,
			"a weight counts under 'rule: weighted' only, and the rule is %s",
			rule_names[c->rule]);
	if (yaml_get(metric, "max_regression") && c->rule == RULE_WEIGHTED)
		return yaml_fail(at_metric(root, i, "max_regression"), err,
				 "under 'rule: weighted' the score alone decides; leave "
				 "it out, or "
				 "use 'rule: primary'");
	if (i == 0 && yaml_get(metric, "max_regression") && c->rule == RULE_PRIMARY)
		return yaml_fail(at_metric(root, i, "max_regression"), err,
				 "under 'rule: primary' the first metric has to get "
				 "better anyway; "
				 "a bound belongs to the second one");
	return 0;
}

static int check_metrics(const struct config *c, const struct yaml_node *root,
			 struct sbx_err *err)
{
	int r;

	for (size_t i = 0; i < c->n_metrics; i++) {
		r = check_metric(c, root, i, err);
		if (r < 0)
			return r;
	}
	if (c->rule == RULE_PARETO && c->n_metrics < 2)
		return yaml_fail(
			at_key(root, "rule"), err,
			"'pareto' compares two metrics and there is one; use 'primary'");
	if (c->n_metrics < 2)
		return 0;
	if (streq(c->metrics[0].name, c->metrics[1].name))
		return yaml_fail(at_metric(root, 1, "name"), err,
				 "'%s' is the name of the first metric already",
				 c->metrics[1].name);
	/* A bound that nobody wrote would either discard silently or not be there. */
	if (c->rule == RULE_PRIMARY &&
	    !yaml_get(yaml_get(root, "metrics")->items[1], "max_regression"))
		return yaml_fail(
			at_metric(root, 1, "max_regression"), err,
			"under 'rule: primary' the second metric is a constraint and "
			"needs "
			"the key 'max_regression'; accepted is a ratio from 1 (1.05 = at "
			"most 5%% worse than the baseline), {abs: X} or unlimited");
	return 0;
}

static int check_files(const struct config *c, const struct yaml_node *root,
		       struct sbx_err *err)
{
	cleanup_free char *target = path_join(c->dir, c->target);
	cleanup_free char *policy = NULL, *normal = NULL;
	const char *problem;

	policy = strchr(c->policy, '/') ? path_join(c->dir, c->policy) : strdup("/");
	/* A policy with ".." in its path lies elsewhere, or is named in an odd way. */
	if (!target || !policy || path_normal(policy, &normal, &problem) == -ENOMEM)
		return sbx_err_oom(err, "config");
	if (streq(target, c->path))
		return yaml_fail(
			at_key(root, "target"), err,
			"the target is this configuration; a run must not change its own "
			"rules, so name another file");
	if (normal && streq(target, normal))
		return yaml_fail(
			at_key(root, "policy"), err,
			"the policy is the target; a run must not change its own rules");
	if (harness_runs(c->harness, c->target))
		return yaml_fail(
			at_key(root, "harness"), err,
			"the harness is the target '%.80s' itself, which could then "
			"print "
			"any number; write a small script that runs it and measures",
			c->target);
	return 0;
}

/* Nested paths would hide one another, in an order that nobody wrote down. */
static int check_pair(const struct yaml_node *at, const char *a, const char *b,
		      const char *b_word, struct sbx_err *err)
{
	if (!path_within(a, b) && !path_within(b, a))
		return 0;
	return yaml_fail(
		at, err,
		"'%.80s' and %s '%.80s' lie within each other; they must be apart", a,
		b_word, b);
}

/* Each of @list against the target and all of @others (NULL: against those before it). */
static int check_list(const struct config *c, const struct yaml_node *root,
		      const char *key, char **list, char **others, struct sbx_err *err)
{
	cleanup_free char *target = path_join(c->dir, c->target);
	size_t n = strv_len(others ? others : list);
	int r;

	for (size_t i = 0; list && list[i]; i++) {
		cleanup_free char *path = path_join(c->dir, list[i]);
		const struct yaml_node *at = yaml_get(root, key)->items[i];

		if (!path || !target)
			return sbx_err_oom(err, "config");
		r = check_pair(at, path, target, "the target", err);
		for (size_t j = 0; r == 0 && j < (others ? n : i); j++) {
			cleanup_free char *other = NULL;

			other = path_join(c->dir, others ? others[j] : list[j]);
			if (!other)
				return sbx_err_oom(err, "config");
			r = check_pair(at, path, other,
				       others ? "the show path" : "the path above", err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int config_check(const struct config *c, const struct yaml_node *root,
		 struct sbx_err *err)
{
	int r;

	r = check_metrics(c, root, err);
	if (r < 0)
		return r;
	r = check_files(c, root, err);
	if (r < 0)
		return r;
	r = check_list(c, root, "show", c->show, NULL, err);
	if (r < 0)
		return r;
	r = check_list(c, root, "scratch_paths", c->scratch_paths, NULL, err);
	if (r < 0)
		return r;
	return check_list(c, root, "scratch_paths", c->scratch_paths, c->show, err);
}
