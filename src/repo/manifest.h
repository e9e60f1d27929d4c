/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside src/repo/ only: the list of everything a checkout consists of.
 */

#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "repo/repo.h"

enum manifest_type { MANIFEST_FILE = 'f', MANIFEST_LINK = 'l', MANIFEST_DIR = 'd' };

struct manifest {
	FILE *out;
	char *path;
	uint64_t files; /* records that are no directories */
	uint64_t records;
	bool failed;
};

/**
 * manifest_begin() - start "<dir>.manifest", under a temporary name
 * @key:  what the checkout was made from: a later question with another key finds none
 */
int manifest_begin(struct manifest *m, const char *dir, const char *key,
		   struct sbx_err *err);

/**
 * manifest_put() - one file, link or directory; write errors show up in manifest_end()
 * @st:    as it lies there now
 * @size:  bytes, or the number of names in a directory
 * @blob:  40 digits; NULL for a directory
 * @path:  relative; "." for the checkout itself
 */
void manifest_put(struct manifest *m, enum manifest_type type, const struct stat *st,
		  uint64_t size, const char *blob, const char *path);

/* Give it its name: from now on there is a checkout. */
int manifest_end(struct manifest *m, struct sbx_err *err);

/* Forget an unfinished one; also fine after manifest_end(). */
void manifest_done(struct manifest *m);

/**
 * manifest_verify() - compare what lies in @dir with its manifest
 * @key:       as for manifest_begin(), or a beginning of it
 * @ret_what:  one sentence naming the difference, or NULL where there is none
 *
 * Return: 0; -ENOENT where there is no complete manifest for @key; other negative errno
 */
int manifest_verify(const char *dir, const char *key, char **ret_what,
		    struct sbx_err *err);

#define cleanup_manifest cleanup(manifest_done)
