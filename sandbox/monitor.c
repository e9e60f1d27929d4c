/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One loop over everything that can happen to a box: messages of process 1, its death, output,
 * a wish to stop, the parent's parent gone, and time. In each turn the clock is looked at
 * first, so a flood of output cannot delay a limit.
 *
 * A box is killed in one way only: SIGKILL to process 1 by pidfd, and cgroup.kill for the case
 * that the kernel is slow to end the pid namespace. Process 1 becomes waitable when the kernel
 * has reaped every process of its namespace, so its death is the proof that nothing is left.
 */
#include "monitor.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "limit.h"
#include "soft.h"

#define SETUP_TIMEOUT_US  (30 * USEC_PER_SEC)
#define REAP_TIMEOUT_US   (10 * USEC_PER_SEC)
#define PROGRESS_US       USEC_PER_SEC
#define SAMPLE_US         (50 * USEC_PER_MSEC)
/* How long a reader may still take what the dead command has printed. */
#define READER_TIMEOUT_US (10 * USEC_PER_SEC)

enum {
	FD_STATUS,
	FD_PIDFD,
	FD_SIGNAL,
	FD_LIFELINE,
	FD_NOTIFY,
	FD_OUTPUT,
	FD_MAX = FD_OUTPUT + 2
};

struct state {
	struct monitor *m;
	struct sbx_err *err;
	unsigned cpus; /* of the host */
	uint64_t born_us;
	uint64_t started_us; /* 0 until the command runs */
	uint64_t
		killed_us; /* when the end began: our kill, or the command's own; else 0 */
	uint64_t next_sample_us, next_progress_us;
	struct soft soft; /* the watchdog; opened when the command runs */
	bool ended; /* process 1 told how the command ended */
	bool dead;  /* process 1 is reaped */
	int wait_status;
	int setup_error;
};

static bool is_soft(const struct monitor *m, enum sbx_limit limit)
{
	return m->result->limits[limit].layer == SBX_LAYER_WATCHDOG;
}

static uint64_t limit_of(const struct state *s, enum sbx_limit limit)
{
	return s->m->result->limits[limit].value;
}

/* How long a box with that usage stays below its limits at the least. */
static uint64_t sample_wait(const struct state *s, uint64_t memory_bytes, uint64_t cpu_us)
{
	uint64_t cap = limit_of(s, SBX_LIMIT_CPU_TIME), wait = SAMPLE_US;

	if (is_soft(s->m, SBX_LIMIT_MEMORY))
		wait = soft_interval_us(memory_bytes, limit_of(s, SBX_LIMIT_MEMORY),
					s->soft.cost_us, s->cpus);
	/* N CPUs use up the rest of the time no sooner than in rest / N. */
	if (cap > cpu_us)
		wait = MIN(wait, MAX((cap - cpu_us) / s->cpus, 1000));
	return wait;
}

static void kill_box(struct state *s, enum kill_cause cause, uint64_t now)
{
	struct sbx_result *r = s->m->result;

	if (s->killed_us || s->dead)
		return;
	s->killed_us = now;
	/* A command that has ended keeps its own end; what is killed are its leftovers. */
	if (!s->ended && !s->setup_error) {
		r->killed = cause;
		r->killed_us = s->started_us ? now - s->started_us : 0;
	}
	/* All at once; where process 1 begins, it kills the others and reaps them one by one. */
	cgroup_kill(s->m->cg);
	spawn_kill(s->m->box);
}

static void take_fds(struct monitor *m, enum child_msg_type type, struct msghdr *hdr)
{
	int *handles[CHILD_FDS_MAX] = { &m->handles.scratch, &m->handles.out,
					&m->handles.target };
	int *listener[CHILD_FDS_MAX] = { &m->notify.fd };
	int **into = type == CHILD_LISTENER ? listener : handles;
	struct cmsghdr *c = CMSG_FIRSTHDR(hdr);
	size_t n;

	if (!c || c->cmsg_type != SCM_RIGHTS)
		return;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (size_t i = 0; i < MIN(n, CHILD_FDS_MAX) && into[i]; i++)
		memcpy(into[i], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
}

static ssize_t receive(struct state *s, struct child_msg *msg)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * CHILD_FDS_MAX)];
	} control = { 0 };
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	n = recvmsg(s->m->box->status_fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n == sizeof(*msg))
		take_fds(s->m, msg->type, &hdr);
	return n;
}

