/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside src/repo/ only: what an open repository is made of, libgit2's objects with
 * owners, and libgit2's errors as ours.
 */

#include <git2.h>

#include "repo/repo.h"

struct repo {
	git_repository *git;
	git_odb *odb;
	git_odb_backend
		*memory; /* new objects gather here until they are packed; of odb */
	char *workdir;
	char *common;
};

/**
 * git_fail() - record what libgit2 reports
 * @code:  its return value, negative
 *
 * The sentence gets libgit2's own message behind it.
 *
 * Return: the negative errno nearest to @code
 */
int git_fail(struct sbx_err *err, int code, const char *fmt, ...) attr_printf(3, 4);

/**
 * git_add_memory() - put a store in memory in front of an object database
 * @ret:  borrowed from @odb
 *
 * Return: 0; an error of libgit2
 */
int git_add_memory(git_odb *odb, git_odb_backend **ret);

/**
 * git_commit_of() - look a commit up by name
 * @hex:  40 digits, or NULL for the commit HEAD names
 * @ret:  the caller frees it
 *
 * Return: 0; -ENOENT; -EINVAL where @hex is no object name; other negative errno
 */
int git_commit_of(struct repo *repo, const char *hex, git_commit **ret,
		  struct sbx_err *err);

/**
 * git_entry_of() - the tree entry of a path in a commit
 * @ret:  the caller frees it
 *
 * Return: 0; -ENOENT where the commit has nothing there, @err left alone
 */
int git_entry_of(struct repo *repo, const char *hex, const char *relpath,
		 git_tree_entry **ret, struct sbx_err *err);

/* How a tree entry is seen outside; REPO_ABSENT for what git does not know. */
enum repo_kind git_kind_of(const git_tree_entry *e);

#define CLEANUP_GIT(type)                                         \
	static inline void cleanup_git_##type##_p(git_##type **p) \
	{                                                         \
		git_##type##_free(*p);                            \
	}

CLEANUP_GIT(blob)
CLEANUP_GIT(branch_iterator)
CLEANUP_GIT(commit)
CLEANUP_GIT(index)
CLEANUP_GIT(odb)
CLEANUP_GIT(packbuilder)
CLEANUP_GIT(patch)
CLEANUP_GIT(reference)
CLEANUP_GIT(reference_iterator)
CLEANUP_GIT(signature)
CLEANUP_GIT(tree)
CLEANUP_GIT(tree_entry)

#define cleanup_git(type) cleanup(cleanup_git_##type##_p)
