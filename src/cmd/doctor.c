/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Nothing here looks at a version or a configuration file to conclude that something works:
 * each check runs a box and lets it try. What the box reports from inside and what its record
 * says decides.
 */
#include "cmd/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/json.h"
#include "base/strv.h"
#include "limit.h"
#include "policy.h"
#include "probe.h"
#include "result.h"

static const char help[] =
	"usage: autoexp doctor [--cgroup PATH] [--json]\n"
	"\n"
	"Try on this host what the box needs and what limits can be enforced, and say "
	"how to\n"
	"get the rest. Each line is the result of a box that was really run.\n"
	"\n"
	"  hard  held by the kernel\n"
	"  soft  only by a watchdog; a run needs --soft-limits\n"
	"  no    not to be had here, with the reason and the remedy\n"
	"\n"
	"  --cgroup PATH  try this delegated cgroup v2 directory\n"
	"  --json         print the results as JSON\n"
	"  -h, --help     this text\n"
	"\n"
	"Exit status: 0 every limit is hard; 1 the box works, some limits are only "
	"soft;\n"
	"125 the box does not work here; 2 usage.\n";

enum strength { HARD, SOFT, NO, _STRENGTH_MAX };

static const char *const strength_names[_STRENGTH_MAX] = { "hard", "soft", "no" };

struct finding {
	const char *name;
	enum strength strength;
	char *detail;
	bool extra; /* good to have; without it everything is as promised */
};

struct doctor {
	const char *cgroup;
	struct finding *findings;
	size_t n;
};

static int note(struct doctor *d, const char *name, enum strength s, const char *detail)
{
	struct finding *f = realloc(d->findings, (d->n + 1) * sizeof(*f));
	char *copy = strdup(detail);

	if (!f || !copy) {
		free(copy);
		d->findings = f ? f : d->findings;
		return -ENOMEM;
	}
	d->findings = f;
	f[d->n++] = (struct finding){ .name = name, .strength = s, .detail = copy };
	return 0;
}

/* One shell command in a box. @limit is set to @value; what it printed comes as @ret_text. */
static int run_box(struct doctor *d, const char *script, enum sbx_limit limit,
		   uint64_t value, bool soft, struct sbx_result **ret,
		   struct buf *ret_text, struct sbx_err *err)
{
	cleanup_close int log = memfd_create("doctor", MFD_CLOEXEC);
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct sbx_job job = {
		.argv = argv,
		.cgroup = d->cgroup,
		.target_fd = -EBADF,
		.stdin_fd = -EBADF,
		.stdout_fd = -EBADF,
		.stderr_fd = -EBADF,
		.log_fd = log,
		.lifeline_fd = -EBADF,
	};
	struct sbx_policy *policy = NULL;
	int r;

	if (log < 0 || policy_new(&policy) < 0)
		return sbx_err_oom(err, "doctor");
	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		if (!soft && (i == SBX_LIMIT_MEMORY || i == SBX_LIMIT_PIDS) &&
		    i != (int)limit)
			policy->limits[i] = 0;
	policy->limits[SBX_LIMIT_WALL] = 10 * 1000000;
	policy->limits[limit] = value;
	policy->soft = soft;
	r = sbx_run(policy, &job, ret, err);
	policy_free(policy);
	if (r == 0 &&
	    (lseek(log, 0, SEEK_SET) < 0 || fd_read_all(log, 1 << 20, ret_text) < 0))
		r = sbx_err_set(err, -EIO, "doctor", "cannot read what the box printed");
	return r;
}

/* What the box says about itself, one word per promise. */
static const char inside[] =
	"test $(id -u) = 1000 && echo identity\n"
	"grep -q '^CapEff:.0*$' /proc/self/status && grep -q '^CapBnd:.0*$' "
	"/proc/self/status"
	" && echo capabilities\n"
	"grep -q '^NoNewPrivs:.1' /proc/self/status && echo no_new_privs\n"
	"grep -q '^Seccomp:.2' /proc/self/status && echo seccomp\n"
	"test \"$(tail -n +3 /proc/net/dev | tr -d ' ' | cut -d: -f1)\" = lo && echo "
	"network\n"
	"test $(ls -d /proc/[0-9]* | wc -l) -lt 10 && test $$ -lt 100 && echo processes\n"
	"(: > /usr/autoexp-doctor) 2>/dev/null || echo read-only system\n"
	"test ! -e /root/. && test ! -e /var/lib && test ! -e /run && echo hidden host\n"
	"(: > /tmp/x) && echo scratch\n"
	"unshare -U true 2>/dev/null || echo nested namespaces\n";

