/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the user wrote in autoexp.yaml (or autoexp.json), checked and with every default
 * filled in. A struct config is read-only once it is loaded, but for the caps that the
 * command line may override. Nothing here has touched git or the host: whether the target
 * is tracked, or a show path exists, is for the modules that use them.
 */

#include <regex.h>

#include "base/cleanup.h"
#include "limit.h"
#include "model.h"

/* A cap spelled "unlimited". */
#define CONFIG_UNLIMITED UINT64_MAX

/* How every regex of a configuration is compiled; it is matched against one line. */
#define CONFIG_REGEX_FLAGS REG_EXTENDED

#define CONFIG_NAME_MAX 64

enum metric_goal { GOAL_MINIMIZE, GOAL_MAXIMIZE, _GOAL_MAX };

/* Which value counts where the harness prints a metric several times. */
enum metric_take {
	METRIC_TAKE_ONLY, /* several different values are ambiguous */
	METRIC_TAKE_LAST,
	METRIC_TAKE_FIRST,
	METRIC_TAKE_MIN,
	METRIC_TAKE_MAX,
	_METRIC_TAKE_MAX
};

enum metric_from {
	METRIC_FROM_LINE,    /* "METRIC name=value", "name: value", "name = value" */
	METRIC_FROM_REGEX,   /* pattern: POSIX extended, exactly one group */
	METRIC_FROM_JSON,    /* pattern: path such as result.loss or runs[0].ms */
	METRIC_FROM_WALL_MS, /* measured by the supervisor, as the two below */
	METRIC_FROM_CPU_MS,
	METRIC_FROM_PEAK_MB,
	_METRIC_FROM_MAX
};

/* How much worse than the BASELINE a metric may get. */
enum tolerance_kind {
	TOLERANCE_NONE,  /* no bound: "unlimited", or not written where none is needed */
	TOLERANCE_RATIO, /* minimize: value <= baseline * x; maximize: value >= baseline /
			    x */
	TOLERANCE_ABS, /* minimize: value <= baseline + x; maximize: value >= baseline - x
			*/
	_TOLERANCE_MAX
};

struct config_metric {
	char *name; /* also the column of results.tsv */
	enum metric_goal goal;
	enum metric_take take;
	enum metric_from from;
	char *pattern; /* of REGEX and JSON; else NULL */
	enum tolerance_kind tolerance_kind;
	double tolerance; /* RATIO: >= 1; ABS: >= 0 */
	double weight;    /* > 0, under RULE_WEIGHTED; 1 when not written */
};

enum rule {
	RULE_PRIMARY,  /* the first metric decides, the second is a constraint */
	RULE_PARETO,   /* two metrics */
	RULE_WEIGHTED, /* score = sum of weight * value, minimized values negative */
	_RULE_MAX
};

/* The global caps of a campaign; CONFIG_UNLIMITED where that is spelled out. */
enum cap {
	CAP_EXPERIMENTS, /* the baseline is not counted */
	CAP_COST_NANO,   /* US dollars / 10^9 */
	CAP_WALL_US,     /* microseconds of active run time */
	_CAP_MAX
};

enum proposer_kind { PROPOSER_BUILTIN, _PROPOSER_MAX };

/* Which numbers in the target the built-in proposer may change. */
enum numbers { NUMBERS_ALL, NUMBERS_NONE, NUMBERS_MATCHING, _NUMBERS_MAX };

struct config_proposer {
	enum proposer_kind kind;
	uint64_t seed; /* 1 when not written: a campaign can be repeated */
	enum numbers numbers;
	char *numbers_regex; /* NUMBERS_MATCHING: only numbers on lines that match */
	/*
	 * Closed by NULL; each slot is a list of two lines or more that may stand in for
	 * each other in the target. NULL = no pool.
	 */
	char ***pool;
	size_t n_slots;
};

struct config {
	/* Where it came from. */
	char *path; /* absolute; its directory part has no symbolic links */
	char *dir;  /* that directory: the harness runs there, relative paths start there
		     */
	char *text; /* the file as it was read, for pinning */
	size_t text_len;

