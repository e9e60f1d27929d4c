/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside src/repo/ only: the names of our references and how one is written.
 */

#include "repo/git.h"

#define BRANCH_PREFIX "refs/heads/autoexp/"
#define REF_PREFIX    "refs/autoexp/"

/**
 * ref_make_dirs() - make the directories a reference will lie in, and sync what was made
 * @ref:  full name
 */
int ref_make_dirs(struct repo *repo, const char *ref, struct sbx_err *err);

/**
 * ref_write() - create or move a reference, durably
 * @from:  where it must be now, or NULL: it must not exist
 * @why:   for the reflog
 *
 * Return: 0; -EEXIST; -ESTALE where it is not at @from; -EBUSY where it stays locked
 */
int ref_write(struct repo *repo, const char *name, const git_oid *id, const git_oid *from,
	      const char *why, struct sbx_err *err);
