/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is wrong with a policy. Three degrees:
 *
 *	error    the policy contradicts itself, or nothing can run under it
 *	warning  a hole, or a limit that is never reached
 *	note     open by choice, and worth knowing; does not change the exit status
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/strv.h"
#include "base/table.h"
#include "cmd/policy-cmd.h"
#include "filter-make.h"
#include "limit.h"

enum degree { NOTE, WARNING, ERROR, _DEGREE_MAX };

static const char *const degree_names[] = {
	[NOTE] = "note",
	[WARNING] = "warning",
	[ERROR] = "error",
};
TABLE_CHECK(degree_names, _DEGREE_MAX);

struct check {
	const struct policy_view *view;
	const struct sbx_policy *policy;
	json_t *all; /* or NULL: print */
	enum degree worst;
	size_t found;
};

/* @what and @remedy are whole sentences. */
static attr_printf(6, 7) void found(struct check *c, enum degree degree, const char *key,
				    const struct policy_origin *where, const char *remedy,
				    const char *fmt, ...)
{
	char what[700], place[440];
	json_t *j;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	c->worst = MAX(c->worst, degree);
	c->found++;
	if (!c->all) {
		printf("%s: %s: %s: %s\n    %s\n",
		       policy_where(where, place, sizeof(place)), degree_names[degree],
		       key, what, remedy);
		return;
	}
	j = policy_where_json(where);
	json_object_update_new(j, json_pack("{s:s, s:s, s:s, s:s, s:s}", "policy",
					    c->policy->name, "severity",
					    degree_names[degree], "key", key, "what",
					    what, "remedy", remedy));
	json_array_append_new(c->all, j);
}

/* --- limits --- */

static uint64_t value(const struct check *c, enum sbx_limit limit)
{
	return c->policy->limits[limit];
}

static const struct policy_origin *at(const struct check *c, enum sbx_limit limit)
{
	return &c->policy->origins->limits[limit];
}

static const char *text(const struct check *c, enum sbx_limit limit, char out[static 32])
{
	return policy_limit_text(limit, value(c, limit), out, 32);
}

static uint64_t host_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
}

static uint64_t host_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (uint64_t)n : 1;
}

static void check_missing(struct check *c)
{
	if (!value(c, SBX_LIMIT_CPUS))
		found(c, NOTE, "limits.cpus", at(c, SBX_LIMIT_CPUS),
		      "Set cpus where other people work on the machine.",
		      "CPUs are shared fairly but not capped: a run may use all of them");
	if (!value(c, SBX_LIMIT_CPU_TIME))
		found(c, NOTE, "limits.cpu_time", at(c, SBX_LIMIT_CPU_TIME),
		      "Set cpu_time where machine time costs money.",
		      "CPU time is not limited: only wall and cpus bound it");
}

static void check_time(struct check *c)
{
	uint64_t cpus = value(c, SBX_LIMIT_CPUS), most;
	char a[32], b[32];

	if (value(c, SBX_LIMIT_WALL) > 24 * 3600 * USEC_PER_SEC)
		found(c, WARNING, "limits.wall", at(c, SBX_LIMIT_WALL),
		      "Set wall to what the slowest good run needs.",
		      "one run may take %s, longer than a day",
		      text(c, SBX_LIMIT_WALL, a));
	if (cpus > 1000 * host_cpus())
		found(c, WARNING, "limits.cpus", at(c, SBX_LIMIT_CPUS),
		      "Set cpus to less than the machine has.",
		      "%s CPUs are never reached: this machine has %" PRIu64,
		      text(c, SBX_LIMIT_CPUS, a), host_cpus());
	most = cpus && cpus < 1000 * host_cpus() ? cpus : 1000 * host_cpus();
	if (value(c, SBX_LIMIT_CPU_TIME) / 1000 >
	    value(c, SBX_LIMIT_WALL) / 1000 * most / 1000)
		found(c, cpus ? ERROR : WARNING, "limits.cpu_time",
		      at(c, SBX_LIMIT_CPU_TIME),
		      "Set cpu_time below wall times cpus, or leave it out.",
		      "%s of CPU time are never reached: wall ends the run after %s, and "
		      "it has "
		      "%g CPUs",
		      text(c, SBX_LIMIT_CPU_TIME, a), text(c, SBX_LIMIT_WALL, b),
		      (double)most / 1000);
}

