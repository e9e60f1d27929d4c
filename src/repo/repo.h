/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The repository a campaign works on, seen without git2.h: where it is, what is in its
 * commits. Only this folder includes git2.h, and nothing in it writes the index, HEAD or
 * the working tree, or lets a program named by the repository's configuration run:
 * libgit2 runs no hooks, and blobs are read and written raw, past every filter.
 *
 * Paths called "relative" are below the working directory, with single slashes, without
 * "." and "..", as git writes them. Commits are 40 hexadecimal digits (COMMIT_HEX in
 * model.h).
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "model.h"

struct repo;

/* What a commit has at a path. */
enum repo_kind {
	REPO_ABSENT,
	REPO_FILE,
	REPO_EXECUTABLE,
	REPO_SYMLINK,
	REPO_DIR,
	REPO_SUBMODULE,
	_REPO_KIND_MAX
};

/**
 * repo_open() - find and open the repository that holds a path
 * @path:  an existing file or directory inside a working tree; links on the way are
 * resolved
 * @ret:   set on success only; the caller frees it with repo_close()
 * @err:   filled on failure with the remedy, may be NULL
 *
 * GIT_DIR and its like are ignored. Linked worktrees work. Initialises libgit2 and its
 * options (fsync on, ownership validated, small caches); repo_close() shuts it down.
 *
 * Return: 0; -ENOENT where there is no repository; -EPERM where it belongs to somebody
 * else; -EINVAL where it is bare, or @path lies in its .git; -ENODATA where it has no
 *         commit; -ENOTSUP for a repository format that libgit2 cannot read
 */
int repo_open(const char *path, struct repo **ret, struct sbx_err *err);

/* NULL is fine. */
void repo_close(struct repo *repo);

static inline void cleanup_repo_p(struct repo **repo)
{
	repo_close(*repo);
}

#define cleanup_repo cleanup(cleanup_repo_p)

/* The top of the working tree: an absolute path without links and trailing slash. */
const char *repo_workdir(const struct repo *repo);

/* The git directory that all worktrees share, absolute, no trailing slash. */
const char *repo_common_dir(const struct repo *repo);

/**
 * repo_head() - the commit that HEAD names now
 * @ret_hex:     the commit
 * @ret_branch:  its branch without refs/heads/, or NULL where HEAD is detached; the
 * caller frees it. May be NULL
 */
int repo_head(struct repo *repo, char ret_hex[static COMMIT_HEX + 1], char **ret_branch,
	      struct sbx_err *err);

/**
 * repo_relpath() - an absolute path as git names it
 * @path:  absolute; need not exist. Links in its directories are resolved, the last part
 * is not, so that a link is seen as a link
 * @ret:   relative path, "" for the working directory itself; the caller frees it
 *
 * Return: 0; -EXDEV outside the working directory; -EINVAL inside .git or not absolute
 */
int repo_relpath(struct repo *repo, const char *path, char **ret, struct sbx_err *err);

/**
 * repo_has_path() - what a commit has at a path
 * @commit:  commit, or NULL for HEAD
 * @ret:     REPO_ABSENT where nothing is there; that is no error
 */
int repo_has_path(struct repo *repo, const char *commit, const char *relpath,
		  enum repo_kind *ret, struct sbx_err *err);

/**
 * repo_read() - raw content of a file in a commit, past every filter
 * @commit:  commit, or NULL for HEAD
 * @max:     a longer file is -EFBIG, found before it is read
 * @ret:     appended to
 *
 * Return: 0; -ENOENT; -EISDIR or -EINVAL where it is no file (of a link: its target is
 * read)
 */
int repo_read(struct repo *repo, const char *commit, const char *relpath, size_t max,
	      struct buf *ret, struct sbx_err *err);

/**
 * repo_has_commit() - whether a commit is in the object database
 *
 * Return: 1 if it is; 0 if not, or where @commit is no commit's name; negative errno
 */
int repo_has_commit(struct repo *repo, const char *commit, struct sbx_err *err);

/**
 * repo_exclude() - keep .autoexp/ out of the user's git status
 *
 * Adds the line "/.autoexp/" to info/exclude of the common directory where it is missing;
 * everything else in the file stays. The file is replaced as a whole or not at all.
 */
int repo_exclude(struct repo *repo, struct sbx_err *err);
