/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Untrusted bytes made fit for one line of a message, a table or a terminal. Printable
 * UTF-8 stays as it is; control and escape characters, invalid UTF-8, line separators and
 * the characters that reorder or hide text become \xNN, byte by byte. The backslash
 * stays: what is shown is for reading, not for decoding.
 */

#include "base/buf.h"

/**
 * escape_text() - untrusted bytes as one printable line
 * @out:   always NUL-terminated
 * @size:  of @out, at least 8; a longer text ends in "..." at a character's end
 *
 * Return: @out
 */
const char *escape_text(char *out, size_t size, const void *data, size_t n);

/* The same for a string. */
const char *escape_str(char *out, size_t size, const char *s);

/* The same, appended to a buffer without a bound. */
void escape_add(struct buf *b, const void *data, size_t n);
