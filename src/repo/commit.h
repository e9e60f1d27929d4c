/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Each experiment is a commit whose only change is the target, kept reachable by
 * refs/autoexp/<tag>/NNNN whatever became of it.
 */

#include <stdint.h>

#include "repo/repo.h"

struct commit_spec {
	const char *tag;
	unsigned number;     /* of the experiment */
	const char *parent;  /* commit it changes */
	const char *path;    /* relative path of the target */
	const char *content; /* new content, or NULL: a commit that changes nothing */
	size_t len;
	const char *message; /* untrusted; made harmless and bounded here */
};

/**
 * commit_experiment() - commit a candidate and name it
 * @ret_hex:  the commit; on disk, and its reference too, when this returns
 *
 * Index, HEAD, branch and working tree are not touched. The file keeps its mode. Author:
 * the user's git identity, else autoexp <autoexp@localhost>. Costs six fsyncs.
 *
 * Return: 0; -EEXIST where refs/autoexp/<tag>/NNNN exists; -ENOENT where @path is no file
 * of
 *         @parent; -EBUSY where another program holds the reference's lock
 */
int commit_experiment(struct repo *repo, const struct commit_spec *spec,
		      char ret_hex[static COMMIT_HEX + 1], struct sbx_err *err);

/**
 * commit_name() - let refs/autoexp/<tag>/NNNN name a commit that is there
 *
 * Durable when it returns. Return: 0; -ENOENT where there is no such commit; -EEXIST where
 * the reference names another one
 */
int commit_name(struct repo *repo, const char *tag, unsigned number, const char *commit,
		struct sbx_err *err);

/**
 * commit_lookup() - the commit of one experiment
 *
 * Return: 0; -ENOENT where there is none
 */
int commit_lookup(struct repo *repo, const char *tag, unsigned number,
		  char ret_hex[static COMMIT_HEX + 1], struct sbx_err *err);

struct commit_ref {
	unsigned number;
	char hex[COMMIT_HEX + 1];
};

/**
 * commit_list() - every experiment of a campaign that has a commit
 * @ret:  array by rising number; the caller frees it; NULL where there are none
 */
int commit_list(struct repo *repo, const char *tag, struct commit_ref **ret,
		size_t *ret_n, struct sbx_err *err);

/**
 * commit_drop() - forget the reference of an experiment
 * @hex:  the commit it must name
 *
 * Return: 0; -ENOENT where there is none; -ESTALE where it names another commit
 */
int commit_drop(struct repo *repo, const char *tag, unsigned number, const char *hex,
		struct sbx_err *err);

/**
 * commit_tidy() - keep git quick
 * @number:  of the experiment just finished
 *
 * Call it after each experiment; nearly always it does nothing. Merges the small packs
 * that commit_experiment() wrote once there are many, and packs references now and then.
 * Safe at any moment; a failure harms nothing and is worth a warning.
 */
int commit_tidy(struct repo *repo, unsigned number, struct sbx_err *err);
