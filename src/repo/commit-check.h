/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether git still has what the journal says of an experiment.
 */

#include "repo/repo.h"

struct commit_claim {
	const char *commit;
	const char *parent;
	const char *path;    /* the only file that may differ */
	const char *content; /* name of its blob (blob.h), "" where nothing was changed */
};

/**
 * commit_check() - compare a commit with what is claimed of it
 * @ret_what:  where it is another: what is wrong, static; NULL where all is right
 *
 * Return: 0, also where it differs; -ENOMEM; other negative errno
 */
int commit_check(struct repo *repo, const struct commit_claim *claim,
		 const char **ret_what, struct sbx_err *err);