static void check_memory(struct check *c)
{
	static const enum sbx_limit inside[] = { SBX_LIMIT_SCRATCH, SBX_LIMIT_OUT };
	uint64_t memory = value(c, SBX_LIMIT_MEMORY);
	char a[32], b[32], key[32];

	if (memory > host_memory())
		found(c, WARNING, "limits.memory", at(c, SBX_LIMIT_MEMORY),
		      "Set memory to your share of the machine.",
		      "%s are more than the %" PRIu64
		      " MiB of this machine: it runs out of memory before the run does",
		      text(c, SBX_LIMIT_MEMORY, a), host_memory() >> 20);
	for (size_t i = 0; i < ARRAY_SIZE(inside); i++) {
		if (value(c, inside[i]) <= memory)
			continue;
		snprintf(key, sizeof(key), "limits.%s", limit_table[inside[i]].name);
		found(c, ERROR, key, at(c, inside[i]),
		      "Raise memory above it, or lower it: a full memory ends the run.",
		      "%s are charged to the memory limit of %s, which is reached first",
		      text(c, inside[i], a), text(c, SBX_LIMIT_MEMORY, b));
	}
	if (value(c, SBX_LIMIT_FILE_SIZE) > value(c, SBX_LIMIT_SCRATCH) &&
	    value(c, SBX_LIMIT_FILE_SIZE) > value(c, SBX_LIMIT_OUT))
		found(c, WARNING, "limits.file_size", at(c, SBX_LIMIT_FILE_SIZE),
		      "Set file_size below scratch or out, or leave it out.",
		      "a file of %s fits nowhere: scratch and out are smaller",
		      text(c, SBX_LIMIT_FILE_SIZE, a));
}

static void check_other_limits(struct check *c)
{
	char a[32];

	if (value(c, SBX_LIMIT_PIDS) < 4)
		found(c, ERROR, "limits.pids", at(c, SBX_LIMIT_PIDS),
		      "Set pids to 16 or more.",
		      "%s is too few processes and threads for a shell to start a "
		      "program",
		      text(c, SBX_LIMIT_PIDS, a));
	if (value(c, SBX_LIMIT_OUTPUT) > 1ULL << 30)
		found(c, WARNING, "limits.output", at(c, SBX_LIMIT_OUTPUT),
		      "Set output to what people will read.",
		      "each run may leave %s of log on the disk",
		      text(c, SBX_LIMIT_OUTPUT, a));
	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		if ((i == SBX_LIMIT_OUTPUT || i == SBX_LIMIT_SCRATCH) &&
		    !(c->policy->kill_on & 1U << i))
			found(c, NOTE, "kill_on",
			      &c->policy->origins->keys[POLICY_KILL_ON],
			      "Add it to kill_on where such a run is worth nothing.",
			      "a run that reaches the limit of %s goes on with errors",
			      limit_table[i].name);
}

/* --- what is seen and reached --- */

/* Places where secrets usually lie, as seen from outside. */
static const char *const secrets[] = {
	"/etc/shadow",
	"/etc/gshadow",
	"/etc/sudoers",
	"/etc/krb5.keytab",
	"/etc/ssl/private",
	"/etc/ssh/ssh_host_ed25519_key",
	"/etc/ssh/ssh_host_rsa_key",
	"/etc/wireguard",
	"/etc/ppp/chap-secrets",
	"/etc/letsencrypt/live",
	"/etc/docker/key.json",
	"/etc/mysql/debian.cnf",
	"/etc/netrc",
	"/etc/munge/munge.key",
	"/etc/slurm/slurmdbd.conf",
};

