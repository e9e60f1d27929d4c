/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Unknown keys are errors, although runtimes overlook them: "exclude" in place of "excludes"
 * would turn a rule into its opposite. A name that libseccomp does not know is skipped, as
 * runtimes do, unless the rule refuses it while the default lets it pass.
 */
#include "profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include <linux/seccomp.h>

#include "base/file.h"
#include "base/kernel.h"
#include "yaml-tree.h"

#define STAGE     "profile"
#define ERRNO_MAX 4095

#if defined(__x86_64__)
#define ARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#elif defined(__riscv)
#define ARCH "riscv64"
#elif defined(__powerpc64__)
#define ARCH "ppc64le"
#elif defined(__s390x__)
#define ARCH "s390x"
#else
#define ARCH ""
#endif

/* --- values --- */

/* What is empty, or null, is as good as absent in these files. */
static bool is_absent(const struct yaml_node *n)
{
	return !n || (n->type == YAML_SCALAR && !*n->text) ||
	       (n->type != YAML_SCALAR && n->n == 0);
}

static int skip(const struct yaml_node *n attr_unused,
		const struct yaml_field *f attr_unused, void *base attr_unused,
		struct sbx_err *err attr_unused)
{
	return 0;
}

struct action {
	const char *name;
	uint32_t answer;
};

static const struct action actions[] = {
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
};

static int read_action(const struct yaml_node *n, const struct yaml_field *f, void *base,
		       struct sbx_err *err)
{
	uint32_t *ret = (uint32_t *)((char *)base + f->offset);
	char found[YAML_FOUND_SIZE];

	for (size_t i = 0; n->type == YAML_SCALAR && i < ARRAY_SIZE(actions); i++)
		if (streq(actions[i].name, n->text)) {
			*ret = actions[i].answer;
			return 0;
		}
	if (n->type == YAML_SCALAR && streq(n->text, "SCMP_ACT_NOTIFY"))
		return yaml_fail(
			n, err,
			"SCMP_ACT_NOTIFY asks a program outside, and a box has none; "
			"accepted is SCMP_ACT_ERRNO or another action without one");
	if (n->type == YAML_SCALAR && streq(n->text, "SCMP_ACT_TRACE"))
		return yaml_fail(
			n, err,
			"SCMP_ACT_TRACE asks a debugger, and a box has none; accepted "
			"is SCMP_ACT_ERRNO or another action without one");
	return yaml_fail(n, err,
			 "%s; accepted is SCMP_ACT_ALLOW, ERRNO, LOG, TRAP, KILL, "
			 "KILL_THREAD or KILL_PROCESS",
			 yaml_found(n, found, sizeof(found)));
}

/* An error by number or by name; both may be there and then say the same. */
static int read_errno(const struct yaml_node *n, const struct yaml_field *f, void *base,
		      struct sbx_err *err)
{
	struct yaml_field number = *f;
	unsigned value = 0, *ret = (unsigned *)((char *)base + f->offset);
	int r = 0;

	if (is_absent(n))
		return 0;
	if (n->type == YAML_SCALAR && n->quoted) {
		while (++value <= 133 && !(strerrorname_np((int)value) &&
					   streq(strerrorname_np((int)value), n->text)))
			;
		if (value > 133)
			return yaml_fail(n, err,
					 "'%.40s'; accepted is an error such as EPERM",
					 n->text);
	} else {
		number.offset = 0;
		number.accepts = "a number of an error, 0 to 4095";
		number.max = ERRNO_MAX;
		r = yaml_read_unsigned(n, &number, &value, err);
	}
	if (r == 0 && *ret != UINT32_MAX && *ret != value)
		return yaml_fail(n, err,
				 "this is error %u, but number %u stands beside it",
				 value, *ret);
	if (r == 0)
		*ret = value;
	return r;
}

static uint32_t with_errno(uint32_t action, unsigned error, unsigned def)
{
	if (action != SECCOMP_RET_ERRNO)
		return action;
	return action | (error != UINT32_MAX ? error : def);
}

/* --- when a rule holds --- */

