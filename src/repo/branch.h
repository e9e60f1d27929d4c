/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The branch autoexp/<tag> of a campaign. It moves only by compare-and-swap, and never
 * while a worktree has it checked out: moving it there would show every file as changed.
 */

#include "repo/repo.h"

#define TAG_MAX 64

/**
 * tag_check() - whether a text may name a campaign
 *
 * 1 to TAG_MAX of [A-Za-z0-9._-], and what git accepts in a reference: no leading dot or
 * dash, no "..", not ending in a dot or ".lock".
 *
 * Return: 0; -EINVAL
 */
int tag_check(const char *tag, struct sbx_err *err);

/* Tags of all branches autoexp/..., sorted; strv_free(). */
int branch_list(struct repo *repo, char ***ret, struct sbx_err *err);

/**
 * branch_create() - start the branch
 * @commit:  its first commit
 *
 * Return: 0; -EEXIST where it exists; -EBUSY where a worktree has it checked out;
 * -ENOTDIR where a branch "autoexp" or below "autoexp/<tag>/" is in the way
 */
int branch_create(struct repo *repo, const char *tag, const char *commit,
		  struct sbx_err *err);

/**
 * branch_tip() - the commit the branch is at
 *
 * Return: 0; -ENOENT where there is no such branch
 */
int branch_tip(struct repo *repo, const char *tag, char ret_hex[static COMMIT_HEX + 1],
	       struct sbx_err *err);

/**
 * branch_check_free() - nobody has the branch checked out
 *
 * Return: 0; -EBUSY, the message naming the worktree and the remedy
 */
int branch_check_free(struct repo *repo, const char *tag, struct sbx_err *err);

/**
 * branch_advance() - move the branch, durably
 * @from:  where it must be now
 * @to:    where it shall be; moving to where it already is does nothing
 *
 * Return: 0; -ESTALE where somebody else moved it; -EBUSY where a worktree has it checked
 *         out or another program holds its lock; -ENOENT where it is gone
 */
int branch_advance(struct repo *repo, const char *tag, const char *from, const char *to,
		   struct sbx_err *err);

/**
 * branch_recover() - remove what a killed supervisor left locked
 *
 * Call it with the campaign's lock held, before the first commit. Lock files of this
 * campaign's references that are still there after a moment are removed.
 */
int branch_recover(struct repo *repo, const char *tag, struct sbx_err *err);
