/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A framework's own word for having run out of memory, found in what the command prints. It
 * is for people who read a record, and never a verdict: anybody can print it.
 */

#include <stddef.h>

#define LABEL_CARRY 40

struct label {
	const char *found; /* a phrase of the table; NULL = none so far */
	char carry
		[LABEL_CARRY]; /* the end of the bytes before, where a phrase may begin */
	size_t n_carry;
};

/* Look at the next bytes of one stream. The first phrase stays. */
void label_feed(struct label *l, const char *data, size_t n);
