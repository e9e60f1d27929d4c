/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A configuration is read in three steps: text to tree (yaml-tree.h), tree to struct
 * config through the tables below, one entry for each key, and then the checks that
 * concern more than one key (check.h). Defaults are filled in first, so a reader only
 * writes what it found.
 *
 * Keys that the design has and this version does not are in the tables as well, read by
 * yaml_read_later(): a key that were ignored would let someone believe in a protection
 * that is not there.
 */

#include "conf/config.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/strv.h"
#include "conf/check.h"
#include "conf/paths.h"
#include "conf/readers.h"
#include "policy-load.h"

#define STAGE "config"

#define MINIMAL                                                                          \
	"{target: train.py, harness: python3 evaluate.py, metrics: [{name: loss, goal: " \
	"minimize}]}"

/* --- harness --- */

static int read_harness(const struct yaml_node *n, const struct yaml_field *f, void *base,
			struct sbx_err *err)
{
	struct config *c = base;

	if (n->type == YAML_MAP)
		return yaml_fail(
			n, err,
			"this version of autoexp does not have a harness in two stages "
			"(run: and eval:); it has %s",
			f->accepts);
	if (n->type == YAML_LIST) {
		if (n->n == 0 || n->items[0]->type != YAML_SCALAR || !*n->items[0]->text)
			return conf_refuse(n->n ? n->items[0] : n, f, err);
		return yaml_read_texts(n, f, base, err);
	}
	if (!yaml_is_text(n) || !n->text[strspn(n->text, " \t\n")])
		return conf_refuse(n, f, err);
	if (strv_add(&c->harness, "sh") < 0 || strv_add(&c->harness, "-c") < 0 ||
	    strv_add(&c->harness, n->text) < 0)
		return sbx_err_oom(err, STAGE);
	c->harness_shell = true;
	return 0;
}

/* --- numbers of the loop --- */

static int read_min_delta(const struct yaml_node *n, const struct yaml_field *f,
			  void *base, struct sbx_err *err)
{
	cleanup_free char *number = NULL;
	struct config *c = base;
	size_t len;
	double v;
	bool percent;

	if (!yaml_is_text(n))
		return conf_refuse(n, f, err);
	len = strlen(n->text);
	percent = len && n->text[len - 1] == '%';
	number = strndup(n->text, len - percent);
	if (!number)
		return sbx_err_oom(err, STAGE);
	if ((n->quoted && !percent) || parse_finite(number, &v) < 0 || v < 0 ||
	    (percent && v >= 100))
		return conf_refuse(n, f, err);
	c->min_delta = v;
	c->min_delta_percent = percent;
	return 0;
}

static int read_repeat(const struct yaml_node *n, const struct yaml_field *f, void *base,
		       struct sbx_err *err)
{
	struct config *c = base;
	int r;

	r = yaml_read_unsigned(n, f, base, err);
	if (r < 0)
		return r;
	return c->repeat % 2 ? 0 : conf_refuse(n, f, err);
}

static int read_cap(const struct yaml_node *n, const struct yaml_field *f, void *base,
		    struct sbx_err *err)
{
	enum cap cap = (enum cap)f->min;
	struct sbx_err why = { 0 };
	char found[YAML_FOUND_SIZE];

	/* In JSON the word "unlimited" has quotes. */
	if (!yaml_is_plain(n) && !(n->type == YAML_SCALAR && streq(n->text, "unlimited")))
		return yaml_fail(
			n, err, "%s%s; accepted is a number without quotes, or unlimited",
			n->quoted ? "the text " : "",
			yaml_found(n, found, sizeof(found)));
	if (config_set_cap(base, cap, n->text, &why) < 0)
		return yaml_fail(n, err, "%s", why.msg);
	return 0;
}

static int read_caps(const struct yaml_node *n, const struct yaml_field *f attr_unused,
		     void *base, struct sbx_err *err)
{
	struct yaml_field fields[_CAP_MAX];

	for (size_t i = 0; i < _CAP_MAX; i++)
		fields[i] = (struct yaml_field){ cap_names[i], read_cap, .min = i };
	return yaml_read_map(n, fields, ARRAY_SIZE(fields), base, err);
}

static int read_rate(const struct yaml_node *n, const struct yaml_field *f, void *base,
		     struct sbx_err *err)
{
	struct config *c = base;

