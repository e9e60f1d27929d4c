/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One table of keys. A policy starts as the built-in default, so a file that says nothing
 * about a key means the default of that key, and `description: …` alone is a whole
 * policy. With `extends` it starts as another one.
 *
 * A value replaces what was there, a list the whole list; a key with "+" behind it (`deny+`)
 * adds to the list. A system call that a file allows is no longer denied by the files it
 * extends, and the other way round; in one file it may be in one of the lists only.
 */
#include "policy-keys.h"

#include <errno.h>
#include <stdlib.h>

#include "base/strv.h"
#include "base/table.h"
#include "cpuset.h"
#include "filter-rules.h"
#include "policy-load.h"
#include "policy.h"

#define STAGE "policy"

const char *const network_names[] = {
	[SBX_NETWORK_NONE] = "none",
	[SBX_NETWORK_HOST] = "host",
};
TABLE_CHECK(network_names, _SBX_NETWORK_MAX);

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
		char cpuset[static SBX_CPUSET_SIZE], bool ret_written[_SBX_LIMIT_MAX],
		struct sbx_err *err)
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

static struct policy_origin origin(const struct policy_loader *l,
				   const struct yaml_node *n)
{
	return (struct policy_origin){ l->name, n->line };
}

static int read_description(const struct yaml_node *n, const struct yaml_field *f,
			    void *base, struct sbx_err *err)
{
	struct policy_loader *l = base;

	if (!yaml_is_text(n))
		return yaml_fail(n, err, "this is no text; accepted is %s", f->accepts);
	free(l->policy->description);
	l->policy->description = strdup(n->text);
	l->policy->origins->keys[POLICY_DESCRIPTION] = origin(l, n);
	return l->policy->description ? 0 : sbx_err_oom(err, STAGE);
}

static int read_policy_limits(const struct yaml_node *n,
			      const struct yaml_field *f attr_unused, void *base,
			      struct sbx_err *err)
{
	struct policy_loader *l = base;
	bool written[_SBX_LIMIT_MAX] = { false };
	int r = limits_read(n, l->policy->limits, l->policy->cpuset, written, err);

	for (int i = 0; r == 0 && i < _SBX_LIMIT_MAX; i++)
		if (written[i])
			l->policy->origins->limits[i] =
				origin(l, yaml_get(n, limit_table[i].name));
	if (r == 0 && yaml_get(n, "cpuset"))
		l->policy->origins->keys[POLICY_CPUSET] =
			origin(l, yaml_get(n, "cpuset"));
	return r;
}

/* A value of one key: f->arg is the table that reads it, f->max its place among the origins. */
static int read_value(const struct yaml_node *n, const struct yaml_field *f, void *base,
		      struct sbx_err *err)
{
	const struct yaml_field *inner = f->arg;
	struct policy_loader *l = base;
	int r = inner->read(n, inner, l->policy, err);

	if (r == 0)
		l->policy->origins->keys[f->max] = origin(l, n);
	return r;
}

/* --- lists --- */

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

/* Which list, and how it is read; f->arg of a field. */
struct list_field {
	enum policy_list which;
	bool adds; /* a key with "+" */
	enum policy_list
		against; /* the list whose entries lose; itself where there is none */
	int (*check)(const struct yaml_node *n, const struct yaml_field *f,
		     struct sbx_err *err);
};

static int check_system(const struct yaml_node *n, const struct yaml_field *f,
			struct sbx_err *err)
{
	const char *problem = system_problem(n->text);

	return problem ? yaml_fail(n, err, "'%.100s' %s; accepted is %s", n->text,
				   problem, f->accepts)
		       : 0;
}

static int check_call(const struct yaml_node *n, const struct yaml_field *f attr_unused,
		      struct sbx_err *err)
{
	return syscall_check_name(n, err);
}

static int check_allowed(const struct yaml_node *n,
			 const struct yaml_field *f attr_unused, struct sbx_err *err)
{
	return syscall_check_allowed(n, err);
}

