/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The mount API by descriptors, and the carrying out of a plan inside the child. Everything
 * here is async-signal-safe: no heap, no stdio.
 */

#include <stdint.h>
#include <sys/types.h>

#include "plan.h"

/* A detached copy of the mount at @path. Return: descriptor; negative errno */
int mount_clone(int dir_fd, const char *path, bool recursive);

/* Read-only, nosuid and, except for single device nodes, nodev; private; the whole tree. */
int mount_restrict(int mount_fd, bool device);

/* Show files of the ids in @userns_fd as those of the box's user. */
int mount_set_idmap(int mount_fd, int userns_fd);

/* What the parent wants to look at when the box is gone. */
struct mount_handles {
	int scratch; /* root of the scratch tmpfs: how much is in use */
	int out;     /* the same of $AUTOEXP_OUT */
	int target;  /* the directory that holds the private copy of the target */
};

/**
 * mount_root() - make the planned root and move into it
 * @plan:  with its sources opened
 * @ret:   O_PATH descriptors, set on success
 *
 * The old root is gone afterwards. Needs CAP_SYS_ADMIN in the caller's user namespace, and
 * the caller's ids mapped in it.
 *
 * Source: pivot_root(2), fsopen(2), move_mount(2), mount_setattr(2)
 */
int mount_root(const struct plan *plan, struct mount_handles *ret, struct sbx_err *err);