static const char *const promises[][2] = {
	{ "identity", "the command is uid 1000 inside, nobody outside" },
	{ "capabilities", "no capabilities, not even in the bounding set" },
	{ "no_new_privs", "set-user-ID programs gain nothing" },
	{ "seccomp", "the system call filter is in force" },
	{ "network", "no network but a loopback of its own" },
	{ "processes", "no process outside the box is visible" },
	{ "read-only system", "the system cannot be written" },
	{ "hidden host", "homes, /run and /var are not there" },
	{ "scratch", "/tmp is private and writable" },
	{ "nested namespaces", "no further user namespaces inside" },
};

static int note_landlock(struct doctor *d, int abi)
{
	char text[64];
	int r;

	snprintf(text, sizeof(text), "version %d: a second wall behind the mounts", abi);
	r = note(d, "landlock", abi ? HARD : NO,
		 abi ? text
		     : "not in this kernel (Linux 5.19 with lsm=landlock has it); the "
		       "mounts "
		       "are the only wall");
	if (r == 0)
		d->findings[d->n - 1].extra = true;
	return r;
}

static int check_box(struct doctor *d)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct sbx_result *res = NULL;
	struct sbx_err err = { 0 };
	int r, abi;

	r = run_box(d, inside, SBX_LIMIT_SCRATCH, 1 << 20, true, &res, &text, &err);
	abi = r < 0 ? 0 : res->landlock_abi;
	sbx_result_free(res);
	if (r < 0)
		return note(d, "box", NO, err.msg) < 0 ? -ENOMEM : -EOPNOTSUPP;
	r = note(d, "box", HARD, "starts: all namespaces, own root, own /proc");
	if (r == 0)
		r = note_landlock(d, abi);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(promises); i++) {
		bool holds = strstr(buf_str(&text), promises[i][0]) != NULL;

		r = note(d, promises[i][0], holds ? HARD : NO,
			 holds ? promises[i][1]
			       : "does not hold here; please report this host");
	}
	return r;
}

struct limit_check {
	enum sbx_limit limit;
	uint64_t value;
	const char *script;
	enum sbx_verdict expected; /* _SBX_VERDICT_MAX: look at the hit mark instead */
};

static const struct limit_check limit_checks[] = {
	{ SBX_LIMIT_WALL, 300000, "sleep 5", SBX_TIMEOUT },
	{ SBX_LIMIT_CPU_TIME, 200000, "while :; do :; done", SBX_CPU_LIMIT },
	{ SBX_LIMIT_MEMORY, 48 << 20, "tail /dev/zero", SBX_OOM },
	{ SBX_LIMIT_PIDS, 8, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done",
	  SBX_EXIT },
	{ SBX_LIMIT_CPUS, 1000, "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done",
	  SBX_OK },
	{ SBX_LIMIT_SCRATCH, 1 << 20, "dd if=/dev/zero of=/tmp/x bs=64k count=64",
	  SBX_EXIT },
	{ SBX_LIMIT_OUTPUT, 8192, "dd if=/dev/zero bs=64k count=4", SBX_OK },
};

static int note_limit(struct doctor *d, const struct limit_check *c,
		      const struct sbx_result *res, const char *why_soft)
{
	enum sbx_layer layer = res->limits[c->limit].layer;
	const char *name = limit_table[c->limit].name;
	cleanup_free char *detail = NULL;

	if (res->verdict != c->expected) {
		detail = str_printf("did not hold: the box ended as %s (%s)",
				    verdict_text(res->verdict), res->reason);
		return note(d, name, NO, detail ? detail : "did not hold");
	}
	if (why_soft && layer == SBX_LAYER_WATCHDOG)
		detail = str_printf("held by %s; %s", layer_text(layer), why_soft);
	else
		detail = str_printf("held by %s%s", layer_text(layer),
				    why_soft ? ", with --soft-limits only" : "");
	if (!detail)
		return -ENOMEM;
	return note(d, name, why_soft && layer == SBX_LAYER_WATCHDOG ? SOFT : HARD,
		    detail);
}

