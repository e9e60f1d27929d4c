/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What an experiment changed, as people read it.
 */

#include "repo/repo.h"

/**
 * diff_commits() - unified diff of one file between two commits
 * @from, @to:  commits
 * @path:       relative
 * @ret:        text appended, nothing where the contents are equal; raw bytes of
 * untrusted files: neutralise control characters before a terminal sees them
 *
 * Return: 0; -ENOENT where one of them has no file there; -EFBIG beyond 16 MiB
 */
int diff_commits(struct repo *repo, const char *from, const char *to, const char *path,
		 struct buf *ret, struct sbx_err *err);
