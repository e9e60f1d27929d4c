/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A policy in the words of a reviewer. What is said about system calls is what the compiled
 * filter answers, call by call, not what the files ask for.
 */
#include <errno.h>
#include <stdio.h>

#include "base/escape.h"
#include "base/strv.h"
#include "base/table.h"
#include "cmd/policy-cmd.h"
#include "filter-make.h"
#include "limit.h"

#define WIDTH 90

/* Which layer holds a limit, first choice first; `autoexp doctor` says which it is here. */
static const char *const held_by[] = {
	[SBX_LIMIT_WALL] = "supervisor: everything is killed",
	[SBX_LIMIT_CPU_TIME] =
		"supervisor, by the group's own count: everything is killed",
	[SBX_LIMIT_CPUS] = "cgroup v2; else, with --soft-limits, affinity to whole CPUs",
	[SBX_LIMIT_IO_READ] = "cgroup v2",
	[SBX_LIMIT_IO_WRITE] = "cgroup v2",
	[SBX_LIMIT_MEMORY] = "cgroup v2, no swap, all die together; else a watchdog",
	[SBX_LIMIT_PIDS] = "cgroup v2; else, with --soft-limits, rlimit or a watchdog",
	[SBX_LIMIT_SCRATCH] = "tmpfs: writing fails with ENOSPC",
	[SBX_LIMIT_INODES] = "tmpfs: creating fails with ENOSPC",
	[SBX_LIMIT_OUT] = "tmpfs: writing fails with ENOSPC",
	[SBX_LIMIT_FILE_SIZE] = "rlimit: writing fails",
	[SBX_LIMIT_OUTPUT] = "supervisor: the rest is dropped",
};
TABLE_CHECK(held_by, _SBX_LIMIT_MAX);

/* What the floor says, for people; every policy and profile has it. */
static const struct {
	const char *calls, *what;
} floor_words[] = {
	{ "clone, unshare, setns, clone3", "no namespace can be made or entered" },
	{ "ioctl", "nothing can be typed into a terminal (TIOCSTI, TIOCLINUX)" },
	{ "socket, socketpair", "families that are left: see above; others fail" },
	{ "mmap, memfd_create, shmget", "no huge pages, which are in no memory limit" },
	{ "setrlimit, prlimit64",
	  "the limit of core dumps stays, and limits of others stay" },
	{ "sched_*, setpriority, ioprio_set", "the caller's own scheduling only" },
	{ "personality", "nothing that weakens the layout of memory" },
	{ "x32, 32-bit calls", "the process is killed: one set of calls is enough" },
};

/* --- system calls, as the filter answers --- */

enum answer_kind { ALLOWED, DEPENDS, REFUSED, ABSENT, KILLED, LOGGED, _ANSWER_MAX };

struct call {
	char *name;
	enum answer_kind kind;
	uint32_t answer;
};

struct calls {
	struct call list[FILTER_MAX_NR];
	size_t n;
};

static enum answer_kind kind_of(uint32_t answer, bool depends)
{
	if (depends)
		return DEPENDS;
	switch (answer & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return ALLOWED;
	case SECCOMP_RET_LOG:
		return LOGGED;
	case SECCOMP_RET_ERRNO:
		return (answer & SECCOMP_RET_DATA) == ENOSYS ? ABSENT : REFUSED;
	}
	return KILLED;
}

static struct calls *calls_new(const struct policy_view *v)
{
	struct calls *all = calloc(1, sizeof(*all));
	bool depends;

	for (int nr = 0; all && nr < FILTER_MAX_NR; nr++) {
		struct call *c = &all->list[all->n];

		c->name = syscall_name(nr);
		if (!c->name)
			continue;
		c->answer = filter_ask_call(&v->filter, nr, &depends);
		c->kind = kind_of(c->answer, depends);
		all->n++;
	}
	return all;
}

static void calls_free(struct calls *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->list[i].name);
	free(all);
}

static const char *answer_text(const struct call *c, char *out, size_t size)
{
	static const char *const words[] = {
		[ALLOWED] = "allowed", [DEPENDS] = "depends on arguments",
		[REFUSED] = NULL,      [ABSENT] = "ENOSYS",
		[KILLED] = "killed",   [LOGGED] = "logged",
	};
	const char *name;

	TABLE_CHECK(words, _ANSWER_MAX);
	if (words[c->kind])
		return words[c->kind];
	name = strerrorname_np((int)(c->answer & SECCOMP_RET_DATA));
	snprintf(out, size, "%s", name ? name : "success without effect");
	return out;
}

/* --- text --- */

/* Words from column @indent to WIDTH; begins where @column says it is. */
struct wrap {
	size_t indent, column;
};

