/* SPDX-License-Identifier: Apache-2.0 */
#include "filter-rules.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <linux/seccomp.h>

#include "profile.h"

#define STAGE "seccomp"

/* --- names --- */

static bool is_listed(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (streq(*names, name))
			return true;
	return false;
}

/* Calls may be newer than the table of libseccomp. */
static bool is_known(const char *name)
{
	if (syscall_number(name) != -1 || is_listed(name, syscalls_allowed))
		return true;
	for (const struct syscall_group *g = syscalls_denied; g->what; g++)
		if (is_listed(name, g->names))
			return true;
	return false;
}

static const char *nearest(const char *word)
{
	const struct syscall_group *g = syscalls_denied;
	size_t n = 0, n_all = 0;
	const char **all, *near;

	while (syscalls_allowed[n])
		n++;
	n_all = n;
	for (; g->what; g++)
		for (size_t i = 0; g->names[i]; i++)
			n_all++;
	assert(n_all > 0);
	all = calloc(n_all, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, syscalls_allowed, n * sizeof(*all));
	for (g = syscalls_denied; g->what; g++)
		for (size_t i = 0; g->names[i]; i++)
			all[n++] = g->names[i];
	near = yaml_nearest(word, all, n);
	free(all);
	return near;
}

int syscall_check_name(const struct yaml_node *n, struct sbx_err *err)
{
	const char *near;

	if (is_known(n->text))
		return 0;
	near = nearest(n->text);
	return yaml_fail(
		n, err, "'%.60s' is no system call of any architecture%s%s%s", n->text,
		near ? "; did you mean '" : "; accepted are names such as ptrace",
		near ? near : "", near ? "'?" : "");
}

int syscall_check_allowed(const struct yaml_node *n, struct sbx_err *err)
{
	int r = syscall_check_name(n, err);

	for (size_t i = 0; r == 0 && i < n_syscall_rules; i++)
		if (streq(syscall_rules[i].name, n->text) &&
		    syscall_rules[i].args[0].op == ARG_END)
			r = yaml_fail(
				n, err,
				"%s cannot be allowed: it could make or enter other "
				"namespaces, and its arguments cannot be checked",
				n->text);
	return r;
}

/* --- layers --- */

static int built_in(struct filter_maker **ret)
{
	int r = filter_maker_new(SECCOMP_RET_ERRNO | ENOSYS, ret);

	if (r < 0)
		return r;
	filter_maker_set(*ret, SECCOMP_RET_ALLOW, syscalls_allowed);
	for (const struct syscall_group *g = syscalls_denied; g->what; g++)
		filter_maker_set(*ret, SECCOMP_RET_ERRNO | EPERM, g->names);
	return 0;
}

static int add_denied(struct filter_maker *m, char *const *names)
{
	struct syscall_rule rule = { .answer = SECCOMP_RET_ERRNO | EPERM };
	int r = 0;

	for (; r == 0 && names && *names; names++) {
		rule.name = *names;
		r = filter_maker_rule(m, &rule);
	}
	return r;
}

static int add_sockets(struct filter_maker *m, unsigned sockets)
{
	static const uint64_t families[_SBX_FAMILY_MAX] = {
		[SBX_FAMILY_UNIX] = AF_UNIX,
		[SBX_FAMILY_INET] = AF_INET,
		[SBX_FAMILY_INET6] = AF_INET6,
		[SBX_FAMILY_NETLINK] = AF_NETLINK,
	};
	struct syscall_rule rule = { .answer = SECCOMP_RET_ERRNO | EAFNOSUPPORT,
				     .args = { { ARG_MASKED, 0, 0, UINT32_MAX } } };
	static const char *const calls[] = { "socket", "socketpair" };
	int r = 0;

	for (size_t i = 0; i < _SBX_FAMILY_MAX; i++) {
		if (sockets & 1U << i)
			continue;
		rule.args[0].value = families[i];
		for (size_t k = 0; r == 0 && k < ARRAY_SIZE(calls); k++) {
			rule.name = calls[k];
			r = filter_maker_floor(m, &rule);
		}
	}
	return r;
}

static int add_floor(struct filter_maker *m, unsigned sockets)
{
	int r = add_sockets(m, sockets);

	for (size_t i = 0; r == 0 && i < n_syscall_rules; i++)
		r = filter_maker_floor(m, &syscall_rules[i]);
	return r;
}

int filter_rules(const struct sbx_policy *p, struct filter_maker **ret,
		 struct sbx_err *err)
{
	struct filter_maker *m = NULL;
	int r;

	r = p->profile ? profile_load(p->profile, &m, err) : built_in(&m);
	if (r == 0) {
		filter_maker_set(m, SECCOMP_RET_ALLOW, (const char *const *)p->allow);
		r = add_denied(m, p->deny);
	}
	if (r == 0)
		r = add_floor(m, p->sockets);
	if (r < 0) {
		filter_maker_free(m);
		return r == -ENOMEM ? sbx_err_oom(err, STAGE) : r;
	}
	*ret = m;
	return 0;
}