/* First without the watchdog; where that is refused, the refusal is the remedy's text. */
static int check_limit(struct doctor *d, const struct limit_check *c)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct sbx_result *res = NULL;
	struct sbx_err hard = { 0 }, soft = { 0 };
	int r;

	r = run_box(d, c->script, c->limit, c->value, false, &res, &text, &hard);
	if (r == 0) {
		r = note_limit(d, c, res, NULL);
	} else {
		sbx_result_free(TAKE_PTR(res));
		r = run_box(d, c->script, c->limit, c->value, true, &res, &text, &soft);
		r = r < 0 ? note(d, limit_table[c->limit].name, NO, soft.msg)
			  : note_limit(d, c, res, hard.msg);
	}
	sbx_result_free(res);
	return r;
}

static int print_json(const struct doctor *d)
{
	cleanup_json json_t *all = json_array();
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < d->n; i++)
		json_array_append_new(all,
				      json_pack("{s:s, s:s, s:s}", "name",
						d->findings[i].name, "strength",
						strength_names[d->findings[i].strength],
						"detail", d->findings[i].detail));
	text = json_text(all);
	if (!text)
		return -ENOMEM;
	puts(text);
	return 0;
}

static void print_text(const struct doctor *d, const size_t count[static _STRENGTH_MAX])
{
	for (size_t i = 0; i < d->n; i++)
		printf("%-4s  %-18s %s\n", strength_names[d->findings[i].strength],
		       d->findings[i].name, d->findings[i].detail);
	/* The first finding is whether a box starts at all. */
	if (d->n && d->findings[0].strength == NO)
		puts("\nThe box does not work here, so autoexp does not run anything.");
	else if (count[SOFT] || count[NO])
		puts("\nThe box works. Not every limit is held by the kernel: runs "
		     "refuse to start "
		     "unless\n--soft-limits accepts a watchdog.");
	else
		puts("\nEverything holds: limits are enforced by the kernel.");
}

/* A leaf of ours shows what only groups below the top have. */
static int check_kernel(struct doctor *d)
{
	struct cgroup cg = CGROUP_INIT;
	struct sbx_err err = { 0 };
	int r = 0;

	if (cgroup_open(d->cgroup, &cg, &err) < 0)
		cg.fd = -EBADF;
	for (size_t i = 0; r == 0 && i < probe_count; i++) {
		const struct probe *p = &probe_table[i];
		bool has = probe_has(i, cg.fd);
		char text[200];

		if (has)
			snprintf(text, sizeof(text), "this kernel has it");
		else
			snprintf(text, sizeof(text), "not here (Linux %s%s has it): %s",
				 p->since,
				 strchr(p->name, '.') ? " with its controller" : "",
				 p->stands_in ? p->stands_in : "no box without it");
		r = note(d, p->name, has ? HARD : NO, text);
		if (r == 0)
			d->findings[d->n - 1].extra = true;
	}
	cgroup_close(&cg);
	return r;
}

static int examine(struct doctor *d)
{
	int r;

	r = check_box(d);
	if (check_kernel(d) < 0)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(limit_checks); i++)
		r = check_limit(d, &limit_checks[i]);
	return r;
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cgroup", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	size_t count[_STRENGTH_MAX] = { 0 };
	struct doctor d = { 0 };
	bool json = false;
	int opt, r;

	argv[0] = (char *)"autoexp doctor"; /* the name in getopt's messages */
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (opt == '?')
			return 2;
		if (opt == 'c')
			d.cgroup = optarg;
		json = json || opt == 'j';
	}
	if (optind < argc) {
		fprintf(stderr, "autoexp doctor: '%s' is not expected\n", argv[optind]);
		return 2;
	}

	r = examine(&d);
	for (size_t i = 0; i < d.n; i++)
		if (!d.findings[i].extra)
			count[d.findings[i].strength]++;
	if (json)
		r = print_json(&d) < 0 ? -ENOMEM : r;
	else
		print_text(&d, count);
	for (size_t i = 0; i < d.n; i++)
		free(d.findings[i].detail);
	free(d.findings);
	if (r < 0)
		return 125;
	return count[SOFT] || count[NO] ? 1 : 0;
}