static void wrap_word(struct wrap *w, const char *word, bool last)
{
	size_t n = strlen(word) + !last;
	bool first = w->column == w->indent;

	if (!first && w->column + n + 1 > WIDTH) {
		printf("\n%*s", (int)w->indent, "");
		w->column = w->indent;
		first = true;
	}
	w->column += (size_t)printf("%s%s%s", first ? "" : " ", word, last ? "" : ",");
}

static bool in_group(const struct syscall_group *g, const char *name)
{
	for (const char *const *n = g->names; *n; n++)
		if (streq(*n, name))
			return true;
	return false;
}

static bool in_any_group(const char *name)
{
	for (const struct syscall_group *g = syscalls_denied; g->what; g++)
		if (in_group(g, name))
			return true;
	return false;
}

/* The calls of one kind that are in @group, or in none where it is NULL. */
static void print_calls(const struct calls *all, enum answer_kind kind,
			const struct syscall_group *group, const char *title)
{
	const char *names[FILTER_MAX_NR];
	struct wrap w = { 6, 6 };
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct call *c = &all->list[i];

		if (c->kind == kind &&
		    (group ? in_group(group, c->name) : !in_any_group(c->name)))
			names[n++] = c->name;
	}
	if (!n)
		return;
	printf("  - %s:\n%*s", title, (int)w.indent, "");
	for (size_t i = 0; i < n; i++)
		wrap_word(&w, names[i], i + 1 == n);
	printf("\n");
}

static void print_system(const struct sbx_policy *p)
{
	struct wrap w = { 2, 2 };
	char text[512];

	printf("Can be read, as far as the user may read it:\n  ");
	for (char **s = p->system; s && *s; s++)
		wrap_word(&w, escape_str(text, sizeof(text), *s), !s[1]);
	printf("\n  the repository as it was committed, and what --show or the "
	       "configuration names;\n"
	       "  of /proc and /sys: the box's own processes, and which CPUs there "
	       "are\n\n");
}

static void print_written(const struct sbx_policy *p)
{
	static const char *const target[] = {
		[SBX_TARGET_BIND] = "the target, in place; its folder cannot be changed",
		[SBX_TARGET_OVERLAY] = "the target, and its whole folder for the length "
				       "of the run: only\n"
				       "  the target is taken out",
		[SBX_TARGET_RO] = "not the target, which is read-only",
	};
	TABLE_CHECK(target, _SBX_TARGET_MAX);

	printf("Can be written:\n"
	       "  %s\n"
	       "  /tmp, /dev/shm, $HOME, scratch paths and $AUTOEXP_OUT: empty at the "
	       "start, gone\n"
	       "  afterwards\n\n",
	       target[p->target]);
}

static void print_families(unsigned sockets)
{
	struct wrap w = { 2, 2 };
	unsigned left = sockets;

	printf("  sockets of the families ");
	if (!left)
		printf("none");
	for (size_t i = 0; i < _SBX_FAMILY_MAX; i++) {
		if (!(sockets & 1U << i))
			continue;
		left &= ~(1U << i);
		wrap_word(&w, family_names[i], !left);
	}
	printf(": others fail\n");
}

static void print_reached(const struct sbx_policy *p)
{
	printf("Can be reached:\n");
	print_families(p->sockets);
	if (p->network == SBX_NETWORK_HOST)
		printf("  ALL of the host's network: services on this machine, the local "
		       "network\n"
		       "  and the internet, with the host's address\n");
	else
		printf("  loopback inside the box; no other machine, no service of the "
		       "host\n");
	printf("  no process, mount, socket or IPC object outside; no account but the "
	       "box's own,\n"
	       "  no capability, and no way to get one\n\n");
}

static void print_limits(const struct sbx_policy *p)
{
	char text[32];

	printf("Limits, and what holds them:\n");
	for (int i = 0; i < _SBX_LIMIT_MAX; i++) {
		bool kills = p->kill_on & 1U << i;

		printf("  %-10s%-11s%s%s\n", limit_table[i].name,
		       p->limits[i] ? policy_limit_text((enum sbx_limit)i, p->limits[i],
							text, sizeof(text))
		       : i == SBX_LIMIT_INODES ? "by scratch"
					       : "not limited",
		       p->limits[i] || i == SBX_LIMIT_INODES ? held_by[i] : "",
		       kills ? "; this policy ends the run instead" : "");
	}
	if (p->cpuset[0])
		printf("  %-10s%-11s%s\n", "cpuset", p->cpuset,
		       "cgroup v2, else affinity");
	printf("\n");
}

