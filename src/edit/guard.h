/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * May this content be a candidate? Asked for every proposer and for `try` before anything
 * is committed, and answered without running anything.
 */

#include "base/cleanup.h"
#include "base/err.h"
#include "model.h"

#define TARGET_BYTES_MAX (1024 * 1024)

enum guard_answer {
	GUARD_RUN,     /* commit and run it */
	GUARD_NO_EDIT, /* a crash row, VERDICT_NO_EDIT: none, a no-op, too large, not text
			*/
	GUARD_DUPLICATE, /* a discard row: an earlier experiment had this content */
	_GUARD_MAX
};

struct guard_result {
	enum guard_answer answer;
	unsigned same_as;         /* GUARD_DUPLICATE: the number of the first one */
	struct decision decision; /* the row to write; undefined for GUARD_RUN */
};

struct guard;

/* Contents seen so far: none. Return: 0; -ENOMEM */
int guard_new(struct guard **ret);
void guard_free(struct guard *g);

/**
 * guard_note() - remember the content of an experiment, the baseline included
 *
 * A content noted before keeps its first number. Return: 0; -ENOMEM
 */
int guard_note(struct guard *g, unsigned number, const char *content, size_t len);

/**
 * guard_check() - may it be a candidate?
 * @g:          does not learn of @content; see guard_note()
 * @incumbent:  the target's content now
 * @content:    proposed; NULL where there was no valid edit
 */
void guard_check(const struct guard *g, const char *incumbent, size_t incumbent_len,
		 const char *content, size_t len, struct guard_result *ret);

/* Is a target of @len bytes something that can be edited? Return: 0; -EFBIG */
int guard_check_target(size_t len, struct sbx_err *err);

static inline void cleanup_guard_p(struct guard **g)
{
	guard_free(*g);
}

#define cleanup_guard cleanup(cleanup_guard_p)
