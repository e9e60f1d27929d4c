/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What this kernel has of the things that came with some version of Linux. Each is tried, and
 * none is concluded from a version number: distributions carry changes back.
 */

#include <stdbool.h>
#include <stddef.h>

struct probe {
	const char *name;
	const char *since; /* the version that brought it */
	const char
		*stands_in; /* what is used where it is missing; NULL: nothing, no box */
	bool (*has)(int leaf_fd);
};

extern const struct probe probe_table[];
extern const size_t probe_count;

/**
 * probe_has() - is it there?
 * @index:    into probe_table
 * @leaf_fd:  a cgroup below the top with its controllers, for what shows only there; or
 *            -EBADF, and such features count as missing
 */
bool probe_has(size_t index, int leaf_fd);
