/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One table of keys. A policy starts as the built-in default, so a file that says nothing
 * about a key means the default of that key, and `description: …` alone is a whole
 * policy.
 */

#include "policy-load.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/strv.h"
#include "base/table.h"
#include "cpuset.h"
#include "policy.h"

#define STAGE "policy"

const char *const network_names[] = {
	[SBX_NETWORK_NONE] = "none",
	[SBX_NETWORK_HOST] = "host",
};
TABLE_CHECK(network_names, _SBX_NETWORK_MAX);

static const char *const target_names[] = {
	[SBX_TARGET_BIND] = "bind",
	[SBX_TARGET_OVERLAY] = "overlay",
	[SBX_TARGET_RO] = "ro",
};
TABLE_CHECK(target_names, _SBX_TARGET_MAX);

/* --- limits --- */

struct limits_out {
	uint64_t *limits;
	char *cpuset;
	bool *written;
};

/* The text that limit_parse() wants; its message says which limit and what is accepted.
 */
static int read_limit(const struct yaml_node *n, const struct yaml_field *f, void *base,
		      struct sbx_err *err)
{
	enum sbx_limit limit = (enum sbx_limit)limit_find(f->key);
	struct sbx_err why = { 0 };
	struct limits_out *out = base;
	char found[YAML_FOUND_SIZE];
	const char *detail;

	if (!yaml_is_text(n))
		return yaml_fail(n, err, "%s; accepted is %s",
				 yaml_found(n, found, sizeof(found)), f->accepts);
	if (limit_parse(limit, n->text, &out->limits[limit], &why) < 0) {
		/* The path of the node names the limit already. */
		detail = str_after(why.msg, f->key);
		return yaml_fail(n, err, "%s", detail ? detail + strlen(": ") : why.msg);
	}
	if (out->written)
		out->written[limit] = true;
	return 0;
}

/* Beside the table: a list, which YAML may take for a number. */
static int read_cpuset(const struct yaml_node *n, const struct yaml_field *f, void *base,
		       struct sbx_err *err)
{
	struct limits_out *out = base;
	struct sbx_err why = { 0 };
	char found[YAML_FOUND_SIZE];

	if (!yaml_is_text(n))
		return yaml_fail(n, err, "%s; accepted is %s",
				 yaml_found(n, found, sizeof(found)), f->accepts);
	if (cpuset_parse(n->text, out->cpuset, &why) < 0)
		return yaml_fail(n, err, "%s", why.msg + strlen("cpuset: "));
	return 0;
}

static int read_gpus(const struct yaml_node *n, const struct yaml_field *f, void *base,
		     struct sbx_err *err)
{
	if (n->type == YAML_LIST && n->n == 0)
		return 0;
	if (yaml_is_text(n) && streq(n->text, "none"))
		return 0;
	return yaml_read_later(n, f, base, err);
}

int limits_read(const struct yaml_node *n, uint64_t limits[_SBX_LIMIT_MAX],
		char cpuset[static SBX_CPUSET_SIZE], bool ret_written[_SBX_LIMIT_MAX], struct sbx_err *err)
{
	static const struct yaml_field other_fields[] = {
		{ "cpuset", read_cpuset, .accepts = "a list of CPUs such as 0-3,6" },
		{ "gpus", read_gpus, .accepts = "'gpus: []' only: runs without a GPU" },
		{ "gpu_memory", yaml_read_later, .accepts = "no GPU support" },
		{ "gpu_enforcement", yaml_read_later, .accepts = "no GPU support" },
	};
	struct yaml_field fields[_SBX_LIMIT_MAX + ARRAY_SIZE(other_fields)];
	struct limits_out out = { limits, cpuset, ret_written };

	for (size_t i = 0; i < _SBX_LIMIT_MAX; i++)
		fields[i] = (struct yaml_field){ limit_table[i].name, read_limit,
						 .accepts = limit_table[i].accepts };
	memcpy(fields + _SBX_LIMIT_MAX, other_fields, sizeof(other_fields));
	return yaml_read_map(n, fields, ARRAY_SIZE(fields), &out, err);
}

/* --- the other keys --- */

int network_read(const struct yaml_node *n, const struct yaml_field *f, void *base,
		 struct sbx_err *err)
{
	struct yaml_field words = *f;

	if (n->type != YAML_SCALAR || str_after(n->text, "allowlist"))
		return yaml_fail(
			n, err,
			"this version of autoexp does not have an allowlist of hosts; "
			"it has none (only loopback inside the box) and host");
	words.arg = network_names;
	words.max = _SBX_NETWORK_MAX;
	return yaml_read_enum(n, &words, base, err);
}

static int read_description(const struct yaml_node *n, const struct yaml_field *f,
			    void *base attr_unused, struct sbx_err *err)
{
	if (yaml_is_text(n))
		return 0;
	return yaml_fail(n, err, "this is no text; accepted is %s", f->accepts);
}

static int read_policy_limits(const struct yaml_node *n,
			      const struct yaml_field *f attr_unused, void *base,
			      struct sbx_err *err)
{
	struct sbx_policy *p = base;

	return limits_read(n, p->limits, p->cpuset, NULL, err);
}

static bool is_or_below(const char *path, const char *dir)
{
	const char *rest = str_after(path, dir);

	return rest && (*rest == '\0' || *rest == '/');
}

