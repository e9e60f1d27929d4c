/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The supervisor never clones a box. It starts `autoexp exec`, which alone owns timers,
 * limits and the cgroup, and holds these descriptors on it:
 *
 *	3 spec       a sealed memfd with one JSON object: what to run
 *	4 record     JSON lines back: progress, then the record
 *	5 log        the run's output.log
 *	6 lifeline   the read end of a pipe whose other end only we hold: end of file means
 *	             that the supervisor is gone, and the box with it
 *	1 stdout     the whole standard output of the box, raw
 *	2 stderr     messages of exec itself
 *
 * It runs in a session of its own, so that the Ctrl-C of a terminal reaches the
 * supervisor alone, which decides whether this run shall end. A run is over when the
 * process has ended and its pipes are at their end; where exec was killed hard, the box
 * dies by its own lifeline a moment later, and we wait for that at most DRAIN_US.
 */

#include "run/trial.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/self.h"
#include "base/strv.h"
#include "run/record.h"

#define DRAIN_US    (5 * USEC_PER_SEC)
#define MESSAGE_MAX 8192
#define CHUNK       65536

enum { SPEC = 3, RECORD, LOG, LIFELINE, _FD_MAX };

struct trial {
	struct trial_events events;
	struct record_reader reader;
	struct buf messages;
	pid_t pid; /* 0 once waited for */
	int pidfd;
	int record_fd, stdout_fd, stderr_fd;
	int lifeline_fd;   /* write end, never written to */
	int status;        /* of waitid, when pid is 0 */
	uint64_t ended_us; /* when it was seen to end */
};

/* What cannot be made is NULL, and then there is no spec: none may lack a limit or a word. */
static json_t *strings(char *const *v)
{
	cleanup_json json_t *list = json_array();

	for (; v && *v; v++)
		if (json_array_append_new(list, json_string(*v)) < 0)
			return NULL;
	return TAKE_PTR(list);
}

static json_t *limits_json(const uint64_t limits[_SBX_LIMIT_MAX], const char *cpuset)
{
	cleanup_json json_t *obj = json_object();

	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		if (limits[i] &&
		    json_object_set_new(obj, limit_table[i].name,
					json_integer((json_int_t)limits[i])) < 0)
			return NULL;
	if (cpuset && *cpuset &&
	    json_object_set_new(obj, "cpuset", json_string(cpuset)) < 0)
		return NULL;
	return TAKE_PTR(obj);
}

static json_t *env_json(char *const *env)
{
	cleanup_json json_t *obj = json_object();

	for (; env && *env; env++) {
		const char *eq = strchr(*env, '=');
		cleanup_free char *name = strndup(*env, (size_t)(eq - *env));

		if (!name || json_object_set_new(obj, name, json_string(eq + 1)) < 0)
			return NULL;
	}
	return TAKE_PTR(obj);
}

static json_t *target_json(const struct trial_job *job)
{
	if (!job->target_path)
		return NULL;
	return json_pack("{s:s, s:s}", "path", job->target_path, "source",
			 job->target_source);
}

/* A text that is not UTF-8 cannot travel in JSON: jansson makes no value of it. */
static int spec_text(const struct trial_job *job, char **ret, struct sbx_err *err)
{
	cleanup_json json_t *spec = NULL;
	char *text;

	errno = 0;
	spec = json_pack(
		"{s:o, s:s, s:{s:s, s:s}, s:o*, s:o, s:o, s:o, s:s, s:o, s:b, s:s,"
		" s:s*}",
		"argv", strings(job->argv), "cwd", job->cwd, "view", "path",
		job->view_path, "source", job->view_source, "target", target_json(job),
		"show", strings(job->show), "scratch", strings(job->scratch), "env",
		env_json(job->env), "network", job->network, "limits",
		limits_json(job->limits, job->cpuset), "soft", (int)job->soft, "policy", job->policy,
		"cgroup", job->cgroup);
	if (!spec || (job->target_path && !json_object_get(spec, "target")))
		return json_error_of(0) < 0
			       ? sbx_err_oom(err, "run")
			       : sbx_err_set(err, -EILSEQ, "run",
					     "a path, a word of the command or a "
					     "variable is not UTF-8");
	text = json_text(spec);
	if (!text)
		return sbx_err_oom(err, "run");
	*ret = text;
	return 0;
}

static int spec_fd(const struct trial_job *job, int *ret, struct sbx_err *err)
{
	cleanup_free char *text = NULL;
	cleanup_close int fd = -EBADF;
	int r;

	r = spec_text(job, &text, err);
	if (r < 0)
		return r;
	fd = memfd_create("autoexp-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "run", "cannot make a memory file");
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0)
		return sbx_err_errno(err, r, "run", "cannot write a memory file");
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return sbx_err_errno(err, -errno, "run", "cannot seal a memory file");
	*ret = TAKE_FD(fd);
	return 0;
}

