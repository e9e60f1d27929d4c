/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A configuration. The first byte chooses the notation. What is accepted has every value
 * in its range, names no path that leaves its directory, and reads the same again.
 */

#include <math.h>

#include "base/strv.h"
#include "conf/config.h"
#include "fuzz.h"

static void check_metric(const struct config_metric *m)
{
	HOLDS(m->name && *m->name && strlen(m->name) <= CONFIG_NAME_MAX);
	HOLDS(!strpbrk(m->name, "\t\n "));
	HOLDS(m->goal < _GOAL_MAX && m->take < _METRIC_TAKE_MAX &&
	      m->from < _METRIC_FROM_MAX);
	HOLDS((m->pattern != NULL) ==
	      (m->from == METRIC_FROM_REGEX || m->from == METRIC_FROM_JSON));
	HOLDS(isfinite(m->weight) && m->weight > 0);
	HOLDS(isfinite(m->tolerance) && m->tolerance >= 0);
	HOLDS(m->tolerance_kind != TOLERANCE_RATIO || m->tolerance >= 1);
}

static void check_inside(char *const *paths)
{
	for (size_t i = 0; paths && paths[i]; i++) {
		HOLDS(paths[i][0] != '/' && fuzz_is_clean_path(paths[i]));
		HOLDS(!streq(paths[i], ".git") && !str_after(paths[i], ".git/"));
	}
}

static void check_paths(const struct config *c)
{
	cleanup_strv char **words = NULL;

	HOLDS(c->target && c->target[0] != '/' && fuzz_is_clean_path(c->target));
	HOLDS(!streq(c->target, "."));
	check_inside(c->scratch_paths);
	for (size_t i = 0; c->show && c->show[i]; i++)
		HOLDS(fuzz_is_clean_path(c->show[i]));
	HOLDS(config_harness_words(c, &words) == 0);
	for (size_t i = 0; words && words[i]; i++)
		HOLDS(words[i][0] != '/' && fuzz_is_clean_path(words[i]));
}

static void check_limits(const struct config *c)
{
	for (size_t i = 0; i < _SBX_LIMIT_MAX; i++)
		HOLDS(c->limits[i] == 0 ? limit_table[i].def == 0
					: c->limits[i] >= limit_table[i].min &&
						  c->limits[i] <= limit_table[i].max);
}

static void check_rest(const struct config *c)
{
	char text[48];

	HOLDS(c->harness && c->harness[0]);
	HOLDS(c->n_metrics >= 1 && c->n_metrics <= METRICS_MAX);
	HOLDS(c->rule < _RULE_MAX && (c->rule != RULE_PARETO || c->n_metrics == 2));
	HOLDS(c->n_metrics < 2 || !streq(c->metrics[0].name, c->metrics[1].name));
	HOLDS(isfinite(c->min_delta) && c->min_delta >= 0);
	HOLDS(c->repeat % 2 == 1 && c->repeat < 100);
	HOLDS(c->network < _SBX_NETWORK_MAX);
	HOLDS(!c->tag || config_check_tag(c->tag, NULL) == 0);
	for (int i = 0; i < _CAP_MAX; i++)
		HOLDS(*config_format_cap((enum cap)i, c->caps[i], text, sizeof(text)));
	for (size_t i = 0; c->env && c->env[i]; i++)
		HOLDS(*c->env[i] && !strchr(c->env[i], '='));
}

static void check_again(const struct config *c, const char *name)
{
	struct config *again = NULL;
	const char *key = NULL;

	HOLDS(config_parse(c->text, c->text_len, name, c->dir, &again, NULL) == 0);
	HOLDS(config_same_experiment(c, again, &key) && !key);
	config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	const char *name = fuzz_byte(&in) & 1 ? "autoexp.json" : "autoexp.yaml";
	struct config *c = NULL;
	struct sbx_err err = { 0 };
	int r;

	r = config_parse((const char *)in.data, in.n, name, "/work/project", &c, &err);
	if (r < 0) {
		HOLDS(!c);
		fuzz_check_err(r, &err);
		return 0;
	}
	for (size_t i = 0; i < c->n_metrics; i++)
		check_metric(&c->metrics[i]);
	check_paths(c);
	check_limits(c);
	check_rest(c);
	check_again(c, name);
	config_free(c);
	return 0;
}
