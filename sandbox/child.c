/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Order of set-up in process 1, and why:
 *
 *	1. wait until the parent has mapped our ids; without it we own nothing
 *	2. take the ids; the kernel clears PDEATHSIG on the way, so that comes after
 *	3. mounts and network, which need capabilities in our user namespace
 *	4. drop all capabilities, no_new_privs
 *	5. vfork the command, which takes its session, limits, Landlock and the filter, and
 *	   execs
 *
 * Process 1 itself stays outside Landlock and the filter: it is our code, it is not dumpable, and it needs
 * nothing but waiting. As process 1 of its namespace no signal from inside reaches it.
 *
 * Nothing here allocates: the parent may have been anywhere when it cloned.
 */
#include "child.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/close_range.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "caps.h"
#include "filter.h"
#include "landlock.h"
#include "mount.h"
#include "net.h"

#define NOFILE_MAX 4096
#define SHM_TICK_NS 10000000

static void send_msg(int fd, const struct child_msg *msg, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * CHILD_FDS_MAX)];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)msg, .iov_len = sizeof(*msg) };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (n_fds) {
		hdr.msg_control = control.space;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	/* A parent that is gone cannot be told; the lifeline ends us. */
	while (sendmsg(fd, &hdr, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static attr_noreturn void die(int status_fd, struct child_msg *msg)
{
	msg->type = CHILD_ERROR;
	send_msg(status_fd, msg, NULL, 0);
	_exit(1);
}

static void step(struct child_msg *msg, enum child_step which, uint64_t *last)
{
	uint64_t now = now_us();

	msg->step_us[which] = now - *last;
	*last = now;
}

/* The first byte means that our ids are mapped. End of file: there is no parent any more. */
static int wait_for_parent(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -1;
}

static int take_ids(const struct idmap *map, struct sbx_err *err)
{
	if ((map->root && syscall(SYS_setgroups, 0, NULL) < 0) ||
	    syscall(SYS_setresgid, IDMAP_INSIDE, IDMAP_INSIDE, IDMAP_INSIDE) < 0 ||
	    syscall(SYS_setresuid, IDMAP_INSIDE, IDMAP_INSIDE, IDMAP_INSIDE) < 0)
		return sbx_err_errno(err, -errno, "idmap",
				     "cannot take the user of the box");
	/* Not dumpable: nobody inside may look at or attach to process 1. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return sbx_err_errno(err, -errno, "child", "cannot protect process 1");
	return 0;
}

static int set_limit(int resource, rlim_t value, struct sbx_err *err)
{
	struct rlimit old, want;

	if (getrlimit(resource, &old) < 0)
		return sbx_err_errno(err, -errno, "rlimit", "cannot read limit %d",
				     resource);
	want.rlim_cur = want.rlim_max = MIN(value, old.rlim_max);
	if (setrlimit(resource, &want) < 0)
		return sbx_err_errno(err, -errno, "rlimit", "cannot set limit %d",
				     resource);
	return 0;
}

/* RLIMIT_AS is left out on purpose: CUDA and sanitizers reserve terabytes they never touch. */
static int set_limits(const struct child_args *args, struct sbx_err *err)
{
	int r;

	r = set_limit(RLIMIT_NOFILE, NOFILE_MAX, err);
	if (r == 0)
		r = set_limit(RLIMIT_SIGPENDING, 1024, err);
	if (r == 0)
		r = set_limit(RLIMIT_MSGQUEUE, 0, err);
	if (r == 0 && args->nproc)
		r = set_limit(RLIMIT_NPROC, args->nproc, err);
	if (r == 0 && args->file_size)
		r = set_limit(RLIMIT_FSIZE, args->file_size, err);
	return r;
}

static void default_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* As the shell does: the first match in PATH that can be executed; EACCES beats ENOENT. */
static int exec_in_path(const struct child_args *args)
{
	const char *name = args->argv[0];
	char path[PATH_MAX];
	int saved = ENOENT;

	if (strchr(name, '/')) {
		execve(name, args->argv, args->env);
		return -errno;
	}
	for (const char *p = args->path; *p;) {
		size_t n = strcspn(p, ":");

		if (snprintf(path, sizeof(path), "%.*s/%s", (int)n, p, name) < PATH_MAX) {
			execve(path, args->argv, args->env);
			if (errno != ENOENT && errno != ENOTDIR)
				saved = errno;
		}
		p += n + (p[n] == ':');
	}
	return -saved;
}

/* What an exec failure means in words; ENOEXEC and the like get the errno's own. */
static void explain_exec(const struct child_args *args, struct child_msg *msg, int r)
{
	msg->exec_errno = -r;
	if (r == -ENOENT && !strchr(args->argv[0], '/'))
		sbx_err_set(&msg->err, r, "exec",
			    "%s: command not found in the box (PATH is %s)",
			    args->argv[0], args->path);
	else
		sbx_err_errno(&msg->err, r, "exec", "%s", args->argv[0]);
}

static void send_listener(int status_fd, struct child_msg msg, int listener_fd)
{
	msg.type = CHILD_LISTENER;
	send_msg(status_fd, &msg, &listener_fd, 1);
}

/*
 * Nothing of ours goes through exec. Before Linux 5.11 the range could only be closed, which in
 * this copy of the table does as well: what is still needed is @status_fd, closed by exec anyway.
 */
static int leave_others(int status_fd)
{
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	if (errno != EINVAL || status_fd < 3)
		return -1;
	if (status_fd > 3 && close_range(3, (unsigned)status_fd - 1, 0) < 0)
		return -1;
	return close_range((unsigned)status_fd + 1, ~0U, 0);
}

/*
 * The command's side of vfork: it shares our memory until exec, so a failure is simply left in
 * @msg. @at_exec tells a death before exec from one of the command's own.
 */
static attr_noreturn void command_main(const struct child_args *args,
				       struct child_msg *msg, volatile bool *at_exec)
{
	int listener_fd;

	default_signals();
	if (setsid() < 0 || dup2(args->stdio[0], 0) < 0 || dup2(args->stdio[1], 1) < 0 ||
	    dup2(args->stdio[2], 2) < 0 || leave_others(args->status_fd) < 0)
		sbx_err_errno(&msg->err, -errno, "child", "cannot prepare the command");
	else if (chdir(args->cwd) < 0)
		sbx_err_errno(&msg->err, -errno, "child", "cannot enter %s in the box",
			      args->cwd);
	else if (set_limits(args, &msg->err) == 0 &&
		 landlock_enter(args->plan, &msg->landlock_abi, &msg->err) == 0 &&
		 filter_enter(&args->filter, &listener_fd, &msg->err) == 0) {
		/* Goes away with exec; the parent has it by then. */
		if (listener_fd >= 0)
			send_listener(args->status_fd, *msg, listener_fd);
		*at_exec = true;
		explain_exec(args, msg, exec_in_path(args));
	}
	_exit(1);
}

static void on_sigchld(attr_unused int sig)
{
}

/* Close everything but the two descriptors that process 1 keeps. */
static void close_others(int a, int b)
{
	unsigned low = (unsigned)MIN(a, b), high = (unsigned)MAX(a, b);

	if (low > 0)
		close_range(0, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

/*
 * System V memory that is attached to nobody can be seen from inside its namespace only. The
 * watchdog reads what we write to a page that it shares with us.
 */
static void report_shm(volatile uint64_t *bytes)
{
	struct shm_info info;

	if (bytes && shmctl(0, SHM_INFO, (struct shmid_ds *)&info) >= 0)
		*bytes = info.shm_rss * (uint64_t)getpagesize();
}

/* Reap until the command itself has ended, or the parent is gone. */
static attr_noreturn void init_main(const struct child_args *args, struct child_msg *msg,
				    pid_t command, const sigset_t *waiting)
{
	static const struct timespec tick = { .tv_nsec = SHM_TICK_NS };
	struct pollfd lifeline = { .fd = args->lifeline_fd, .events = POLLIN };
	pid_t pid;
	int status;

	for (;;) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid != command)
				continue;
			msg->type = CHILD_ENDED;
			msg->wait_status = status;
			send_msg(args->status_fd, msg, NULL, 0);
			_exit(0);
		}
		report_shm(args->shm_bytes);
		if (ppoll(&lifeline, 1, args->shm_bytes ? &tick : NULL, waiting) > 0)
			_exit(1);
	}
}

/*
 * Before the command runs: descriptors under way are counted for each user and limited by
 * RLIMIT_NOFILE, and a command that keeps many of them under way could have ours refused.
 * Other boxes of the same user count too, so the soft limit is no measure for us.
 */
static void send_handles(int status_fd, struct child_msg msg,
			 const struct mount_handles *handles)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	msg.type = CHILD_HANDLES;
	send_msg(status_fd, &msg,
		 (int[]){ handles->scratch, handles->out, handles->target },
		 handles->target < 0 ? 2 : 3);
}

/*
 * vfork: the kernel lets us go on when the command was executed or is dead, and nothing is
 * copied. Only then is it announced as started: what dies before is our failure, not its own.
 */
static attr_noreturn void start_command(const struct child_args *args,
					struct child_msg *msg,
					const struct mount_handles *handles,
					uint64_t *last)
{
	struct sigaction chld = { .sa_handler = on_sigchld, .sa_flags = SA_NOCLDSTOP };
	volatile bool at_exec = false;
	sigset_t block, waiting;
	pid_t command;

	sigemptyset(&waiting);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_SETMASK, &block, NULL);
	sigaction(SIGCHLD, &chld, NULL);

	send_handles(args->status_fd, *msg, handles);
	command = vfork();
	if (command == 0)
		command_main(args, msg, &at_exec);
	if (command < 0)
		sbx_err_errno(&msg->err, -errno, "child", "cannot fork the command");
	else if (!at_exec)
		sbx_err_set(&msg->err, -EPROTO, "child",
			    "the command died before its exec");
	if (msg->err.code)
		die(args->status_fd, msg);

	step(msg, CHILD_STEP_EXEC, last);
	msg->type = CHILD_STARTED;
	send_msg(args->status_fd, msg, NULL, 0);
	close_others(args->status_fd, args->lifeline_fd);
	init_main(args, msg, command, &waiting);
}

static int set_up(const struct child_args *args, struct child_msg *msg, uint64_t *last,
		  struct mount_handles *handles)
{
	struct sbx_err *err = &msg->err;
	int r;

	r = take_ids(&args->map, err);
	if (r == 0 && !args->map.root)
		r = plan_open(args->plan, &args->map, err);
	if (r == 0)
		r = mount_root(args->plan, handles, err);
	if (r != 0)
		return r;
	step(msg, CHILD_STEP_MOUNTS, last);

	if (args->own_network)
		r = net_loopback_up(err);
	if (r == 0 && unshare(CLONE_NEWCGROUP) < 0)
		r = sbx_err_errno(err, -errno, "child", "cannot make a cgroup namespace");
	if (r == 0 && sethostname("autoexp", 7) < 0)
		r = sbx_err_errno(err, -errno, "child", "cannot set the host name");
	if (r == 0 && args->has_affinity &&
	    sched_setaffinity(0, sizeof(args->affinity), &args->affinity) < 0)
		r = sbx_err_errno(err, -errno, "affinity", "cannot choose CPUs");
	if (r == 0)
		r = caps_drop(err);
	step(msg, CHILD_STEP_REST, last);
	return r;
}

void child_main(const struct child_args *args)
{
	struct child_msg msg = { .type = CHILD_ERROR };
	struct mount_handles handles;
	uint64_t last = args->start_us;

	prctl(PR_SET_NAME, "autoexp-init", 0, 0, 0);
	if (wait_for_parent(args->lifeline_fd) < 0)
		_exit(1);
	step(&msg, CHILD_STEP_MAPS, &last);
	if (set_up(args, &msg, &last, &handles) != 0)
		die(args->status_fd, &msg);

	start_command(args, &msg, &handles, &last);
}