static int version_of(const struct yaml_node *n, unsigned *ret, struct sbx_err *err)
{
	unsigned major, minor = 0;

	if (n->type != YAML_SCALAR || sscanf(n->text, "%u.%u", &major, &minor) < 1)
		return yaml_fail(n, err,
				 "this is no version; accepted is one such as 4.8");
	*ret = KERNEL_VERSION_OF(major, minor & 0xffff);
	return 0;
}

struct conditions {
	const struct yaml_node *caps, *arches, *kernel;
};

static int read_node(const struct yaml_node *n, const struct yaml_field *f, void *base,
		     struct sbx_err *err attr_unused)
{
	const struct yaml_node **ret =
		(const struct yaml_node **)((char *)base + f->offset);

	*ret = is_absent(n) ? NULL : n;
	return 0;
}

static int read_conditions(const struct yaml_node *n, struct conditions *ret,
			   struct sbx_err *err)
{
	static const struct yaml_field fields[] = {
		{ "caps", read_node, offsetof(struct conditions, caps) },
		{ "arches", read_node, offsetof(struct conditions, arches) },
		{ "minKernel", read_node, offsetof(struct conditions, kernel) },
	};

	*ret = (struct conditions){ 0 };
	return is_absent(n) ? 0 : yaml_read_map(n, fields, ARRAY_SIZE(fields), ret, err);
}

static int has_arch(const struct yaml_node *n, struct sbx_err *err)
{
	if (n->type != YAML_LIST)
		return yaml_fail(n, err,
				 "accepted is a list of architectures such as amd64");
	for (size_t i = 0; i < n->n; i++)
		if (n->items[i]->type == YAML_SCALAR && streq(n->items[i]->text, ARCH))
			return 1;
	return 0;
}

static int has_kernel(const struct yaml_node *n, struct sbx_err *err)
{
	unsigned wanted = 0;
	int r = version_of(n, &wanted, err);

	return r < 0 ? r : kernel_version() >= wanted;
}

/* Return: 1 where a rule with these includes and excludes holds here; 0; negative errno */
static int is_meant(const struct yaml_node *includes, const struct yaml_node *excludes,
		    struct sbx_err *err)
{
	struct conditions in = { 0 }, ex = { 0 };
	int r;

	r = read_conditions(includes, &in, err);
	if (r == 0)
		r = read_conditions(excludes, &ex, err);
	if (r < 0 || in.caps) /* the box has no capability */
		return r;
	if (in.arches && (r = has_arch(in.arches, err)) <= 0)
		return r;
	if (in.kernel && (r = has_kernel(in.kernel, err)) <= 0)
		return r;
	if (ex.arches && (r = has_arch(ex.arches, err)) != 0)
		return MIN(r, 0);
	if (ex.kernel && (r = has_kernel(ex.kernel, err)) != 0)
		return MIN(r, 0);
	return 1;
}

/* --- arguments --- */

static const struct {
	const char *name;
	enum arg_op op;
} ops[] = {
	{ "SCMP_CMP_NE", ARG_NE },
	{ "SCMP_CMP_LT", ARG_LT },
	{ "SCMP_CMP_LE", ARG_LE },
	{ "SCMP_CMP_EQ", ARG_EQ },
	{ "SCMP_CMP_GE", ARG_GE },
	{ "SCMP_CMP_GT", ARG_GT },
	{ "SCMP_CMP_MASKED_EQ", ARG_MASKED },
};

struct arg {
	unsigned index;
	uint64_t value, second;
	enum arg_op op;
};

static int read_op(const struct yaml_node *n, const struct yaml_field *f attr_unused,
		   void *base, struct sbx_err *err)
{
	struct arg *arg = base;

	for (size_t i = 0; n->type == YAML_SCALAR && i < ARRAY_SIZE(ops); i++)
		if (streq(ops[i].name, n->text)) {
			arg->op = ops[i].op;
			return 0;
		}
	return yaml_fail(n, err,
			 "accepted is SCMP_CMP_EQ, NE, LT, LE, GE, GT or MASKED_EQ");
}