static void print_refused(const struct policy_view *v, const struct calls *all)
{
	printf("System calls that are refused%s:\n",
	       v->policy->count_denials ? ", each counted in the record" : "");
	for (const struct syscall_group *g = syscalls_denied; g->what; g++)
		print_calls(all, REFUSED, g, g->what);
	print_calls(all, REFUSED, NULL,
		    v->policy->profile ? "by the profile or this policy"
				       : "by this policy");
	for (const struct syscall_group *g = syscalls_denied; g->what; g++)
		print_calls(all, KILLED, g, "ends the process");
	print_calls(all, KILLED, NULL, "ends the process");
	for (const struct syscall_group *g = syscalls_denied; g->what; g++)
		print_calls(all, ALLOWED, g, "ALLOWED by this policy, others refuse");
	for (size_t i = 0; i < ARRAY_SIZE(floor_words); i++)
		printf("  - %s: %s\n", floor_words[i].calls, floor_words[i].what);
}

static void print_rest(const struct calls *all)
{
	size_t n[_ANSWER_MAX] = { 0 };

	for (size_t i = 0; i < all->n; i++)
		n[all->list[i].kind]++;
	printf("  %zu calls are allowed, %zu depend on arguments, %zu are refused, %zu "
	       "are\n"
	       "  answered as if the kernel did not have them, %zu end the process, %zu "
	       "are "
	       "logged.\n",
	       n[ALLOWED], n[DEPENDS], n[REFUSED], n[ABSENT], n[KILLED], n[LOGGED]);
}

static void print_all(const struct policy_view *v, const struct calls *all)
{
	const struct sbx_policy *p = v->policy;
	char text[512];

	printf("policy %s", escape_str(text, sizeof(text), p->name));
	if (p->description)
		printf(": %s", escape_str(text, sizeof(text), p->description));
	printf("\n\n");
	print_system(p);
	print_written(p);
	print_reached(p);
	print_limits(p);
	if (p->profile)
		printf("System calls are those of the profile\n  %s\n\n",
		       escape_str(text, sizeof(text), p->profile));
	print_refused(v, all);
	print_rest(all);
}

/* --- JSON --- */

static json_t *limits_json(const struct sbx_policy *p)
{
	json_t *all = json_object();
	char text[32];

	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		json_object_set_new(
			all, limit_table[i].name,
			json_pack("{s:o, s:s?, s:b}", "limit",
				  p->limits[i] ? json_string(policy_limit_text(
							 (enum sbx_limit)i, p->limits[i],
							 text, sizeof(text)))
					       : json_null(),
				  "held_by", p->limits[i] ? held_by[i] : NULL, "ends_run",
				  !!(p->kill_on & 1U << i)));
	return all;
}

static json_t *groups_json(void)
{
	json_t *all = json_array(), *names;

	for (const struct syscall_group *g = syscalls_denied; g->what; g++) {
		names = json_array();
		for (const char *const *n = g->names; *n; n++)
			json_array_append_new(names, json_string(*n));
		json_array_append_new(
			all, json_pack("{s:s, s:o}", "why", g->what, "calls", names));
	}
	return all;
}

static json_t *explain_json(const struct policy_view *v, const struct calls *all)
{
	const struct sbx_policy *p = v->policy;
	json_t *read = json_array(), *calls = json_object(), *floor = json_object();
	char text[512];

	for (char **s = p->system; s && *s; s++)
		json_array_append_new(read,
				      json_string(escape_str(text, sizeof(text), *s)));
	for (size_t i = 0; i < all->n; i++)
		json_object_set_new(
			calls, all->list[i].name,
			json_string(answer_text(&all->list[i], text, sizeof(text))));
	for (size_t i = 0; i < ARRAY_SIZE(floor_words); i++)
		json_object_set_new(floor, floor_words[i].calls,
				    json_string(floor_words[i].what));
	escape_str(text, sizeof(text), p->description ? p->description : "");
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:b, s:o, s:o, s:o}",
			 "name", p->name, "description", text, "read", read, "target",
			 target_names[p->target], "network",
			 p->network == SBX_NETWORK_HOST ? "host" : "none", "sockets",
			 policy_set_json(p->sockets, family_names, _SBX_FAMILY_MAX),
			 "limits", limits_json(p), "count_denials", (int)p->count_denials,
			 "syscalls", calls, "floor", floor, "groups", groups_json());
}

int policy_explain(const struct policy_view *v, bool json)
{
	struct calls *all = calls_new(v);
	int status = 0;

	if (!all) {
		fprintf(stderr, "autoexp policy: out of memory\n");
		return 1;
	}
	if (json)
		status = policy_print(explain_json(v, all));
	else
		print_all(v, all);
	calls_free(all);
	return status;
}