	char *target;   /* relative to dir, without "." and ".." parts */
	char **harness; /* argv; a string in the file became {"sh", "-c", string} */
	bool harness_shell;

	struct config_metric metrics[METRICS_MAX];
	size_t n_metrics; /* 1 or 2; the first is the primary one */
	enum rule rule;
	double min_delta;       /* >= 0 */
	bool min_delta_percent; /* min_delta is in percent of the incumbent's value */
	unsigned repeat; /* runs of each candidate, odd, 1 to 99; the median counts */

	uint64_t caps[_CAP_MAX];
	bool caps_written[_CAP_MAX]; /* false: the default, worth printing at start */
	uint64_t rate_nano; /* what an hour of run time costs, US dollars / 10^9 */
	char *budget_group; /* whose caps bind as well, NULL = none */
	uint64_t limits[_SBX_LIMIT_MAX];
	bool limits_written[_SBX_LIMIT_MAX];
	char cpuset[SBX_CPUSET_SIZE]; /* "" = not written */

	struct config_proposer proposer;
	char *policy; /* a name, or (with a slash) a path, relative ones to dir */
	char **show;  /* absolute, or relative to dir without "." and ".." parts */
	char **scratch_paths; /* relative to dir, the same */
	char **env;           /* names */
	enum sbx_network network;
	char *tag; /* NULL when not written */
};

extern const char *const goal_names[_GOAL_MAX];
extern const char *const take_names[_METRIC_TAKE_MAX];
extern const char *const rule_names[_RULE_MAX];
extern const char *const cap_names[_CAP_MAX];   /* keys under caps: */
extern const char *const cap_options[_CAP_MAX]; /* "--max-experiments", ... */

/**
 * config_load() - read and check a configuration file
 * @path:  the file; NULL = autoexp.yaml, else autoexp.json, in the current directory
 * @ret:   freed by config_free()
 * @err:   "FILE:LINE:COL: what was found; what is accepted"
 *
 * Return: 0; -ENOENT where there is no such file; -EINVAL where it is wrong; other errno
 */
int config_load(const char *path, struct config **ret, struct sbx_err *err);

/**
 * config_parse() - the same from memory, for a pinned configuration
 * @name:  its file name, named in messages; ".json" at the end means JSON, else YAML
 * @dir:   absolute directory that relative paths start from, need not exist
 */
int config_parse(const char *text, size_t len, const char *name, const char *dir,
		 struct config **ret, struct sbx_err *err);

void config_free(struct config *c);

static inline void cleanup_config_p(struct config **c)
{
	config_free(*c);
}

#define cleanup_config cleanup(cleanup_config_p)

/**
 * config_set_cap() - override a cap, as --max-experiments and its kin do
 * @text:  as in the file: a number in the unit of the key, or "unlimited"
 */
int config_set_cap(struct config *c, enum cap cap, const char *text, struct sbx_err *err);

/* "50", "10.00 USD", "8h" or "unlimited"; @size of at least 48. Return: @out */
const char *config_format_cap(enum cap cap, uint64_t value, char *out, size_t size);

/**
 * config_check_tag() - may this be the name of a campaign
 *
 * Return: 0; -EINVAL with what is accepted
 */
int config_check_tag(const char *tag, struct sbx_err *err);

/**
 * config_same_experiment() - do two configurations ask the same question
 * @ret_key:  where they do not: the first key that differs, static
 *
 * Everything counts but caps, the proposer, and where the file lies.
 */
bool config_same_experiment(const struct config *a, const struct config *b,
			    const char **ret_key);

/**
 * config_harness_words() - the words of the harness that look like files of the
 * repository
 * @ret:  relative paths below dir, without "." parts; freed by strv_free(); NULL when
 * none
 *
 * A list's words as they are; a shell string's words split at blanks and shell operators,
 * with plain quotes removed. Best effort: options, variables, patterns, absolute paths
 * and bare commands are left out, and a word need not exist.
 */
int config_harness_words(const struct config *c, char ***ret);
