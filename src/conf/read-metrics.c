/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One or two metrics: what each is called, where its value comes from, and how much worse
 * it may get.
 */

#include "conf/readers.h"

static int read_metric_name(const struct yaml_node *n, const struct yaml_field *f,
			    void *base, struct sbx_err *err)
{
	static const char *const taken[] = { "commit", "status", "description" };
	struct config_metric *m = base;

	if (!yaml_is_text(n) || !conf_is_word(n->text, ".-"))
		return conf_refuse(n, f, err);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (streq(n->text, taken[i]))
			return yaml_fail(n, err,
					 "'%s' is a column of results.tsv already; "
					 "choose another name",
					 n->text);
	return conf_copy_text(n->text, &m->name, err);
}

/* "a.b[0].c": keys between dots, indices in brackets. */
static bool is_json_path(const char *s)
{
	size_t n;

	for (;;) {
		n = strcspn(s, ".[]");
		if (n == 0)
			return false;
		for (s += n; *s == '['; s += n + 2) {
			n = strspn(s + 1, "0123456789");
			if (n == 0 || n > 9 || s[n + 1] != ']')
				return false;
		}
		if (*s == '\0')
			return true;
		if (*s != '.')
			return false;
		s++;
	}
}

static int read_from_regex(const struct yaml_node *n, struct config_metric *m,
			   struct sbx_err *err)
{
	size_t groups = 0;
	int r;

	r = conf_check_regex(n, &groups, err);
	if (r < 0)
		return r;
	if (groups != 1)
		return yaml_fail(n, err,
				 "the regex '%.80s' has %zu groups; accepted is exactly "
				 "one pair of parentheses, around the number",
				 n->text, groups);
	m->from = METRIC_FROM_REGEX;
	return conf_copy_text(n->text, &m->pattern, err);
}

static int read_from_json(const struct yaml_node *n, const char *path,
			  struct config_metric *m, struct sbx_err *err)
{
	if (!is_json_path(path))
		return yaml_fail(
			n, err,
			"'%.80s' is no path into a JSON document; accepted is a "
			"path such as json:loss, json:result.loss or json:runs[0].ms",
			n->text);
	m->from = METRIC_FROM_JSON;
	return conf_copy_text(path, &m->pattern, err);
}

static int read_from(const struct yaml_node *n, const struct yaml_field *f, void *base,
		     struct sbx_err *err)
{
	static const struct {
		const char *name;
		enum metric_from from;
	} measured[] = {
		{ "@wall_ms", METRIC_FROM_WALL_MS },
		{ "@cpu_ms", METRIC_FROM_CPU_MS },
		{ "@peak_mb", METRIC_FROM_PEAK_MB },
	};
	struct config_metric *m = base;
	const char *path;

	if (!yaml_is_text(n) || !*n->text)
		return conf_refuse(n, f, err);
	if (streq(n->text, "fd"))
		return yaml_fail(n, err,
				 "this version of autoexp does not have 'from: fd'; it "
				 "has %s",
				 f->accepts);
	for (size_t i = 0; i < ARRAY_SIZE(measured); i++) {
		if (!streq(n->text, measured[i].name))
			continue;
		m->from = measured[i].from;
		return 0;
	}
	if (*n->text == '@')
		return conf_refuse(n, f, err);
	path = str_after(n->text, "json:");
	return path ? read_from_json(n, path, m, err) : read_from_regex(n, m, err);
}

static int read_abs(const struct yaml_node *n, const struct yaml_field *f, void *base,
		    struct sbx_err *err)
{
	struct config_metric *m = base;
	int r;

	r = yaml_read_double(n, f, base, err);
	if (r < 0)
		return r;
	if (m->tolerance < 0)
		return conf_refuse(n, f, err);
	m->tolerance_kind = TOLERANCE_ABS;
	return 0;
}

static int read_tolerance(const struct yaml_node *n, const struct yaml_field *f,
			  void *base, struct sbx_err *err)
{
	static const struct yaml_field fields[] = {
		{ "abs", read_abs, offsetof(struct config_metric, tolerance),
		  "a number from 0, in the unit of the metric", .required = true },
	};
	struct config_metric *m = base;
	int r;

	if (n->type == YAML_MAP)
		return yaml_read_map(n, fields, ARRAY_SIZE(fields), base, err);
	if (yaml_is_text(n) && streq(n->text, "unlimited"))
		return 0;
	r = yaml_read_double(n, f, base, err);
	if (r < 0)
		return r;
	if (m->tolerance < 1)
		return conf_refuse(n, f, err);
	m->tolerance_kind = TOLERANCE_RATIO;
	return 0;
}

static int read_weight(const struct yaml_node *n, const struct yaml_field *f, void *base,
		       struct sbx_err *err)
{
	struct config_metric *m = base;
	int r;

	r = yaml_read_double(n, f, base, err);
	if (r < 0)
		return r;
	return m->weight > 0 ? 0 : conf_refuse(n, f, err);
}

static const struct yaml_field metric_fields[] = {
	{ "name", read_metric_name,
	  .accepts = "up to 64 letters, digits, '_', '.' and '-', beginning with a "
		     "letter or '_'",
	  .required = true },
	{ "goal", yaml_read_enum, offsetof(struct config_metric, goal),
	  .accepts = "minimize or maximize", .arg = goal_names, .max = _GOAL_MAX,
	  .required = true },
	{ "take", yaml_read_enum, offsetof(struct config_metric, take), .arg = take_names,
	  .max = _METRIC_TAKE_MAX },
	{ "from", read_from,
	  .accepts = "a regex with one group, json:PATH, @wall_ms, @cpu_ms or @peak_mb; "
		     "without "
		     "'from' the harness prints 'name: value'" },
	{ "max_regression", read_tolerance, offsetof(struct config_metric, tolerance),
	  "a ratio from 1 (1.05 = at most 5% worse than the baseline), {abs: X} or "
	  "unlimited" },
	{ "weight", read_weight, offsetof(struct config_metric, weight),
	  "a number above 0" },
	{ "confirm", yaml_read_later, .accepts = "repeat: N, the median of N runs" },
};

int read_metrics(const struct yaml_node *n, const struct yaml_field *f, void *base,
		 struct sbx_err *err)
{
	struct config *c = base;
	int r;

	if (n->type != YAML_LIST)
		return conf_refuse(n, f, err);
	if (n->n == 0 || n->n > METRICS_MAX)
		return yaml_fail(n, err, "%zu metrics; accepted is %s", n->n, f->accepts);
	for (size_t i = 0; i < n->n; i++) {
		c->metrics[i].weight = 1;
		r = yaml_read_map(n->items[i], metric_fields, ARRAY_SIZE(metric_fields),
				  &c->metrics[i], err);
		if (r < 0)
			return r;
		c->n_metrics = i + 1;
	}
	return 0;
}
