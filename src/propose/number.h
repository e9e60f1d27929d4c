/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers as people write them in programs and settings: found in a line, and written
 * again with another value in the same style.
 */

#include <stdbool.h>
#include <stddef.h>

#define NUMBER_TEXT_MAX 40

struct number {
	size_t off, len; /* of the digits in the line: no sign, no suffix */
	double value;    /* >= 0 */
	bool integer;
	int digits;          /* significant ones */
	int decimals;        /* behind the point */
	int exponent_digits; /* 0 = written without exponent */
	bool exponent_plus;
	char exponent_char;
};

/**
 * number_next() - the next number of a line that may be changed
 * @line:  without its newline
 * @pos:   where to look from, moved behind what was found; 0 for the first call
 *
 * Left out are digits of names (x86_64, utf8, UTF-8), versions and addresses (1.2.3),
 * dates (2024-01-31), hexadecimal and other bases, leading zeros (007), digit groups
 * (1_000), and comments: "# ...", "// ...", "-- ..." and "/" "*" where they begin the
 * line, " # ..." behind text and "// ..." behind the end of a statement.
 *
 * Return: true with @ret filled, false where there is none
 */
bool number_next(const char *line, size_t n, size_t *pos, struct number *ret);

/**
 * number_format() - write @value in the style of @n
 * @digits:  significant digits that the value needs; integers are rounded to them too,
 * and
 *           @n's own count is kept where it is larger (up to 6)
 * @out:     the text, NUL-terminated
 *
 * Return: false where the value does not fit the style
 */
bool number_format(const struct number *n, double value, int digits,
		   char out[NUMBER_TEXT_MAX]);

/**
 * number_name() - what the number belongs to: "lr" for "lr = 0.01", or ""
 * @line:   the line
 * @off:    where the number begins
 * @ret_n:  length of the name
 *
 * Return: the name's first byte in @line
 */
const char *number_name(const char *line, size_t off, size_t *ret_n);