/* Everything the child needs, as plain values: between fork and exec nothing allocates. */
struct child {
	char *const *argv;
	int fds[_FD_MAX]; /* the descriptors that become 0 .. _FD_MAX - 1 */
	pid_t parent;
};

static attr_noreturn void child_run(const struct child *c)
{
	int moved[_FD_MAX];
	sigset_t none;

	sigemptyset(&none);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The parent may have died before the wish was made. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != c->parent)
		_exit(125);
	setsid();
	for (int i = 0; i < _FD_MAX; i++) {
		moved[i] = fcntl(c->fds[i], F_DUPFD, 64);
		if (moved[i] < 0)
			_exit(125);
	}
	for (int i = 0; i < _FD_MAX; i++)
		if (dup2(moved[i], i) < 0)
			_exit(125);
	if (close_range(_FD_MAX, ~0U, 0) < 0)
		_exit(125);
	execv(c->argv[0], c->argv);
	dprintf(2, "cannot run %s: %s\n", c->argv[0], strerrordesc_np(errno));
	_exit(125);
}

static int spawn(struct trial *t, const struct trial_job *job, const struct child *c,
		 struct sbx_err *err)
{
	pid_t pid = fork();

	if (pid == 0)
		child_run(c);
	if (pid < 0)
		return sbx_err_errno(err, -errno, "run", "cannot start a process");
	t->pid = pid;
	t->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (t->pidfd < 0)
		return sbx_err_errno(err, -errno, "run", "cannot watch %s",
				     job->exec_path);
	return 0;
}

static int open_pipe(int *ret_ours, int *ret_theirs, struct sbx_err *err)
{
	int r = fd_pipe(ret_ours, ret_theirs);

	if (r == 0)
		r = fd_nonblock(*ret_ours, true);
	return r < 0 ? sbx_err_errno(err, r, "run", "cannot make a pipe") : 0;
}

static struct trial *trial_new(const struct trial_events *events)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->events = *events;
	t->pidfd = t->record_fd = t->stdout_fd = t->stderr_fd = t->lifeline_fd = -EBADF;
	return t;
}

static void cleanup_trial_p(struct trial **t)
{
	trial_free(*t);
}

static int launch(struct trial *t, const struct trial_job *job, struct sbx_err *err)
{
	cleanup_close int null = -EBADF, spec = -EBADF, out = -EBADF, errs = -EBADF;
	cleanup_close int record = -EBADF, life = -EBADF;
	char *argv[] = { (char *)job->exec_path,
			 "exec",
			 "--spec-fd",
			 "3",
			 "--record-fd",
			 "4",
			 "--lifeline-fd",
			 "6",
			 job->log_fd >= 0 ? "--log-fd" : NULL,
			 "5",
			 NULL };
	struct child c;
	int r;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return sbx_err_errno(err, -errno, "run", "cannot open /dev/null");
	if ((r = spec_fd(job, &spec, err)) < 0 ||
	    (r = open_pipe(&t->stdout_fd, &out, err)) < 0 ||
	    (r = open_pipe(&t->stderr_fd, &errs, err)) < 0 ||
	    (r = open_pipe(&t->record_fd, &record, err)) < 0)
		return r;
	r = fd_pipe(&life, &t->lifeline_fd);
	if (r < 0)
		return sbx_err_errno(err, r, "run", "cannot make a pipe");
	c = (struct child){ .argv = argv, .parent = getpid() };
	c.fds[0] = null;
	c.fds[1] = out;
	c.fds[2] = errs;
	c.fds[SPEC] = spec;
	c.fds[RECORD] = record;
	c.fds[LOG] = job->log_fd >= 0 ? job->log_fd : null;
	c.fds[LIFELINE] = life;
	return spawn(t, job, &c, err);
}

int trial_start(const struct trial_job *job, const struct trial_events *events,
		struct trial **ret, struct sbx_err *err)
{
	cleanup(cleanup_trial_p) struct trial *t = trial_new(events);
	int r;