static void on_message(struct state *s)
{
	struct sbx_result *r = s->m->result;
	struct child_msg msg;
	ssize_t n;

	while ((n = receive(s, &msg)) == sizeof(msg)) {
		memcpy(r->step_us, msg.step_us, sizeof(r->step_us));
		r->landlock_abi = msg.landlock_abi;
		switch (msg.type) {
		case CHILD_LISTENER:
		case CHILD_HANDLES:
			break;
		case CHILD_STARTED:
			s->started_us = now_us();
			s->next_sample_us = s->started_us + sample_wait(s, 0, 0);
			s->next_progress_us = s->started_us + PROGRESS_US;
			break;
		case CHILD_ENDED:
			s->ended = true;
			s->wait_status = msg.wait_status;
			r->wall_us = now_us() - s->started_us;
			if (!s->killed_us)
				s->killed_us = now_us();
			/* Its leftovers die with process 1, but at the pace of their limit. */
			if (r->limits[SBX_LIMIT_CPUS].layer == SBX_LAYER_CGROUP2)
				cgroup_kill(s->m->cg);
			break;
		case CHILD_ERROR:
			s->setup_error = msg.err.code ? msg.err.code : -EPROTO;
			r->exec_errno = msg.exec_errno;
			if (s->err && !s->err->code)
				*s->err = msg.err;
			break;
		}
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		s->m->box->status_fd = fd_close(s->m->box->status_fd);
}

static void on_death(struct state *s)
{
	struct rusage usage = { 0 };
	struct sbx_result *r = s->m->result;
	uint64_t cpu;

	if (spawn_reap(s->m->box, &usage) < 0)
		return;
	/* What process 1 said last may still be in the socket. */
	if (s->m->box->status_fd >= 0)
		on_message(s);
	s->dead = true;
	/* Children that a killed process 1 leaves are not in its usage: keep the last sample. */
	cpu = (uint64_t)usage.ru_utime.tv_sec * USEC_PER_SEC +
	      (uint64_t)usage.ru_utime.tv_usec +
	      (uint64_t)usage.ru_stime.tv_sec * USEC_PER_SEC +
	      (uint64_t)usage.ru_stime.tv_usec;
	r->cpu_us = MAX(r->cpu_us, cpu);
	r->memory_peak_bytes =
		MAX(r->memory_peak_bytes, (uint64_t)usage.ru_maxrss * 1024);
	if (s->killed_us)
		r->dead_us = now_us() - s->killed_us;
	if (!s->ended && s->started_us)
		r->wall_us = now_us() - s->started_us;
}

static bool ends_run(const struct state *s, enum sbx_limit limit)
{
	return s->m->result->kill_on & 1U << limit;
}

static void check_space(struct state *s)
{
	struct sbx_result *r = s->m->result;
	struct statfs fs;

	if (s->m->handles.scratch >= 0 && fstatfs(s->m->handles.scratch, &fs) == 0) {
		r->limits[SBX_LIMIT_SCRATCH].hit |= !fs.f_bfree;
		r->limits[SBX_LIMIT_INODES].hit |= !fs.f_ffree;
	}
	if (s->m->handles.out >= 0 && fstatfs(s->m->handles.out, &fs) == 0)
		r->limits[SBX_LIMIT_OUT].hit |= !fs.f_bfree;
	if (ends_run(s, SBX_LIMIT_SCRATCH) &&
	    (r->limits[SBX_LIMIT_SCRATCH].hit || r->limits[SBX_LIMIT_INODES].hit))
		kill_box(s, KILL_SCRATCH, now_us());
}

/* The limit that the watchdog has to hold, 0 = none. */
static uint64_t soft_memory(const struct state *s)
{
	return is_soft(s->m, SBX_LIMIT_MEMORY) ? limit_of(s, SBX_LIMIT_MEMORY) : 0;
}

/*
 * A short command ends before the first look, so the watchdog is called only then. One that
 * cannot see is none: without a look the limits do not hold.
 */
static void look(struct state *s, struct soft_usage *ret)
{
	struct monitor *m = s->m;
	int r = 0;

	if (!s->soft.effort.looks && !s->soft.proc)
		r = soft_open(&s->soft, m->box->pid, &m->handles, m->shm_bytes);
	if (r < 0 && m->result->soft && !s->setup_error) {
		s->setup_error = sbx_err_errno(s->err, r, "watchdog",
					       "cannot look at the box's processes");
		kill_box(s, KILL_NONE, now_us());
	}
	soft_sample(&s->soft, soft_memory(s), ret);
}

/* CPU time so far: the group's own clock, else the sum over the tree. */
static void check_usage(struct state *s, uint64_t now)
{
	struct monitor *m = s->m;
	bool soft = is_soft(m, SBX_LIMIT_MEMORY) || is_soft(m, SBX_LIMIT_PIDS) ||
		    (limit_of(s, SBX_LIMIT_CPU_TIME) && m->cg->fd < 0);
	struct soft_usage u = { 0 };
	uint64_t cap = limit_of(s, SBX_LIMIT_CPU_TIME), cpu;

	check_space(s);

	if (soft)
		look(s, &u);
	else
		u.memory_bytes = cgroup_memory_now(m->cg);
	m->result->memory_peak_bytes =
		MAX(m->result->memory_peak_bytes, u.memory_bytes);
	cpu = MAX(u.cpu_us, cgroup_cpu_us(m->cg));
	m->result->cpu_us = MAX(m->result->cpu_us, cpu);
	if (cap && cpu >= cap)
		kill_box(s, KILL_CPU_TIME, now);
	if (is_soft(m, SBX_LIMIT_MEMORY) &&
	    u.memory_bytes > limit_of(s, SBX_LIMIT_MEMORY))
		kill_box(s, KILL_MEMORY, now);
	if (is_soft(m, SBX_LIMIT_PIDS) && u.pids > limit_of(s, SBX_LIMIT_PIDS))
		kill_box(s, KILL_PIDS, now);
	s->next_sample_us = now + sample_wait(s, u.memory_bytes, cpu);
}

static bool needs_samples(const struct state *s)
{
	return is_soft(s->m, SBX_LIMIT_MEMORY) || is_soft(s->m, SBX_LIMIT_PIDS) ||
	       limit_of(s, SBX_LIMIT_CPU_TIME) || ends_run(s, SBX_LIMIT_SCRATCH) ||
	       (s->m->cg->has[CGROUP_MEMORY] && !cgroup_has_peak(s->m->cg));
}

static void report_progress(struct state *s, uint64_t now)
{
	const struct sbx_job *job = s->m->job;
	struct soft_usage u = { 0 };
	uint64_t memory = cgroup_memory_now(s->m->cg);

	s->next_progress_us = now + PROGRESS_US;
	check_space(s);
	if (!job->progress)
		return;
	if (!memory) {
		look(s, &u);
		memory = u.memory_bytes;
	}
	job->progress(job->progress_user, now - s->started_us, memory);
}

/* Act on every moment that has come. */
static void on_time(struct state *s, uint64_t now)
{
	uint64_t wall = limit_of(s, SBX_LIMIT_WALL);

	if (!s->started_us) {
		if (now >= s->born_us + SETUP_TIMEOUT_US && !s->setup_error) {
			s->setup_error = sbx_err_set(s->err, -ETIMEDOUT, "setup",
						     "the box was not ready within 30 s");
			kill_box(s, KILL_NONE, now);
		}
		return;
	}
	if (s->killed_us || s->dead)
		return;
	/* Who is to die is not looked at any more: that would take from the time it needs. */
	if (wall && now >= s->started_us + wall) {
		kill_box(s, KILL_WALL, now);
		return;
	}
	if (needs_samples(s) && now >= s->next_sample_us)
		check_usage(s, now);
	if (now >= s->next_progress_us)
		report_progress(s, now);
}

/* The next moment at which on_time() has something to do. */
static uint64_t next_moment(const struct state *s)
{
	uint64_t wall = limit_of(s, SBX_LIMIT_WALL), at = USEC_INFINITY;

	if (s->killed_us)
		return s->killed_us + REAP_TIMEOUT_US;
	if (!s->started_us)
		return s->born_us + SETUP_TIMEOUT_US;
	if (wall)
		at = s->started_us + wall;
	if (needs_samples(s))
		at = MIN(at, s->next_sample_us);
	if (s->m->notify.not_before_us > now_us())
		at = MIN(at, s->m->notify.not_before_us);
	return MIN(at, s->next_progress_us);
}

bool monitor_take_signals(int signal_fd)
{
	struct signalfd_siginfo info;
	bool any = false;

	while (read(signal_fd, &info, sizeof(info)) > 0)
		any = true;
	return any;
}

static void wait_turn(struct state *s, uint64_t until)
{
	struct monitor *m = s->m;
	struct pollfd fds[FD_MAX] = {
		/* After its last word process 1 only hangs up. */
		[FD_STATUS] = { .fd = s->ended ? -1 : m->box->status_fd,
				.events = POLLIN },
		[FD_PIDFD] = { .fd = s->dead ? -1 : m->box->pidfd, .events = POLLIN },
		[FD_SIGNAL] = { .fd = m->signal_fd, .events = POLLIN },
		[FD_LIFELINE] = { .fd = s->killed_us || s->dead ? -1
								: m->job->lifeline_fd,
				  .events = POLLIN },
		[FD_NOTIFY] = { .fd = m->notify.not_before_us > now_us() ? -1
									 : m->notify.fd,
				.events = POLLIN },
	};
	size_t n = FD_OUTPUT + output_poll(m->output, fds + FD_OUTPUT);
	uint64_t now = now_us();
	struct timespec timeout = timespec_of_us(until > now ? until - now : 0);

	if (ppoll(fds, n, until == USEC_INFINITY ? NULL : &timeout, NULL) < 0)
		return;
	on_time(s, now_us());
	if (fds[FD_SIGNAL].revents && monitor_take_signals(m->signal_fd))
		kill_box(s, KILL_INTERRUPT, now_us());
	if (fds[FD_LIFELINE].revents)
		kill_box(s, KILL_INTERRUPT, now_us());
	if (fds[FD_STATUS].revents)
		on_message(s);
	output_move(m->output);
	if (ends_run(s, SBX_LIMIT_OUTPUT) &&
	    m->output->total > limit_of(s, SBX_LIMIT_OUTPUT))
		kill_box(s, KILL_OUTPUT, now_us());
	if (fds[FD_PIDFD].revents)
		on_death(s);
	/* Last, for a flood of refused calls must delay nothing else. */
	if (fds[FD_NOTIFY].revents)
		notify_answer(&m->notify, now_us());
}

/* Everything the dead command has printed is in its pipes: hand it on. */
static void drain(struct state *s)
{
	bool hurry = s->m->result->killed == KILL_INTERRUPT;
	uint64_t until = now_us() + (hurry ? USEC_PER_SEC : READER_TIMEOUT_US);

	while (!output_is_done(s->m->output) && now_us() < until)
		wait_turn(s, until);
	output_abandon(s->m->output);
}

static void take_end(struct state *s)
{
	struct sbx_result *r = s->m->result;

	if (!s->ended)
		return;
	if (WIFEXITED(s->wait_status))
		r->exit_code = WEXITSTATUS(s->wait_status);
	else
		r->signal = WTERMSIG(s->wait_status);
}

int monitor_run(struct monitor *m, struct sbx_err *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct state s = {
		.m = m,
		.err = err,
		.cpus = (unsigned)MAX(cpus, 1),
		.born_us = now_us(),
	};

	while (!s.dead) {
		wait_turn(&s, next_moment(&s));
		if (s.setup_error && !s.killed_us)
			kill_box(&s, KILL_NONE, now_us());
		if (s.killed_us && now_us() >= s.killed_us + REAP_TIMEOUT_US) {
			m->result->unreaped = true;
			break;
		}
	}
	drain(&s);
	take_end(&s);
	check_space(&s);
	cgroup_read_stats(m->cg, &m->result->stats);
	m->result->memory_peak_sampled = !m->result->stats.memory_peak;
	m->result->effort = s.soft.effort;
	soft_close(&s.soft);
	if (!s.setup_error && !s.started_us && m->result->killed != KILL_INTERRUPT)
		s.setup_error = sbx_err_set(
			err, -EPROTO, "setup",
			m->result->stats.oom_kill
				? "the memory limit is too small for the box to "
				  "start; raise --memory"
				: "process 1 of the box died before the command "
				  "started");
	return s.setup_error;
}