	if (!yaml_is_plain(n) || parse_nano(n->text, &c->rate_nano) < 0 ||
	    c->rate_nano > UINT64_C(10000000000000))
		return conf_refuse(n, f, err);
	return 0;
}

static int read_group(const struct yaml_node *n, const struct yaml_field *f, void *base,
		      struct sbx_err *err)
{
	struct config *c = base;

	if (!yaml_is_text(n) || config_check_tag(n->text, NULL) < 0)
		return conf_refuse(n, f, err);
	return conf_copy_text(n->text, &c->budget_group, err);
}

static int read_limits(const struct yaml_node *n, const struct yaml_field *f attr_unused,
		       void *base, struct sbx_err *err)
{
	struct config *c = base;

	return limits_read(n, c->limits, c->cpuset, c->limits_written, err);
}

/* --- names --- */

static int read_env(const struct yaml_node *n, const struct yaml_field *f, void *base,
		    struct sbx_err *err)
{
	static const char *const own[] = { "HOME", "USER" };
	const struct yaml_node *item;
	struct config *c = base;

	if (n->type != YAML_LIST)
		return conf_refuse(n, f, err);
	for (size_t i = 0; i < n->n; i++) {
		item = n->items[i];
		if (!yaml_is_text(item) || !conf_is_word(item->text, ""))
			return conf_refuse(item, f, err);
		for (size_t j = 0; j < ARRAY_SIZE(own); j++)
			if (streq(item->text, own[j]))
				return yaml_fail(item, err, "the box has its own '%s'",
						 own[j]);
		if (str_after(item->text, "AUTOEXP_"))
			return yaml_fail(item, err,
					 "names that begin with AUTOEXP_ are set by "
					 "autoexp itself");
		if (strv_has(c->env, item->text))
			return yaml_fail(item, err, "'%s' stands here twice", item->text);
		if (strv_add(&c->env, item->text) < 0)
			return sbx_err_oom(err, STAGE);
	}
	return 0;
}

static int read_policy(const struct yaml_node *n, const struct yaml_field *f, void *base,
		       struct sbx_err *err)
{
	struct config *c = base;

	if (!yaml_is_text(n) || (!strchr(n->text, '/') && !conf_is_word(n->text, ".-")))
		return conf_refuse(n, f, err);
	free(c->policy);
	return conf_copy_text(n->text, &c->policy, err);
}

static int read_tag(const struct yaml_node *n, const struct yaml_field *f, void *base,
		    struct sbx_err *err)
{
	struct config *c = base;
	struct sbx_err why = { 0 };

	if (!yaml_is_text(n))
		return conf_refuse(n, f, err);
	if (config_check_tag(n->text, &why) < 0)
		return yaml_fail(n, err, "%s", why.msg);
	return conf_copy_text(n->text, &c->tag, err);
}

/* --- the file --- */

static const struct yaml_field fields[] = {
	{ "target", read_target,
	  .accepts = "a file below the configuration's directory, such as train.py",
	  .required = true },
	{ "harness", read_harness, offsetof(struct config, harness),
	  "a command such as 'python3 evaluate.py', or a list of its words",
	  .required = true },
	{ "metrics", read_metrics,
	  .accepts = "a list of one or two metrics, each with name and goal",
	  .required = true },
	{ "rule", yaml_read_enum, offsetof(struct config, rule), .arg = rule_names,
	  .max = _RULE_MAX },
	{ "min_delta", read_min_delta,
	  .accepts = "a number from 0, or a percentage of the incumbent such as 1%" },
	{ "repeat", read_repeat, offsetof(struct config, repeat),
	  "an odd number from 1 to 99", .min = 1, .max = 99 },
	{ "caps", read_caps },
	{ "compute_usd_per_hour", read_rate,
	  .accepts = "US dollars from 0 to 10000 without a unit, such as 2.50" },
	{ "budget_group", read_group,
	  .accepts = "the name of a group that `autoexp budget NAME` made" },
	{ "limits", read_limits },
	{ "proposer", read_proposer },
	{ "policy", read_policy,
	  .accepts =
		  "the name of a policy such as default, or a path with a slash in it" },
	{ "show", read_show,
	  .accepts = "a list of paths the box may read: absolute, ~/... or below the "
		     "configuration's directory" },
	{ "scratch_paths", read_scratch,
	  .accepts = "a list of directories below the configuration's directory, such as "
		     "build" },
	{ "env", read_env,
	  .accepts = "a list of names of variables, without '=' and values" },
	{ "network", network_read, offsetof(struct config, network) },
	{ "tag", read_tag, .accepts = "a name such as speed-2" },
	{ "confirm", yaml_read_later, .accepts = "repeat: N, the median of N runs" },
	{ "harness_cost", yaml_read_later,
	  .accepts = "the cap max_cost_usd for what proposers cost" },
	{ "max_cost_per_run", yaml_read_later,
	  .accepts = "the cap max_cost_usd for what proposers cost" },
	{ "show_unchecked", yaml_read_later, .accepts = "show, with its checks" },
	{ "hooks", yaml_read_later, .accepts = "no hooks" },
	{ "gpu_enforcement", yaml_read_later, .accepts = "no GPU support" },
};

