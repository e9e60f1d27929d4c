/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What must hold, or should be said, before a campaign starts: the target is a file of
 * HEAD, the files that will be measured are those the user sees, nothing needed is
 * missing from the commit.
 */

#include <stdint.h>

#include "repo/repo.h"

struct repo_target {
	char *path; /* relative */
	char blob[COMMIT_HEX + 1];
	bool executable;
	uint64_t size;
};

void repo_target_done(struct repo_target *t);

/**
 * repo_check_target() - the target is a regular file in HEAD
 * @path:  absolute
 * @ret:   filled on success only; the caller empties it with repo_target_done()
 * @err:   says what it is instead and what to type
 *
 * Return: 0; -ENOENT where nothing is there; -ENODATA where it is not in HEAD (untracked,
 *         ignored, or only staged); -ELOOP a symbolic link; -EISDIR a directory; -ENOTSUP
 * a submodule, inside one, or no regular file; -EXDEV outside the repository
 */
int repo_check_target(struct repo *repo, const char *path, struct repo_target *ret,
		      struct sbx_err *err);

/**
 * repo_dirty() - which files differ from HEAD in the working tree
 * @relpaths:  list of relative paths; what HEAD does not have as a file is passed over
 * @ret:       those that differ or are missing (strv_free())
 *
 * A file that equals HEAD after the line-ending conversion of git is not dirty.
 */
int repo_dirty(struct repo *repo, char *const *relpaths, char ***ret,
	       struct sbx_err *err);

#define REPO_LIST_MAX 20 /* names are for a message; more would not be read */

/**
 * repo_list_absent() - what a commit names but does not hold
 * @commit:          commit, or NULL for HEAD
 * @ret_lfs:         at most REPO_LIST_MAX files whose content is kept by git-lfs
 * @ret_submodules:  at most REPO_LIST_MAX submodules
 *
 * Both exist only in the user's working tree; `show:` makes them visible in the box.
 */
int repo_list_absent(struct repo *repo, const char *commit, char ***ret_lfs,
		     char ***ret_submodules, struct sbx_err *err);