static bool is_or_below(const char *path, const char *dir)
{
	const char *rest = str_after(path, dir);

	return rest && (!*rest || *rest == '/');
}

/* To anybody, or to us: the user of the box is one of both. */
static bool is_readable(const char *path)
{
	struct stat st;
	unsigned bits;

	if (stat(path, &st) < 0)
		return false;
	bits = S_ISDIR(st.st_mode) ? 5 : 4;
	if (geteuid() == 0) /* then the box has an unused id */
		return (st.st_mode & bits) == bits;
	return access(path, S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK) == 0;
}

static void check_secrets(struct check *c, const char *dir,
			  const struct policy_origin *where)
{
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		if (is_or_below(secrets[i], dir) && is_readable(secrets[i]))
			found(c, WARNING, "system", where,
			      "Close the file to others, or show less of the folder.",
			      "%s, which usually holds a secret, can be read in the box",
			      secrets[i]);
}

static void check_system(struct check *c)
{
	static const char *const wide[] = { "/home", "/root", "/var",
					    "/srv",  "/mnt",  "/media" };
	char **system = c->policy->system, path[400];
	bool has_programs = false;

	for (size_t i = 0; system && system[i]; i++) {
		const struct policy_origin *where =
			&c->policy->origins->lists[POLICY_SYSTEM][i];

		escape_str(path, sizeof(path), system[i]);
		has_programs = has_programs || !is_or_below(system[i], "/etc");
		for (size_t k = 0; k < ARRAY_SIZE(wide); k++)
			if (is_or_below(system[i], wide[k]))
				found(c, WARNING, "system", where,
				      "Name single folders with show or --show instead, "
				      "which "
				      "are looked through for sockets.",
				      "%s shows what users and services keep in %s to "
				      "every run",
				      path, wide[k]);
		check_secrets(c, system[i], where);
		if (streq(system[i], "/etc"))
			found(c, NOTE, "system", where,
			      "See policies/strict.yaml for what programs need of it.",
			      "all of /etc that any user may read can be read in the "
			      "box");
	}
	if (!has_programs)
		found(c, ERROR, "system", &c->policy->origins->keys[POLICY_DESCRIPTION],
		      "Add /usr, /bin, /lib and /lib64 to system.",
		      "no folder with programs is shown: nothing can start");
}

static void check_reach(struct check *c)
{
	const struct policy_origin *keys = c->policy->origins->keys;

	if (c->policy->network == SBX_NETWORK_HOST)
		found(c, WARNING, "network", &keys[POLICY_NETWORK],
		      "Use network: none, and fetch what runs need before they start.",
		      "runs reach every service of this machine, its network and the "
		      "internet, "
		      "and can send away what they read");
	if (c->policy->network == SBX_NETWORK_HOST &&
	    !(c->policy->sockets & (1U << SBX_FAMILY_INET | 1U << SBX_FAMILY_INET6)))
		found(c, ERROR, "seccomp.sockets", &keys[POLICY_SOCKETS],
		      "Add inet and inet6 to sockets, or use network: none.",
		      "the host's network is there, but no socket that could use it");
	if (c->policy->target == SBX_TARGET_OVERLAY)
		found(c, NOTE, "target", &keys[POLICY_TARGET],
		      "Use bind where programs write the target in place, and measure "
		      "with bind.",
		      "with overlay the whole folder of the target can be changed during "
		      "a run");
}

/* --- system calls --- */

/* Where a call was allowed: by name, else by the profile. */
static const struct policy_origin *allowed_at(const struct check *c, const char *name)
{
	char **allow = c->policy->allow;

	for (size_t i = 0; allow && allow[i]; i++)
		if (streq(allow[i], name))
			return &c->policy->origins->lists[POLICY_ALLOW][i];
	return &c->policy->origins->keys[POLICY_PROFILE];
}

