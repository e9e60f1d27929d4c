/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The second wall: what the mounts of the box already forbid is forbidden once more by rules
 * on paths, and signals and abstract sockets cannot leave the command's own tree. A mistake in
 * a mount is then not yet a way out.
 */

#include "plan.h"

/**
 * landlock_enter() - restrict the calling process and its children, for good
 * @plan:     tells which paths the box may write
 * @ret_abi:  the kernel's Landlock version; 0 where it has none that serves (Linux 5.19), and
 *            nothing is restricted
 *
 * Needs no_new_privs and the root of the box. Async-signal-safe.
 *
 * Source: landlock(7); kernel Documentation/userspace-api/landlock.rst
 * Return: 0, also without Landlock; negative errno
 */
int landlock_enter(const struct plan *plan, int *ret_abi, struct sbx_err *err);
