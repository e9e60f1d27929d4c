/* SPDX-License-Identifier: Apache-2.0 */
#include "spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/sched.h>

#include "base/clock.h"
#include "base/file.h"
#include "explain.h"

#define NAMESPACES \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)

/* Descriptors 0 to 2 are overwritten in the command: the sources must lie above. */
static int above_stdio(int fd)
{
	int copy;

	if (fd > 2 || fd < 0)
		return fd;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return copy < 0 ? -errno : copy;
}

/* The command owns its end, or, as root, it could not open /dev/stdout anew. */
static int make_pipe(const struct idmap *map, int *ret_read, int *ret_write)
{
	int r;

	r = fd_pipe(ret_read, ret_write);
	if (r < 0)
		return r;
	*ret_read = above_stdio(*ret_read);
	*ret_write = above_stdio(*ret_write);
	if (*ret_read < 0 || *ret_write < 0)
		return -EMFILE;
	if (map->root && fchown(*ret_write, map->uid, map->gid) < 0)
		return -errno;
	return fd_nonblock(*ret_read, true);
}

static int clone_failed(int r, const struct child_args *args, struct sbx_err *err)
{
	struct host_facts facts;

	explain_look("/proc", !args->map.root, &facts);
	return explain_clone(r, &facts, err);
}

/*
 * A core size limit of 0 is ignored when cores are piped to a helper, and that helper runs as
 * host root on the candidate's memory; 1 is honoured. Raising a hard limit of 0 needs root.
 */
static int limit_core(pid_t pid, struct sbx_err *err)
{
	static const struct rlimit one = { 1, 1 };
	cleanup_buf struct buf pattern = BUF_INIT;
	int saved;

	if (prlimit(pid, RLIMIT_CORE, &one, NULL) == 0)
		return 0;
	saved = -errno;
	if (file_read(AT_FDCWD, "/proc/sys/kernel/core_pattern", 0, 4096, &pattern) ==
		    0 &&
	    buf_str(&pattern)[0] != '|')
		return 0;
	return sbx_err_errno(
		err, saved, "rlimit",
		"cannot limit core dumps to 1 byte while this host pipes them to a "
		"helper; start with 'ulimit -Hc unlimited' in force");
}

static int release(struct spawn *s, const struct child_args *args, struct sbx_err *err)
{
	int r;

	r = idmap_write(s->pid, &args->map, err);
	if (r == 0)
		r = limit_core(s->pid, err);
	if (r == 0 && write(s->lifeline_fd, "", 1) != 1)
		r = sbx_err_errno(err, -errno, "clone",
				  "process 1 died while it was set up");
	return r;
}

static int clone_child(struct child_args *args, int cgroup_fd, struct spawn *s,
		       struct sbx_err *err)
{
	struct clone_args ca = {
		.flags =
			CLONE_PIDFD | NAMESPACES | (args->own_network ? CLONE_NEWNET : 0),
		.pidfd = (uint64_t)(uintptr_t)&s->pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid;

	if (cgroup_fd >= 0) {
		ca.flags |= CLONE_INTO_CGROUP;
		ca.cgroup = (uint64_t)cgroup_fd;
	}
	pid = syscall(SYS_clone3, &ca, sizeof(ca));
	if (pid == 0) {
		close(s->lifeline_fd);
		child_main(args);
	}
	if (pid < 0)
		return clone_failed(-errno, args, err);
	s->pid = (pid_t)pid;
	return 0;
}

static int make_channels(struct child_args *args, struct spawn *s, int stdin_fd,
			 int close_later[static 5])
{
	int status[2], r;

	args->stdio[0] = stdin_fd >= 0
				 ? fcntl(stdin_fd, F_DUPFD_CLOEXEC, 3)
				 : above_stdio(open("/dev/null", O_RDONLY | O_CLOEXEC));
	close_later[0] = args->stdio[0];
	if (args->stdio[0] < 0)
		return -EMFILE;
	r = make_pipe(&args->map, &s->stdout_fd, &args->stdio[1]);
	close_later[1] = args->stdio[1];
	if (r == 0)
		r = make_pipe(&args->map, &s->stderr_fd, &args->stdio[2]);
	close_later[2] = args->stdio[2];
	if (r == 0)
		r = fd_pipe(&args->lifeline_fd, &s->lifeline_fd);
	close_later[3] = args->lifeline_fd;
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status) < 0)
		return -errno;
	s->status_fd = status[0];
	args->status_fd = close_later[4] = status[1];
	return 0;
}

int spawn_box(struct child_args *args, int stdin_fd, int cgroup_fd, struct spawn *ret,
	      struct sbx_err *err)
{
	int child_ends[5] = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF };
	struct spawn s = SPAWN_INIT;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(args->stdio); i++)
		args->stdio[i] = -EBADF;
	args->lifeline_fd = args->status_fd = -EBADF;
	r = make_channels(args, &s, stdin_fd, child_ends);
	if (r < 0)
		sbx_err_errno(err, r, "spawn", "cannot make the pipes of the box");
	if (r == 0 && args->map.root)
		r = plan_open(args->plan, &args->map, err);
	args->start_us = now_us();
	if (r == 0)
		r = clone_child(args, cgroup_fd, &s, err);
	/* Nothing comes before this: the child waits. */
	if (r == 0)
		r = release(&s, args, err);
	for (size_t i = 0; i < ARRAY_SIZE(child_ends); i++)
		fd_close(child_ends[i]);
	plan_close(args->plan);
	if (r < 0 && s.pid) {
		spawn_kill(&s);
		waitpid(s.pid, NULL, 0);
	}
	if (r < 0) {
		spawn_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void spawn_kill(const struct spawn *s)
{
	if (s->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
}

int spawn_reap(struct spawn *s, struct rusage *ret_usage)
{
	siginfo_t info = { 0 };

	/* The raw call, for only it also reports the usage. */
	if (syscall(SYS_waitid, P_PIDFD, s->pidfd, &info, WEXITED | WNOHANG, ret_usage) <
	    0)
		return -errno;
	return info.si_pid ? 0 : -EAGAIN;
}

void spawn_close(struct spawn *s)
{
	s->pidfd = fd_close(s->pidfd);
	s->status_fd = fd_close(s->status_fd);
	s->lifeline_fd = fd_close(s->lifeline_fd);
	s->stdout_fd = fd_close(s->stdout_fd);
	s->stderr_fd = fd_close(s->stderr_fd);
}
