/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One run from policy to result:
 *
 *	environment, plan, cgroup leaf and limits   nothing untrusted runs yet; fail closed
 *	spawn                                       clone3
 *	monitor                                     until nothing of it is left
 *	target, verdict                             what it did
 *
 * A limit that no layer of this host holds ends the run before the clone, unless the policy
 * accepts the watchdog.
 */
#include "sandbox.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/strv.h"
#include "layer.h"
#include "explain.h"
#include "limit.h"
#include "monitor.h"
#include "policy.h"
#include "target.h"
#include "verdict.h"

#define BOX_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char path_of_env[] = "PATH=" BOX_PATH;

static const char *const base_env[] = {
	path_of_env,
	"HOME=/home/autoexp",
	"USER=autoexp",
	"LOGNAME=autoexp",
	"LANG=C.UTF-8",
	"TMPDIR=/tmp",
	"AUTOEXP=1",
	"AUTOEXP_OUT=/out",
	/* Compiled Python beside read-only sources could only fail, and slowly. */
	"PYTHONDONTWRITEBYTECODE=1",
};

struct box {
	const struct sbx_policy *policy;
	const struct sbx_job *job;
	struct child_args args;
	struct cgroup cg;
	struct spawn spawn;
	struct output output;
	char **env;
	struct sbx_result *result;
};

static int make_env(struct box *b, struct sbx_err *err)
{
	const char *tz = getenv("TZ");
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(base_env); i++)
		r = strv_add(&b->env, base_env[i]);
	if (r == 0 && tz)
		r = strv_addf(&b->env, "TZ=%s", tz);
	for (size_t i = 0; r == 0 && b->job->env && b->job->env[i]; i++)
		r = strv_add(&b->env, b->job->env[i]);
	return r < 0 ? sbx_err_oom(err, "box") : 0;
}

static int apply_limits(struct box *b, struct sbx_err *err)
{
	int r = cgroup_open(b->job->cgroup, &b->cg, err);

	return r < 0 ? r : layers_choose(b->policy, &b->cg, &b->args, b->result, err);
}

/* The filter, and what names it and the policy in the record. */
static int choose_filter(struct box *b, struct sbx_err *err)
{
	struct sbx_result *res = b->result;
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	policy_dump(b->policy, false, &text);
	if (text.failed)
		return sbx_err_oom(err, "policy");
	sha256_text(text.data, text.len, res->policy_sha256);
	r = filter_choose(b->policy, &b->args.filter, err);
	if (r < 0)
		return r;
	snprintf(res->bpf_sha256, sizeof(res->bpf_sha256), "%s", b->args.filter.sha256);
	snprintf(res->libseccomp, sizeof(res->libseccomp), "%s",
		 b->args.filter.libseccomp);
	return 0;
}

static int prepare(struct box *b, struct sbx_err *err)
{
	int r;

	b->args.argv = b->job->argv;
	b->args.path = BOX_PATH;
	b->args.cwd = b->job->cwd         ? b->job->cwd
		      : b->job->view_path ? b->job->view_path
					  : "/";
	b->args.file_size = b->policy->limits[SBX_LIMIT_FILE_SIZE];
	b->result->kill_on = b->policy->kill_on;
	b->args.own_network = b->policy->network == SBX_NETWORK_NONE;

	r = make_env(b, err);
	b->args.env = b->env;
	if (r == 0)
		r = choose_filter(b, err);
	if (r == 0)
		r = idmap_choose(&b->args.map, err);
	if (r == 0)
		r = plan_new(b->policy, b->job, &b->args.plan, err);
	if (r == 0)
		r = apply_limits(b, err);
	return r;
}

static int watch(struct box *b, int signal_fd, struct sbx_err *err)
{
	const char *name =
		b->job->target_path ? strrchr(b->job->target_path, '/') + 1 : NULL;
	struct monitor m = {
		.job = b->job,
		.box = &b->spawn,
		.cg = &b->cg,
		.output = &b->output,
		.result = b->result,
		.shm_bytes = b->args.shm_bytes,
		.signal_fd = signal_fd,
		.notify = { .fd = -EBADF, .denied = &b->result->denied },
		.handles = { .scratch = -EBADF, .out = -EBADF, .target = -EBADF },
	};
	int r, log;

	r = monitor_run(&m, err);
	log = output_finish(&b->output);
	b->result->output_bytes = b->output.total;
	b->result->output_dropped_bytes = b->output.dropped;
	b->result->label = output_label(&b->output);
	if (r == 0 && log < 0)
		r = sbx_err_errno(err, log, "output", "cannot write the output log");
	if (r == 0 && name && m.handles.target >= 0)
		r = target_collect(m.handles.target, name, b->job->target_fd, b->result,
				   err);
	notify_done(&m.notify);
	fd_close(m.handles.scratch);
	fd_close(m.handles.out);
	fd_close(m.handles.target);
	return r;
}

