/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Restrictions of mounts on kernels without mount_setattr(2) (Linux 5.10 and 5.11): mount by
 * mount, after they are attached. Async-signal-safe.
 */

#include <stdbool.h>

/**
 * remount() - add restrictions to one mount that we made ourselves
 * @path:   where it is attached
 * @flags:  MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC: all that it shall have
 *
 * Source: mount(2), "Remounting an existing mount"
 * Return: 0; -1 with errno
 */
int remount(const char *path, unsigned long flags);

/**
 * remount_tree() - add restrictions to a mount and to all below it, and make them private
 * @path:   where it is attached; absolute, without links
 * @flags:  as above; what a mount has already is kept, for it may be locked
 *
 * Reads /proc/self/mountinfo, see proc_pid_mountinfo(5). Return: 0; -1 with errno
 */
int remount_tree(const char *path, unsigned long flags);
