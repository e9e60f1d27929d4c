/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A cgroup of our own from systemd: a scope with Delegate=yes, as `systemd-run --scope` makes
 * it, but with this very process in it: nothing is executed again, so descriptors, terminal,
 * parent and exit status stay what they were.
 */

#include "base/err.h"

/* Set to "no" in the environment, it keeps us from asking systemd for anything. */
#define SCOPE_VARIABLE "AUTOEXP_SCOPE"

/**
 * scope_enter() - have systemd move this process into a new delegated scope
 *
 * Root asks the system's manager, anybody else his own. The scope goes away with its last
 * process.
 *
 * Source: org.freedesktop.systemd1(5), "StartTransientUnit()"; systemd's
 * CGROUP_DELEGATION.md
 * Return: 0; -ENOENT where systemd does not run this host, @err left alone; other negative
 * errno with the reason and what to do, also where SCOPE_VARIABLE forbids it
 */
int scope_enter(struct sbx_err *err);

/* Does the cgroup path @path (of /proc/self/cgroup) lie in a scope that we got this way? */
bool scope_is_own(const char *path);

/* Does @part occur in the path of this process's cgroup? */
bool scope_is_inside(const char *part);
