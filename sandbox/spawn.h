/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The parent's side of starting a box: one clone3, the id maps, and the pipes.
 */

#include <sys/resource.h>

#include "child.h"

struct spawn {
	pid_t pid; /* process 1 of the box, in our pid namespace */
	int pidfd;
	int status_fd;            /* messages of struct child_msg */
	int lifeline_fd;          /* closing it ends the box */
	int stdout_fd, stderr_fd; /* what the command writes, non-blocking */
};

#define SPAWN_INIT                                                           \
	{                                                                    \
		.pidfd = -EBADF, .status_fd = -EBADF, .lifeline_fd = -EBADF, \
		.stdout_fd = -EBADF, .stderr_fd = -EBADF,                    \
	}

/**
 * spawn_box() - start process 1
 * @args:       complete but for descriptors, which are filled in here
 * @stdin_fd:   for the command, or -EBADF for /dev/null
 * @cgroup_fd:  leaf to be born in, or -EBADF
 * @ret:        running box; ended by spawn_kill() and spawn_reap()
 *
 * Source: clone(2), "clone3()"; pidfd_open(2)
 * Return: 0; negative errno with the host's reason in words
 */
int spawn_box(struct child_args *args, int stdin_fd, int cgroup_fd, struct spawn *ret,
	      struct sbx_err *err);

/* SIGKILL to process 1; the kernel then kills its whole pid namespace. */
void spawn_kill(const struct spawn *s);

/**
 * spawn_reap() - collect the dead process 1
 * @ret_usage:  of the whole box: process 1 has reaped everything else
 *
 * Return: 0; -EAGAIN while it lives; negative errno
 */
int spawn_reap(struct spawn *s, struct rusage *ret_usage);

void spawn_close(struct spawn *s);