static void check_group(struct check *c, const struct syscall_group *g)
{
	const struct policy_origin *profile = &c->policy->origins->keys[POLICY_PROFILE];
	cleanup_buf struct buf names = BUF_INIT;

	for (const char *const *n = g->names; *n; n++) {
		const struct policy_origin *where = allowed_at(c, *n);

		if (!policy_allows(c->view, *n))
			continue;
		if (where == profile)
			buf_printf(&names, "%s%s", names.len ? ", " : "", *n);
		else
			found(c, WARNING, "seccomp.allow", where, "Take it out of allow.",
			      "%s is allowed, which others refuse: %s", *n, g->what);
	}
	if (names.len)
		found(c, WARNING, "seccomp.profile", profile,
		      "Deny them beside the profile: seccomp: {deny+: [...]}.",
		      "the profile allows what the built-in table refuses, %s: %.400s",
		      g->what, buf_str(&names));
}

/* In no list of refused calls, for they are answered as if the kernel did not have them. */
static void check_left_out(struct check *c)
{
	static const char *const left_out[][2] = {
		{ "io_setup", "the number of its contexts is one for the whole host" },
		{ "memfd_secret", "memory that nobody can look into" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (policy_allows(c->view, left_out[i][0]))
			found(c, WARNING, "seccomp", allowed_at(c, left_out[i][0]),
			      "Deny it: seccomp: {deny+: [...]}.",
			      "%s is allowed, which others do not have: %s",
			      left_out[i][0], left_out[i][1]);
}

static void check_needed(struct check *c)
{
	static const char *const needed[] = { "execve",      "exit_group", "mmap",
					      "mprotect",    "brk",        "read",
					      "write",       "close",      "openat",
					      "rt_sigreturn" };
	char **deny = c->policy->deny;

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		const struct policy_origin *where =
			&c->policy->origins->keys[POLICY_PROFILE];

		if (syscall_number(needed[i]) < 0 || policy_allows(c->view, needed[i]))
			continue;
		for (size_t k = 0; deny && deny[k]; k++)
			if (streq(deny[k], needed[i]))
				where = &c->policy->origins->lists[POLICY_DENY][k];
		found(c, ERROR, "seccomp", where, "Allow it.",
		      "without %s no program can start or end", needed[i]);
	}
}

static void check_filter(struct check *c)
{
	const struct policy_origin *keys = c->policy->origins->keys;
	bool depends;

	for (const struct syscall_group *g = syscalls_denied; g->what; g++)
		check_group(c, g);
	check_left_out(c);
	check_needed(c);
	/* A number that no kernel has yet. */
	if (filter_ask_call(&c->view->filter, FILTER_MAX_NR - 1, &depends) ==
	    SECCOMP_RET_ALLOW)
		found(c, WARNING, "seccomp.profile", &keys[POLICY_PROFILE],
		      "Use a profile that names what is allowed, with SCMP_ACT_ERRNO as "
		      "default.",
		      "the profile allows what it does not name: a system call of next "
		      "year is "
		      "allowed by accident");
	if (!c->policy->count_denials)
		found(c, WARNING, "count_denials", &keys[POLICY_COUNT_DENIALS],
		      "Set count_denials: true.",
		      "refused system calls are not counted: records cannot show who "
		      "tried what");
}

/* --- all --- */

int policy_check(const struct policy_view *v, json_t *all)
{
	struct check c = { .view = v, .policy = v->policy, .all = all };

	check_missing(&c);
	check_time(&c);
	check_memory(&c);
	check_other_limits(&c);
	check_system(&c);
	check_reach(&c);
	check_filter(&c);
	if (!all)
		printf("%s: %zu finding%s, %s\n", c.policy->name, c.found,
		       c.found == 1 ? "" : "s",
		       c.worst == NOTE ? "nothing that needs a change"
				       : "changes are needed");
	return c.worst > NOTE;
}