static int add_entries(struct policy_loader *l, const struct yaml_node *n,
		       char *const *list, const struct list_field *how,
		       struct sbx_err *err)
{
	for (size_t i = 0; i < n->n; i++) {
		if (how->against != how->which)
			policy_list_drop(l->policy, how->against, list[i]);
		if (policy_list_add(l->policy, how->which, list[i],
				    origin(l, n->items[i])) < 0)
			return sbx_err_oom(err, STAGE);
	}
	return 0;
}

static int read_list(const struct yaml_node *n, const struct yaml_field *f, void *base,
		     struct sbx_err *err)
{
	const struct list_field *how = f->arg;
	struct yaml_field into_list = *f;
	cleanup_strv char **list = NULL;
	struct policy_loader *l = base;
	int r;

	into_list.offset = 0;
	r = yaml_read_texts(n, &into_list, &list, err);
	for (size_t i = 0; r == 0 && i < n->n; i++)
		r = how->check(n->items[i], f, err);
	if (r < 0)
		return r;
	if (!how->adds)
		policy_list_drop(l->policy, how->which, NULL);
	return add_entries(l, n, list, how, err);
}

static const struct list_field lists[][2] = {
	[POLICY_SYSTEM] = { { POLICY_SYSTEM, false, POLICY_SYSTEM, check_system },
			    { POLICY_SYSTEM, true, POLICY_SYSTEM, check_system } },
	[POLICY_ALLOW] = { { POLICY_ALLOW, false, POLICY_DENY, check_allowed },
			   { POLICY_ALLOW, true, POLICY_DENY, check_allowed } },
	[POLICY_DENY] = { { POLICY_DENY, false, POLICY_ALLOW, check_call },
			  { POLICY_DENY, true, POLICY_ALLOW, check_call } },
};
TABLE_CHECK(lists, _POLICY_LIST_MAX);

/* A list of names from a table as a set of bits. */
static int read_set(const struct yaml_node *n, const struct yaml_field *f,
		    const char *const *names, size_t n_names, unsigned *ret,
		    struct sbx_err *err)
{
	struct yaml_field into_list = *f;
	cleanup_strv char **list = NULL;
	unsigned set = 0;
	int r, i;

	into_list.offset = 0;
	r = yaml_read_texts(n, &into_list, &list, err);
	if (r < 0)
		return r;
	for (size_t k = 0; k < n->n; k++) {
		i = table_find(names, n_names, list[k]);
		if (i < 0)
			return yaml_fail(n->items[k], err, "'%.100s'; accepted is %s",
					 list[k], f->accepts);
		set |= 1U << i;
	}
	*ret = set;
	return 0;
}

static int read_kill_on(const struct yaml_node *n, const struct yaml_field *f, void *base,
			struct sbx_err *err)
{
	struct policy_loader *l = base;
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
	l->policy->kill_on = kill_on;
	l->policy->origins->keys[POLICY_KILL_ON] = origin(l, n);
	return 0;
}

/* --- system calls --- */

static int read_sockets(const struct yaml_node *n, const struct yaml_field *f, void *base,
			struct sbx_err *err)
{
	struct policy_loader *l = base;

	l->policy->origins->keys[POLICY_SOCKETS] = origin(l, n);
	return read_set(n, f, family_names, _SBX_FAMILY_MAX, &l->policy->sockets, err);
}

char *policy_beside(const struct policy_loader *l, const char *path)
{
	const char *slash = strrchr(l->path, '/');

	if (*path == '/' || !slash)
		return strdup(path);
	return str_printf("%.*s/%s", (int)(slash - l->path), l->path, path);
}

static int read_profile(const struct yaml_node *n, const struct yaml_field *f, void *base,
			struct sbx_err *err)
{
	struct policy_origin *where;
	struct policy_loader *l = base;
	cleanup_free char *path = NULL;

