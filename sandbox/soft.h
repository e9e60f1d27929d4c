/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The watchdog that stands in where cgroup v2 cannot hold a limit: it looks at the tree from
 * outside, from time to time, and whoever asked for it has accepted that a quick program can
 * be over the limit between two looks.
 */

#include <sys/types.h>

#include "base/err.h"

struct soft_usage {
	uint64_t memory_bytes; /* private memory, the largest shared memory, tmpfs */
	uint64_t cpu_us;       /* of the living and of those they have reaped */
	uint64_t pids;         /* processes and threads, without process 1 */
};

/**
 * soft_sample() - add up what the tree of process 1 uses now
 * @init:        process 1 of the box, in our pid namespace
 * @scratch_fd:  the scratch tmpfs, whose pages belong to no process; or -EBADF
 *
 * What no file of /proc attributes to a process is not seen: memfds and System V segments
 * that are not mapped, pipe and socket buffers, page tables.
 *
 * Source: proc(5), "/proc/pid/task/tid/children", "/proc/pid/status"
 */
void soft_sample(pid_t init, int scratch_fd, struct soft_usage *ret);

/**
 * soft_interval_us() - when to look again
 *
 * The closer to the limit the sooner: at most 50 ms, at least 2 ms, assuming that memory is
 * touched at no more than 4 GiB a second.
 */
uint64_t soft_interval_us(uint64_t memory_bytes, uint64_t memory_limit);