/*
 * The directories that the box makes itself would be shadowed or, worse, lend the outer
 * ones;
 * "/" would show every home directory.
 */
static const char *system_problem(const char *path)
{
	static const char *const own[] = { "/proc", "/sys", "/dev",
					   "/run",  "/tmp", "/var/run" };

	if (*path != '/')
		return "is not an absolute path";
	if (strstr(path, "//") || strstr(path, "/./") || strstr(path, "/../"))
		return "has empty, '.' or '..' parts";
	if (path[1] == '\0')
		return "would show the whole host";
	if (path[strlen(path) - 1] == '/' || path[strlen(path) - 1] == '.')
		return "ends in '/' or '.'";
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (is_or_below(path, own[i]))
			return "is a place the box makes for itself";
	return NULL;
}

static int read_system(const struct yaml_node *n, const struct yaml_field *f, void *base,
		       struct sbx_err *err)
{
	struct sbx_policy *p = base;
	struct yaml_field into_list = *f;
	cleanup_strv char **list = NULL;
	const char *problem;
	int r;

	into_list.offset = 0;
	r = yaml_read_texts(n, &into_list, &list, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n->n; i++) {
		problem = system_problem(list[i]);
		if (problem)
			return yaml_fail(n->items[i], err, "'%.100s' %s; accepted is %s",
					 list[i], problem, f->accepts);
	}
	strv_free(p->system);
	p->system = TAKE_PTR(list);
	return 0;
}

static int read_kill_on(const struct yaml_node *n, const struct yaml_field *f, void *base,
			struct sbx_err *err)
{
	struct sbx_policy *p = base;
	struct yaml_field into_list = *f;
	cleanup_strv char **list = NULL;
	unsigned kill_on = 0;
	int r;

	into_list.offset = 0;
	r = yaml_read_texts(n, &into_list, &list, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n->n; i++)
		if (limit_add_kill_on(list[i], &kill_on) < 0)
			return yaml_fail(n->items[i], err,
					 "'%.100s' ends no run; accepted is %s", list[i],
					 f->accepts);
	p->kill_on = kill_on;
	return 0;
}

static const struct yaml_field policy_fields[] = {
	{ "description", read_description,
	  .accepts = "who should use the policy, and why" },
	{ "limits", read_policy_limits },
	{ "system", read_system,
	  .accepts = "a list of absolute directories such as /usr" },
	{ "kill_on", read_kill_on, .accepts = "a list of output and scratch" },
	{ "network", network_read, offsetof(struct sbx_policy, network) },
	{ "target", yaml_read_enum, offsetof(struct sbx_policy, target),
	  .arg = target_names, .max = _SBX_TARGET_MAX },
};

/* --- finding and reading the file --- */

/* The last part of @path without ".yaml" or another suffix. NULL: out of memory */
static char *policy_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');

	return strndup(base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

static void cleanup_policy_p(struct sbx_policy **p)
{
	policy_free(*p);
}

static int policy_read(const char *path, struct sbx_policy **ret, struct sbx_err *err)
{
	__attribute__((__cleanup__(cleanup_policy_p))) struct sbx_policy *p = NULL;
	cleanup_yaml struct yaml_tree *tree = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	r = file_read(AT_FDCWD, path, 0, YAML_SIZE_MAX, &text);
	if (r < 0)
		return sbx_err_errno(err, r, STAGE, "cannot read the policy %s", path);
	r = yaml_tree_parse(buf_str(&text), text.len, path, &tree, err);
	if (r < 0)
		return r;
	r = policy_new(&p);
	if (r < 0)
		return sbx_err_oom(err, STAGE);
	r = yaml_read_map(tree->root, policy_fields, ARRAY_SIZE(policy_fields), p, err);
	if (r < 0)
		return r;
	free(p->name);
	p->name = policy_name(path);
	if (!p->name)
		return sbx_err_oom(err, STAGE);
	*ret = TAKE_PTR(p);
	return 0;
}

static bool is_name(const char *s)
{
	return *s && *s != '.' &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345678"
			   "9._-")] == '\0';
}

int policy_load(const char *name_or_path, const char *policy_dir, struct sbx_policy **ret,
		struct sbx_err *err)
{
	cleanup_free char *path = NULL;

	if (strchr(name_or_path, '/'))
		return policy_read(name_or_path, ret, err);
	if (!is_name(name_or_path))
		return sbx_err_set(
			err, -EINVAL, STAGE,
			"'%s' is no name of a policy; accepted is a name such as "
			"default, or a path with a slash in it",
			name_or_path);
	if (!policy_dir)
		return sbx_err_set(
			err, -ENOENT, STAGE,
			"the folder of the policies was not found, so '%s' cannot be "
			"looked up; give a path such as ./%s.yaml",
			name_or_path, name_or_path);
	path = str_printf("%s/%s.yaml", policy_dir, name_or_path);
	if (!path)
		return sbx_err_oom(err, STAGE);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return sbx_err_set(
			err, -ENOENT, STAGE,
			"there is no policy '%s' in %s; a file elsewhere needs a slash "
			"in its path, such as ./%s.yaml",
			name_or_path, policy_dir, name_or_path);
	return policy_read(path, ret, err);
}