	if (!yaml_is_text(n) || !*n->text)
		return yaml_fail(n, err, "this is no path; accepted is %s", f->accepts);
	where = &l->policy->origins->keys[POLICY_PROFILE];
	*where = origin(l, n);
	free(l->policy->profile);
	l->policy->profile = NULL;
	if (yaml_is_plain(n) && streq(n->text, "none"))
		return 0;
	path = policy_beside(l, n->text);
	if (!path)
		return sbx_err_oom(err, STAGE);
	l->policy->profile = realpath(path, NULL);
	return l->policy->profile ? 0
				  : yaml_fail(n, err, "'%.200s': %s; accepted is %s",
					      path, strerror(errno), f->accepts);
}

/* The same name twice in one file says nothing. */
static int check_both(const struct yaml_node *n, const char *allow, const char *deny,
		      struct sbx_err *err)
{
	const struct yaml_node *a = yaml_get(n, allow), *d = yaml_get(n, deny);

	if (!a || !d)
		return 0;
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < d->n; k++)
			if (a->items[i]->type == YAML_SCALAR &&
			    d->items[k]->type == YAML_SCALAR &&
			    streq(a->items[i]->text, d->items[k]->text))
				return yaml_fail(a->items[i], err,
						 "'%s' is denied in line %u; accepted is "
						 "one of both",
						 a->items[i]->text, d->items[k]->line);
	return 0;
}

#define CALLS "a list of system calls such as [ptrace]"

static int read_seccomp(const struct yaml_node *n, const struct yaml_field *f attr_unused,
			void *base, struct sbx_err *err)
{
	static const struct yaml_field fields[] = {
		{ "profile", read_profile,
		  .accepts = "the path of a seccomp profile as Docker and OCI have it, "
			     "or none" },
		{ "sockets", read_sockets,
		  .accepts = "a list of unix, inet, inet6 and netlink" },
		{ "allow", read_list, .accepts = CALLS, .arg = &lists[POLICY_ALLOW][0] },
		{ "allow+", read_list, .accepts = CALLS, .arg = &lists[POLICY_ALLOW][1] },
		{ "deny", read_list, .accepts = CALLS, .arg = &lists[POLICY_DENY][0] },
		{ "deny+", read_list, .accepts = CALLS, .arg = &lists[POLICY_DENY][1] },
	};
	static const char *const names[][2] = { { "allow", "deny" },
						{ "allow", "deny+" },
						{ "allow+", "deny" },
						{ "allow+", "deny+" } };
	int r = yaml_read_map(n, fields, ARRAY_SIZE(fields), base, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = check_both(n, names[i][0], names[i][1], err);
	return r;
}

/* --- the table --- */

static const struct yaml_field network_field = { "network", network_read,
						 offsetof(struct sbx_policy, network) };
static const struct yaml_field target_field = { "target", yaml_read_enum,
						offsetof(struct sbx_policy, target),
						.arg = target_names,
						.max = _SBX_TARGET_MAX };
static const struct yaml_field count_field = { "count_denials", yaml_read_bool,
					       offsetof(struct sbx_policy, count_denials),
					       .accepts = "true or false" };

/* In this order: what a policy extends comes before all it changes. */
static const struct yaml_field policy_fields[] = {
	{ "extends", policy_read_extends,
	  .accepts = "the name of a policy, or a path with a slash in it, seen from this "
		     "file" },
	{ "description", read_description,
	  .accepts = "who should use the policy, and why" },
	{ "limits", read_policy_limits },
	{ "system", read_list, .accepts = "a list of absolute directories such as /usr",
	  .arg = &lists[POLICY_SYSTEM][0] },
	{ "system+", read_list, .accepts = "a list of absolute directories such as /usr",
	  .arg = &lists[POLICY_SYSTEM][1] },
	{ "kill_on", read_kill_on, .accepts = "a list of output and scratch" },
	{ "network", read_value, .arg = &network_field, .max = POLICY_NETWORK },
	{ "target", read_value, .arg = &target_field, .max = POLICY_TARGET },
	{ "count_denials", read_value, .arg = &count_field, .max = POLICY_COUNT_DENIALS },
	{ "seccomp", read_seccomp },
};

int policy_read_keys(const struct yaml_node *root, struct policy_loader *l,
		     struct sbx_err *err)
{
	return yaml_read_map(root, policy_fields, ARRAY_SIZE(policy_fields), l, err);
}