	if (!t)
		return sbx_err_oom(err, "run");
	r = launch(t, job, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

int trial_poll(const struct trial *t, struct pollfd fds[TRIAL_FDS])
{
	uint64_t now;

	fds[0] = (struct pollfd){ .fd = t->pid ? t->pidfd : -1, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = t->record_fd, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = t->stdout_fd, .events = POLLIN };
	fds[3] = (struct pollfd){ .fd = t->stderr_fd, .events = POLLIN };
	if (t->pid)
		return -1;
	now = now_us();
	if (now >= t->ended_us + DRAIN_US)
		return 0;
	return (int)((t->ended_us + DRAIN_US - now) / USEC_PER_MSEC) + 1;
}

/* Read what is there, a few chunks at a time so that no channel starves another. */
static int drain(int *fd, int (*take)(struct trial *, const char *, size_t),
		 struct trial *t, struct sbx_err *err)
{
	char chunk[CHUNK];
	ssize_t n;
	int r;

	for (int i = 0; *fd >= 0 && i < 16; i++) {
		n = read(*fd, chunk, sizeof(chunk));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0)
			return sbx_err_errno(err, -errno, "run", "cannot read from exec");
		if (n == 0) {
			*fd = fd_close(*fd);
			break;
		}
		r = take(t, chunk, (size_t)n);
		if (r < 0)
			return sbx_err_oom(err, "run");
	}
	return 0;
}

static int take_output(struct trial *t, const char *data, size_t n)
{
	if (t->events.output)
		t->events.output(t->events.user, data, n);
	return 0;
}

static int take_record(struct trial *t, const char *data, size_t n)
{
	uint64_t wall = t->reader.wall_us;
	int r = record_feed(&t->reader, data, n);

	if (r == 0 && t->reader.wall_us != wall && t->events.progress)
		t->events.progress(t->events.user, t->reader.wall_us,
				   t->reader.memory_bytes);
	return r;
}

static int take_message(struct trial *t, const char *data, size_t n)
{
	if (t->messages.len < MESSAGE_MAX)
		buf_add(&t->messages, data, MIN(n, MESSAGE_MAX - t->messages.len));
	return t->messages.failed ? -ENOMEM : 0;
}

static int look_for_end(struct trial *t, struct sbx_err *err)
{
	siginfo_t info = { 0 };

	if (!t->pid)
		return 0;
	if (waitid(P_PID, (id_t)t->pid, &info, WEXITED | WNOHANG) < 0)
		return sbx_err_errno(err, -errno, "run", "cannot wait for exec");
	if (info.si_pid) {
		t->pid = 0;
		t->status = info.si_code == CLD_EXITED ? info.si_status
						       : 128 + info.si_status;
		t->ended_us = now_us();
	}
	return 0;
}

int trial_handle(struct trial *t, struct sbx_err *err)
{
	int r;

	/* First the end, then the pipes: all that was written before it is then there. */
	if ((r = look_for_end(t, err)) < 0 ||
	    (r = drain(&t->record_fd, take_record, t, err)) < 0 ||
	    (r = drain(&t->stderr_fd, take_message, t, err)) < 0 ||
	    (r = drain(&t->stdout_fd, take_output, t, err)) < 0)
		return r;
	if (t->pid)
		return 0;
	if (t->record_fd < 0 && t->stderr_fd < 0 && t->stdout_fd < 0)
		return 1;
	return now_us() >= t->ended_us + DRAIN_US;
}

void trial_cancel(struct trial *t)
{
	/* Not waited for yet, so the number cannot be anybody else's. */
	if (t->pid)
		kill(t->pid, SIGTERM);
}

/* The last line that exec said is the one that explains. */
static const char *last_message(struct trial *t)
{
	char *s = t->messages.data, *nl;

	if (!s)
		return "it said nothing";
	while (t->messages.len && s[t->messages.len - 1] == '\n')
		s[--t->messages.len] = '\0';
	nl = strrchr(s, '\n');
	return nl ? nl + 1 : s;
}

int trial_collect(struct trial *t, struct outcome *ret, json_t **ret_box,
		  struct sbx_err *err)
{
	int r;

	if (!t->reader.box)
		return sbx_err_set(err, -EIO, "run",
				   "autoexp exec ended with status %d and no record: %s",
				   t->status, last_message(t));
	r = record_outcome(t->reader.box, ret, err);
	if (r < 0)
		return -EIO;
	*ret_box = TAKE_PTR(t->reader.box);
	return 0;
}

void trial_free(struct trial *t)
{
	if (!t)
		return;
	/* Asked first, so that the cgroup is removed; killed when it does not listen. */
	t->lifeline_fd = fd_close(t->lifeline_fd);
	if (t->pid) {
		struct pollfd p = { .fd = t->pidfd, .events = POLLIN };

		kill(t->pid, SIGTERM);
		if (t->pidfd < 0 || poll(&p, 1, DRAIN_US / USEC_PER_MSEC) <= 0)
			kill(t->pid, SIGKILL);
		waitid(P_PID, (id_t)t->pid, &(siginfo_t){ 0 }, WEXITED);
	}
	record_reader_done(&t->reader);
	buf_done(&t->messages);
	fd_close(t->pidfd);
	fd_close(t->record_fd);
	fd_close(t->stdout_fd);
	fd_close(t->stderr_fd);
	free(t);
}

int trial_find_exec(char **ret, struct sbx_err *err)
{
	return self_path("autoexp", "../../bin/autoexp", ret, err);
}
