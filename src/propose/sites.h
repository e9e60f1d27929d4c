/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What may be changed in a target: lines that a slot of the pool knows, and numbers.
 * Found in one pass, with a fingerprint of the whole that can be carried over an edit
 * without building the edited text.
 */

#include <regex.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "propose/number.h"

struct config_proposer;

/*
 * Bounds for generated files: a table of a hundred thousand numbers is sampled, and what
 * is sampled depends on the positions only, so that it stays the same while values
 * change.
 */
#define NUMBER_SITES_MAX 4096
#define POOL_SITES_MAX   256

/* A line of the target, its end-of-line characters included. */
struct line_span {
	size_t number; /* from 1 */
	size_t off, len;
};

struct pool_site {
	struct line_span line;
	size_t off, len;  /* the text between the blanks, in the target */
	size_t slot, alt; /* which line of the pool it is */
	size_t ordinal;   /* among the sites of this slot, from 0 */
};

struct number_site {
	struct line_span line;
	struct number number; /* number.off counts from the line's first byte */
	uint64_t key; /* stays the same while only numbers and pool lines change */
};

struct sites {
	struct pool_site *pool;
	size_t n_pool;
	struct number_site *numbers;
	size_t n_numbers;
	struct digest digest;
};

/* One replacement; no two on the same line. */
struct site_edit {
	struct line_span line;
	size_t off, len;  /* what is replaced, in the target */
	const char *text; /* borrowed, not terminated */
	size_t text_len;
};

/* The pool and the rule for numbers, made ready for searching. */
struct finder {
	const struct config_proposer *conf;
	regex_t numbers;
	bool has_regex;
	struct digest_map alts; /* text of an alternative -> slot << 16 | alt */
};

/**
 * finder_init() - get ready
 * @conf:  borrowed until finder_done()
 *
 * Return: 0; -EINVAL where `numbers:` is no usable regex or the pool is too large;
 * -ENOMEM
 */
int finder_init(struct finder *f, const struct config_proposer *conf,
		struct sbx_err *err);
void finder_done(struct finder *f);

/* Which line of the pool is this, blanks around it aside? */
bool finder_lookup(const struct finder *f, const char *text, size_t n, size_t *ret_slot,
		   size_t *ret_alt);

/* The text of an alternative without blanks around it. */
const char *finder_alt(const struct finder *f, size_t slot, size_t alt, size_t *ret_n);

/* Everything that may be changed. Return: 0; -ENOMEM */
int sites_find(const struct finder *f, const char *content, size_t len,
	       struct sites *ret);
void sites_done(struct sites *s);

/* The fingerprint alone: a sum over the lines. */
struct digest sites_digest(const char *content, size_t len);

/* What an edit adds to the fingerprint. Return: 0; -ENOMEM */
int sites_edit_digest(const char *content, const struct site_edit *e, struct digest *ret);

/* The next line; false at the end. Start with a zeroed @line. */
bool line_next(const char *content, size_t len, struct line_span *line);

/* What identifies a number in a target: its line, and which one of the line it is. */
uint64_t site_line_key(const struct line_span *line, const char *text);
uint64_t site_number_key(uint64_t line_key, uint64_t ordinal);

static inline struct digest digest_sum(struct digest x, struct digest y)
{
	return (struct digest){ x.a + y.a, x.b + y.b };
}

/* Apply edits in any order; @edits is sorted on return. Appends to @ret. */
void sites_apply(const char *content, size_t len, struct site_edit *edits, size_t n,
		 struct buf *ret);

#define cleanup_sites cleanup(sites_done)