static int set_defaults(struct config *c)
{
	c->repeat = 1;
	c->proposer.seed = 1;
	c->caps[CAP_EXPERIMENTS] = 50;
	c->caps[CAP_COST_NANO] = UINT64_C(10000000000);
	c->caps[CAP_WALL_US] = USEC_PER_SEC * 3600 * 8;
	limits_default(c->limits);
	c->policy = strdup("default");
	return c->policy ? 0 : -ENOMEM;
}

int config_parse(const char *text, size_t len, const char *name, const char *dir,
		 struct config **ret, struct sbx_err *err)
{
	cleanup_config struct config *c = NULL;
	cleanup_yaml struct yaml_tree *tree = NULL;
	const char *slash = strrchr(name, '/');
	int r;

	r = yaml_tree_parse(text, len, name, &tree, err);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c || set_defaults(c) < 0)
		return sbx_err_oom(err, STAGE);
	c->dir = strdup(dir);
	c->path = path_join(dir, slash ? slash + 1 : name);
	c->text = malloc(len + 1);
	if (!c->dir || !c->path || !c->text)
		return sbx_err_oom(err, STAGE);
	memcpy(c->text, text, len);
	c->text[len] = '\0';
	c->text_len = len;

	r = yaml_read_map(tree->root, fields, ARRAY_SIZE(fields), c, err);
	if (r < 0)
		return r;
	r = config_check(c, tree->root, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

/* The directory of @path without symbolic links; the file itself may be one. */
static int real_dir(const char *path, char **ret)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = NULL;

	dir = !slash ? strdup(".") : strndup(path, MAX((size_t)(slash - path), 1));
	if (!dir)
		return -ENOMEM;
	*ret = realpath(dir, NULL);
	return *ret ? 0 : -errno;
}

static int load_file(const char *path, struct config **ret, struct sbx_err *err)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *dir = NULL;
	int r;

	r = file_read(AT_FDCWD, path, 0, YAML_SIZE_MAX, &text);
	if (r == -EFBIG)
		return sbx_err_set(err, -EINVAL, STAGE,
				   "%s: larger than 1 MiB; a configuration "
				   "is a small text file",
				   path);
	if (r == -EISDIR || (r == -EINVAL))
		return sbx_err_set(err, -EINVAL, STAGE,
				   "%s is no regular file; accepted "
				   "is a text file such as autoexp.yaml",
				   path);
	if (r < 0)
		return sbx_err_errno(err, r, STAGE, "cannot read the configuration %s",
				     path);
	r = real_dir(path, &dir);
	if (r < 0)
		return sbx_err_errno(err, r, STAGE, "cannot find the directory of %s",
				     path);
	return config_parse(buf_str(&text), text.len, path, dir, ret, err);
}

int config_load(const char *path, struct config **ret, struct sbx_err *err)
{
	static const char *const names[] = { "autoexp.yaml", "autoexp.json" };
	cleanup_free char *cwd = NULL;

	if (path)
		return load_file(path, ret, err);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (faccessat(AT_FDCWD, names[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return load_file(names[i], ret, err);
	cwd = realpath(".", NULL);
	return sbx_err_set(
		err, -ENOENT, STAGE,
		"there is no autoexp.yaml (or autoexp.json) in %.150s; name one with "
		"--config, or begin with one such as: %s",
		cwd ? cwd : "this directory", MINIMAL);
}
