/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The private checkout: what the box sees as the repository. Made once from a commit, raw
 * and in full, and compared with it after each run.
 */

#include "repo/repo.h"

/* A place in the checkout on which the box mounts something. */
struct checkout_mount {
	const char *path; /* relative */
	bool dir;         /* directory, or file */
	bool scratch;     /* writable: must not hide what is tracked; a shown path may */
};

/**
 * checkout_make() - write the files of a commit
 * @commit:  commit
 * @dir:     absolute path of the checkout; its parent exists and is ours alone.
 * "<dir>.tmp" and "<dir>.manifest" beside it belong to the checkout
 * @mounts:  @n_mounts places that get an empty directory or file where the commit has
 *           nothing; directories on the way are made
 *
 * Files are 0644 or 0755, directories 0755, links are links, submodules empty
 * directories, whatever the umask and the attributes in the repository say. A checkout
 * already there is used again when it still is what it should be, also after a power
 * loss, else made anew. The work is done in a child, so that large files do not grow the
 * caller.
 *
 * Return: 0; -EEXIST where a scratch path would hide tracked files; -ENOTDIR where a
 *         mount's path leads through a file or link, or is tracked as another kind;
 * -EINVAL for a path or tree that leaves the directory; other negative errno
 */
int checkout_make(struct repo *repo, const char *commit, const char *dir,
		  const struct checkout_mount *mounts, size_t n_mounts,
		  struct sbx_err *err);

/**
 * checkout_verify() - compare the checkout with its commit
 * @commit:    the commit it was made from
 * @dir:       as for checkout_make()
 * @ret_what:  where it differs: one sentence naming the path, the caller frees it; NULL
 *             where it does not
 *
 * Names, types, modes and contents are compared, extra files found. Files whose inode,
 * size, mtime and ctime are those of the making are not read again: no program can set a
 * ctime.
 *
 * Return: 0, also where it differs; -ENOENT where there is no complete checkout of
 * @commit; other negative errno
 */
int checkout_verify(const char *commit, const char *dir, char **ret_what,
		    struct sbx_err *err);
