/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Why something of cgroup v2 cannot be had here, in one sentence with its remedy. Each cause
 * has its own: who has to do what about it differs.
 */

#include <stdbool.h>
#include <stddef.h>

/**
 * cgroup_why_controller() - why a leaf below @parent_fd lacks a controller
 * @parent_fd:   a group; the groups above it are looked at as well
 * @controller:  its name
 * @refused:     errno with which the kernel refused to enable it in @parent_fd; 0 = it did not
 *
 * Source: kernel Documentation/admin-guide/cgroup-v2.rst, "Enabling and Disabling",
 * "No Internal Process Constraint", "Threads"
 */
void cgroup_why_controller(int parent_fd, const char *controller, int refused, char *out,
			   size_t size);

/**
 * cgroup_why_no_leaf() - why no group can be made in @parent_fd
 * @r:  negative errno of mkdir; -EOPNOTSUPP: it was made, but cannot hold processes
 */
void cgroup_why_no_leaf(int parent_fd, int r, char *out, size_t size);

/* Is @controller bound to cgroup v1? @proc_cgroup: the text of /proc/self/cgroup */
bool cgroup_on_v1(const char *proc_cgroup, const char *controller);

/* Has the host no swap? @proc_swaps: the text of /proc/swaps, "" when it cannot be read */
bool cgroup_no_swap(const char *proc_swaps);
