/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who the command is: uid and gid 1000 inside. Outside that is, for an ordinary user,
 * himself; for root an id that no account uses, so that what escapes is nobody. Root of a user
 * namespace that has no such id is the ordinary user he is outside of it.
 */

#include <sys/types.h>

#include "base/err.h"

#define IDMAP_INSIDE 1000

struct idmap {
	uid_t uid; /* outside */
	gid_t gid;
	bool root; /* we may map foreign ids and set groups */
};

/**
 * idmap_choose() - pick the outside ids for a box of this process
 * @ret:  filled; as root the ids differ between processes that are alive together
 */
int idmap_choose(struct idmap *ret, struct sbx_err *err);

/**
 * idmap_write() - map the ids of a child in a fresh user namespace
 * @pid:  the child, which has to wait meanwhile
 *
 * Source: user_namespaces(7)
 * Return: 0; negative errno
 */
int idmap_write(pid_t pid, const struct idmap *map, struct sbx_err *err);

/**
 * idmap_userns() - a user namespace that maps one owner on disk to the box's user
 * @owner, @group:  ids as stored in the file system
 * @ret_fd:         for mount_setattr(MOUNT_ATTR_IDMAP); the caller closes it
 *
 * Needs root. Source: mount_setattr(2), "ID-mapped mounts"
 */
int idmap_userns(const struct idmap *map, uid_t owner, gid_t group, int *ret_fd,
		 struct sbx_err *err);
