/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The answer is always the same and depends on nothing that the caller could change after the
 * fact, so none of the races of seccomp_unotify(2) matters here: a caller that is killed while
 * it waits is simply not answered, and the name in the record is for people.
 *
 * Each refusal costs us two wake-ups. A loop of refused calls would have them at the speed of
 * the candidate's CPU and take ours; past FREE_ANSWERS it gets one answer a millisecond, and
 * waits in between.
 */
#include "notify.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/macro.h"

#define FREE_ANSWERS 1000
#define PACE_US      USEC_PER_MSEC
#define MAX_A_TURN   16

/* The kernel fills its own idea of these structs, which may grow. */
#define ROOM 256

union request {
	struct seccomp_notif notif;
	char room[ROOM];
};

union answer {
	struct seccomp_notif_resp resp;
	char room[ROOM];
};

void denied_done(struct denied *d)
{
	free(d->calls);
	*d = (struct denied){ 0 };
}

void notify_done(struct notify *n)
{
	n->fd = fd_close(n->fd);
}

/* The entry of a call. NULL: out of memory, and the total alone counts on. */
static struct denied_call *entry(struct denied *d, int nr)
{
	struct denied_call *calls;

	for (size_t i = 0; i < d->n; i++)
		if (d->calls[i].nr == nr)
			return &d->calls[i];
	calls = realloc(d->calls, (d->n + 1) * sizeof(*calls));
	if (!calls)
		return NULL;
	d->calls = calls;
	calls[d->n] = (struct denied_call){ .nr = nr };
	return &calls[d->n++];
}

/* What the process calls itself; any bytes but NUL and newline. */
static bool read_name(pid_t pid, char name[static DENIED_BY_SIZE])
{
	cleanup_close int fd = -EBADF;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, name, DENIED_BY_SIZE - 1);
	if (n <= 0)
		return false;
	name[n] = '\0';
	name[strcspn(name, "\n")] = '\0';
	return true;
}

static void add_name(struct denied_call *c, pid_t pid)
{
	char name[DENIED_BY_SIZE];

	/* Who comes first is of interest; a look for each of a flood would cost too much. */
	if (c->count > 64 || c->by[DENIED_BY_MAX - 1][0] || !read_name(pid, name))
		return;
	for (size_t i = 0; i < DENIED_BY_MAX; i++) {
		if (streq(c->by[i], name))
			return;
		if (c->by[i][0])
			continue;
		memcpy(c->by[i], name, sizeof(name));
		return;
	}
}

static void count(struct notify *n, const struct seccomp_notif *notif)
{
	struct denied_call *c = entry(n->denied, notif->data.nr);

	n->denied->total++;
	if (!c)
		return;
	c->count++;
	c->throttled |= n->denied->total > FREE_ANSWERS;
	add_name(c, (pid_t)notif->pid);
}

/* Return: 1; 0 when there was nothing; negative errno when nobody will ask any more */
static int answer_one(struct notify *n)
{
	union request req = { .room = { 0 } };
	union answer resp = { .room = { 0 } };

	if (ioctl(n->fd, SECCOMP_IOCTL_NOTIF_RECV, &req.notif) < 0)
		return errno == ENOENT || errno == EINTR || errno == EAGAIN ? 0 : -errno;
	resp.resp.id = req.notif.id;
	resp.resp.error = -EPERM;
	/* Counted first: the record must not miss what was refused. */
	count(n, &req.notif);
	if (ioctl(n->fd, SECCOMP_IOCTL_NOTIF_SEND, &resp.resp) < 0 && errno != ENOENT)
		return -errno;
	return 1;
}

void notify_answer(struct notify *n, uint64_t now)
{
	struct pollfd p = { .fd = n->fd, .events = POLLIN };
	int r = 1;

	if (n->fd < 0 || now < n->not_before_us)
		return;
	/* RECV blocks where nothing is pending. */
	for (int i = 0; r > 0 && i < MAX_A_TURN; i++) {
		if (poll(&p, 1, 0) <= 0)
			return;
		if (!(p.revents & POLLIN)) {
			r = -ENOENT;
			break;
		}
		r = answer_one(n);
		if (n->denied->total > FREE_ANSWERS) {
			n->not_before_us = now + PACE_US;
			break;
		}
	}
	if (r < 0)
		notify_done(n);
}
