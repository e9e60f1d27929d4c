/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The checksum that ends every line of the journal:
 *
 *	{"seq":7,"t":"...","event":"run",...,"sum":"0123456789abcdef"}
 *
 * It is a 64-bit FNV-1a over the bytes before `,"sum"`, begun with the sum of the line
 * before. Each step of it is a bijection, so one changed byte always changes the sum;
 * chained, a line that is missing, doubled or moved is found as well. It finds damage, not
 * forgery: who can write the file can also compute sums.
 *
 * Source: FNV-1a, draft-eastlake-fnv
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct chain {
	uint64_t sum; /* of the last good line */
	uint64_t seq; /* kept by who reads the lines */
};

#define CHAIN_INIT                           \
	{                                    \
		.sum = 0xcbf29ce484222325ULL \
	}

/* A line without its newline everywhere. */

/* Whether the line is whole, and follows the one whose sum @before is. */
bool chain_follows(uint64_t before, const char *line, size_t n, uint64_t *ret_sum);

/* The sum that the line claims to have, whether or not it is right. */
bool chain_claim(const char *line, size_t n, uint64_t *ret_sum);

/* Whether a line ends inside: two lines whose newline was damaged. */
bool chain_has_end_inside(const char *line, size_t n);

/**
 * chain_mend() - find the one byte of a line that was changed
 * @line:  changed in place where it is found
 * @next:  the line behind it, or NULL: a line whose own sum was hit is known by it
 *
 * Because each step can be undone, the state behind every byte is known from both ends,
 * and a byte that joins the two is the one that stood there. That a line of 300 bytes has
 * such a byte by chance is once in 10^14.
 *
 * Return: whether the line follows now
 */
bool chain_mend(uint64_t before, char *line, size_t n, const char *next, size_t next_n);

/* Close the JSON object that begins at @start of @out: sum, brace, newline. */
void chain_close(struct chain *c, struct buf *out, size_t start);