static int read_arg(const struct yaml_node *n, struct arg_rule *ret, struct sbx_err *err)
{
	static const struct yaml_field fields[] = {
		{ "index", yaml_read_unsigned, offsetof(struct arg, index),
		  .accepts = "the number of an argument, 0 to 5", .max = SYSCALL_ARGS - 1,
		  .required = true },
		{ "value", yaml_read_u64, offsetof(struct arg, value),
		  .accepts = "a whole number", .max = UINT64_MAX, .required = true },
		{ "valueTwo", yaml_read_u64, offsetof(struct arg, second),
		  .accepts = "a whole number", .max = UINT64_MAX },
		{ "op", read_op, .accepts = "SCMP_CMP_EQ or another comparison",
		  .required = true },
	};
	struct arg arg = { 0 };
	int r = yaml_read_map(n, fields, ARRAY_SIZE(fields), &arg, err);

	if (r < 0)
		return r;
	*ret = (struct arg_rule){ arg.op, arg.index, arg.value, 0 };
	/* libseccomp wants the mask first. */
	if (arg.op == ARG_MASKED)
		*ret = (struct arg_rule){ arg.op, arg.index, arg.second, arg.value };
	return 0;
}

struct args {
	struct arg_rule list[64];
	size_t n;
	bool repeated; /* two conditions on the same argument */
};

static int read_args(const struct yaml_node *n, struct args *ret, struct sbx_err *err)
{
	int r = 0;

	if (is_absent(n))
		return 0;
	if (n->type != YAML_LIST || n->n > ARRAY_SIZE(ret->list))
		return yaml_fail(n, err, "accepted is a list of at most %zu conditions",
				 ARRAY_SIZE(ret->list));
	for (size_t i = 0; r == 0 && i < n->n; i++) {
		r = read_arg(n->items[i], &ret->list[i], err);
		for (size_t k = 0; r == 0 && k < i; k++)
			if (ret->list[k].index == ret->list[i].index)
				ret->repeated = true;
	}
	ret->n = n->n;
	return r;
}

/* --- rules --- */

struct profile {
	uint32_t action;
	unsigned error;
	const struct yaml_node *calls;
	struct filter_maker *maker;
};

struct entry {
	uint32_t action;
	unsigned error;
	const struct yaml_node *names, *name, *args, *includes, *excludes;
};

static bool passes(uint32_t answer)
{
	return filter_compare(answer, SECCOMP_RET_LOG) >= 0;
}

/* Several conditions on one argument stand for as many rules, as runc has it. */
static int add_rules(const struct profile *p, struct syscall_rule *rule,
		     const struct args *args)
{
	int r = 0;

	memset(rule->args, 0, sizeof(rule->args));
	for (size_t i = 0; r == 0 && args->repeated && i < args->n; i++) {
		rule->args[0] = args->list[i];
		r = filter_maker_rule(p->maker, rule);
	}
	if (args->repeated)
		return r;
	for (size_t i = 0; i < args->n; i++)
		rule->args[i] = args->list[i];
	return filter_maker_rule(p->maker, rule);
}

static int add_name(const struct profile *p, const struct yaml_node *n, uint32_t answer,
		    const struct args *args, struct sbx_err *err)
{
	struct syscall_rule rule = { .name = n->text, .answer = answer };
	char version[16];

	if (n->type != YAML_SCALAR || !*n->text)
		return yaml_fail(n, err, "accepted is the name of a system call");
	if (syscall_number(n->text) == -1 && passes(p->action) && !passes(answer))
		return yaml_fail(
			n, err,
			"libseccomp %s does not know '%.60s', so it cannot be refused "
			"while the default allows everything else",
			filter_library(version, sizeof(version)), n->text);
	return add_rules(p, &rule, args) < 0 ? sbx_err_oom(err, STAGE) : 0;
}

static int add_entry(const struct profile *p, const struct yaml_node *n,
		     struct sbx_err *err)
{
	static const struct yaml_field fields[] = {
		{ "names", read_node, offsetof(struct entry, names) },
		{ "name", read_node, offsetof(struct entry, name) },
		{ "action", read_action, offsetof(struct entry, action),
		  .accepts = "SCMP_ACT_ALLOW or another action", .required = true },
		{ "errnoRet", read_errno, offsetof(struct entry, error) },
		{ "errno", read_errno, offsetof(struct entry, error) },
		{ "args", read_node, offsetof(struct entry, args) },
		{ "includes", read_node, offsetof(struct entry, includes) },
		{ "excludes", read_node, offsetof(struct entry, excludes) },
		{ "comment", skip },
	};
	struct entry e = { .error = UINT32_MAX };
	struct args args = { .n = 0 };
	uint32_t answer;
	int r;

