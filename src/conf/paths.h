/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Paths as text: normal forms and containment, without looking at the file system.
 * Private to this folder.
 */

#include "base/macro.h"

/**
 * path_normal() - drop "." parts and doubled or trailing slashes
 * @path:         absolute or relative
 * @ret:          allocated; "." where nothing is left of a relative path, "/" of an
 * absolute
 * @ret_problem:  set on -EINVAL: "is empty", "has a '..' part", ... ; static
 *
 * Return: 0; -EINVAL; -ENOMEM
 */
int path_normal(const char *path, char **ret, const char **ret_problem);

/* @path is @dir or something below it; both normal, both absolute or both relative. */
bool path_within(const char *path, const char *dir);

/* @path below @dir, or @path itself where it is absolute. NULL: out of memory */
char *path_join(const char *dir, const char *path);

/* Whether a part of @path is called @name. */
bool path_has_part(const char *path, const char *name);
