/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Watch one running box until nothing of it is left.
 */

#include "mount.h"
#include "notify.h"
#include "output.h"
#include "result.h"
#include "spawn.h"

struct monitor {
	const struct sbx_job *job;
	struct spawn *box;
	struct cgroup *cg;
	struct output *output;
	struct sbx_result *result; /* limits with their layers are filled in already */
	const volatile uint64_t *shm_bytes; /* of process 1, for the watchdog; or NULL */
	int signal_fd;             /* SIGINT, SIGTERM, SIGHUP */
	struct notify notify;      /* the same, and what it counts */
	struct mount_handles handles; /* received from the box; -EBADF until then */
};

/* Read what has arrived. Return: was there a wish to stop? */
bool monitor_take_signals(int signal_fd);

/**
 * monitor_run() - from the start of process 1 to the last process being gone
 * @m:    everything borrowed; handles and notify are set here and owned by the caller
 * @err:  the child's own account where it could not be set up
 *
 * Fills the result but for its verdict, which verdict_decide() draws from it. Return: 0, or
 * the negative errno with which set-up failed
 */
int monitor_run(struct monitor *m, struct sbx_err *err);
