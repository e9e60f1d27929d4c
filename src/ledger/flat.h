/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reads one JSON object of the kind the journal is made of: no blanks, members that are
 * strings, numbers, words, or lists of strings and numbers. A campaign of 100,000
 * experiments has half a million lines to read at every start; jansson takes 3 µs and
 * twenty allocations for each, this a tenth and none.
 */

#include <stdint.h>

#include "base/buf.h"

#define FLAT_MAX 32 /* members and items of an object */

enum flat_type { FLAT_STRING, FLAT_NUMBER, FLAT_WORD, FLAT_LIST };

struct flat_value {
	const char *key; /* NULL of an item */
	enum flat_type type;
	const char *text; /* unescaped, ends with NUL; not of a list */
	unsigned n;       /* of a list: items, which follow it */
};

/* An all-zero struct is empty; its memory is used again by the next flat_parse(). */
struct flat {
	struct flat_value values[FLAT_MAX];
	unsigned n;
	char *text; /* the line, unescaped in place, strings ended by NUL */
	size_t size;
};

/* Return: 0; -EBADMSG where it is no such object; -ENOMEM */
int flat_parse(struct flat *f, const char *line, size_t n);

/* The member @key, or NULL. */
const struct flat_value *flat_get(const struct flat *f, const char *key);

void flat_done(struct flat *f);