	r = yaml_read_map(n, fields, ARRAY_SIZE(fields), &e, err);
	if (r == 0)
		r = read_args(e.args, &args, err);
	if (r == 0 && !e.name && (!e.names || e.names->type != YAML_LIST))
		r = yaml_fail(n, err, "accepted is a rule with a list of 'names'");
	if (r == 0)
		r = is_meant(e.includes, e.excludes, err);
	if (r <= 0)
		return r;
	answer = with_errno(e.action, e.error, EPERM);
	if (e.name)
		r = add_name(p, e.name, answer, &args, err);
	else
		r = 0;
	for (size_t i = 0; r == 0 && e.names && i < e.names->n; i++)
		r = add_name(p, e.names->items[i], answer, &args, err);
	return r;
}

static int add_entries(const struct profile *p, struct sbx_err *err)
{
	int r = 0;

	if (!p->calls)
		return 0;
	if (p->calls->type != YAML_LIST)
		return yaml_fail(p->calls, err, "accepted is a list of rules");
	for (size_t i = 0; r == 0 && i < p->calls->n; i++)
		r = add_entry(p, p->calls->items[i], err);
	return r;
}

/* --- the file --- */

static int no_listener(const struct yaml_node *n, const struct yaml_field *f attr_unused,
		       void *base attr_unused, struct sbx_err *err)
{
	return is_absent(n)
		       ? 0
		       : yaml_fail(n, err,
				   "a listener outside is asked, and a box has none; "
				   "leave this key out");
}

static int read_profile(const struct yaml_node *root, struct profile *p,
			struct sbx_err *err)
{
	static const struct yaml_field fields[] = {
		{ "defaultAction", read_action, offsetof(struct profile, action),
		  .accepts = "SCMP_ACT_ERRNO or another action", .required = true },
		{ "defaultErrnoRet", read_errno, offsetof(struct profile, error) },
		{ "defaultErrno", read_errno, offsetof(struct profile, error) },
		{ "syscalls", read_node, offsetof(struct profile, calls) },
		/* This machine's own architecture is filtered, all others are killed. */
		{ "architectures", skip },
		{ "archMap", skip },
		/* Each of them could only weaken the filter, or does nothing in a box. */
		{ "flags", skip },
		{ "listenerPath", no_listener },
		{ "listenerMetadata", no_listener },
		{ "comment", skip },
		{ "$schema", skip },
	};
	int r;

	p->error = UINT32_MAX;
	r = yaml_read_map(root, fields, ARRAY_SIZE(fields), p, err);
	if (r < 0)
		return r;
	p->action = with_errno(p->action, p->error, EPERM);
	if (filter_maker_new(p->action, &p->maker) < 0)
		return sbx_err_oom(err, STAGE);
	r = add_entries(p, err);
	if (r < 0)
		filter_maker_free(p->maker);
	return r;
}

int profile_load(const char *path, struct filter_maker **ret, struct sbx_err *err)
{
	cleanup_yaml struct yaml_tree *tree = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	const struct yaml_node *root;
	struct profile p = { 0 };
	int r;

	r = file_read(AT_FDCWD, path, 0, YAML_SIZE_MAX, &text);
	if (r < 0)
		return sbx_err_errno(err, r, STAGE, "cannot read the profile %s", path);
	r = yaml_tree_parse(buf_str(&text), text.len, path, &tree, err);
	if (r < 0)
		return r;
	root = yaml_get(tree->root, "linux");
	root = root ? yaml_get(root, "seccomp") : tree->root;
	if (!root)
		return sbx_err_set(err, -EINVAL, STAGE,
				   "%s: there is no linux.seccomp in this config.json",
				   path);
	r = read_profile(root, &p, err);
	if (r == 0)
		*ret = p.maker;
	return r;
}
