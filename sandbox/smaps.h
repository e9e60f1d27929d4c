/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What /proc/PID/smaps and smaps_rollup say about shared memory.
 */

#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"

/* One mapping of a file of @dev: its inode, where it lies, and its share of the pages. */
typedef void smaps_fn(void *user, uint64_t inode, const char *range, uint64_t pss_bytes);

/**
 * smaps_anon() - anonymous memory of one process, shared pages divided by those who share
 * @pid_fd:  /proc/PID
 *
 * Return: 0; negative errno, -ENODATA before Linux 5.3
 */
int smaps_anon(int pid_fd, uint64_t *ret_bytes);

/**
 * smaps_shared() - call @fn for each mapping of a file on one device
 * @file:         "smaps"; or "maps", which is quick and knows no pages
 * @deadline_us:  when to give up, CLOCK_MONOTONIC
 *
 * Return: 0; -ETIMEDOUT; other negative errno
 */
int smaps_shared(int pid_fd, const char *file, dev_t dev, uint64_t deadline_us,
		 smaps_fn *fn, void *user);