static int run(struct box *b, int signal_fd, struct sbx_err *err)
{
	const int to[2] = { b->job->stdout_fd, b->job->stderr_fd };
	int from[2];
	int r;

	r = prepare(b, err);
	if (r == 0)
		r = spawn_box(&b->args, b->job->stdin_fd, b->cg.fd, &b->spawn, err);
	if (r < 0)
		return r;
	from[0] = TAKE_FD(b->spawn.stdout_fd);
	from[1] = TAKE_FD(b->spawn.stderr_fd);
	r = output_init(&b->output, from, to, b->job->log_fd,
			b->policy->limits[SBX_LIMIT_OUTPUT], err);
	if (r < 0) {
		spawn_kill(&b->spawn);
		return r;
	}
	return watch(b, signal_fd, err);
}

static void finish(struct box *b)
{
	struct sbx_result *r = b->result;

	r->cpu_us = MAX(r->cpu_us, r->stats.cpu_us);
	if (r->stats.memory_peak)
		r->memory_peak_bytes = r->stats.memory_peak;
	output_done(&b->output);
	if (b->args.shm_bytes)
		munmap((void *)b->args.shm_bytes, sizeof(uint64_t));
	spawn_close(&b->spawn);
	plan_free(b->args.plan);
	filter_done(&b->args.filter);
	strv_free(b->env);
	if (cgroup_close(&b->cg) < 0)
		r->unreaped = true;
}

/* What the caller had, given back at the end. */
struct signals {
	sigset_t mask;
	struct sigaction child;
};

/*
 * Stop signals are read from a descriptor while the box lives. SIGPIPE must not end us with the
 * box half made, and SIGTSTP, or SIGTTOU for what the command prints to a terminal in the
 * background, must not stop the clock of a box that runs on. With SIGCHLD ignored,
 * which is inherited, the kernel would reap process 1 itself and nobody learned how it ended.
 */
static int take_signals(struct signals *old)
{
	static const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigaction(SIGCHLD, &dfl, &old->child);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, &old->mask);
	sigdelset(&set, SIGPIPE);
	sigdelset(&set, SIGTSTP);
	sigdelset(&set, SIGTTOU);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void give_back_signals(const struct signals *old)
{
	static const struct timespec now = { 0 };
	sigset_t ignored;

	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE);
	sigaddset(&ignored, SIGTSTP);
	sigaddset(&ignored, SIGTTOU);
	while (sigtimedwait(&ignored, NULL, &now) > 0)
		;
	sigaction(SIGCHLD, &old->child, NULL);
	sigprocmask(SIG_SETMASK, &old->mask, NULL);
}

int sbx_run(const struct sbx_policy *policy, const struct sbx_job *job,
	    struct sbx_result **ret, struct sbx_err *err)
{
	struct sbx_result *result = calloc(1, sizeof(*result));
	struct box b = {
		.policy = policy,
		.job = job,
		.cg = CGROUP_INIT,
		.spawn = SPAWN_INIT,
		.output = { .log_fd = -EBADF,
			    .streams = { { .from = -EBADF, .to = -EBADF },
					 { .from = -EBADF, .to = -EBADF } } },
		.result = result,
	};
	struct sbx_err own = { 0 };
	cleanup_close int signal_fd = -EBADF;
	struct host_facts facts;
	struct signals old;
	int r;

	*ret = NULL;
	if (!result)
		return sbx_err_oom(err, "box");
	result->exit_code = -1;

	signal_fd = take_signals(&old);
	r = signal_fd < 0 ? sbx_err_errno(&own, -errno, "box", "cannot take signals")
			  : run(&b, signal_fd, &own);
	if (r == -ECANCELED) {
		monitor_take_signals(signal_fd);
		result->killed = KILL_INTERRUPT;
		r = 0;
	}
	finish(&b);
	give_back_signals(&old);

	if (r < 0) {
		explain_look("/proc", !b.args.map.root, &facts);
		explain_step(&facts, &own);
		result->verdict = SBX_SETUP_ERROR;
		snprintf(result->reason, sizeof(result->reason), "%s", own.msg);
		if (err && !err->code)
			*err = own;
	} else {
		verdict_decide(result);
	}
	*ret = result;
	return r;
}

void sbx_result_free(struct sbx_result *r)
{
	if (!r)
		return;
	denied_done(&r->denied);
	free(r->target_data);
	free(r);
}
