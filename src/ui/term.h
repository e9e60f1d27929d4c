/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The terminal: what it can do, and how untrusted text reaches it. Descriptions come from a
 * model and output from a candidate; an escape sequence or a right-to-left override in them
 * must not repaint somebody's screen, so whatever is not plainly printable is shown as \xNN.
 */

#include <stdio.h>

#include "base/buf.h"

enum term_colour { TERM_PLAIN, TERM_BOLD, TERM_GREEN, TERM_RED, TERM_DIM, _TERM_MAX };

struct term {
	FILE *out;
	bool live;    /* can redraw a line: a terminal that is not "dumb" */
	bool colours; /* live, and NO_COLOR is not set */
	unsigned columns;
};

/* Look at @out and the environment. */
void term_init(struct term *t, FILE *out);

/* Ask for the width again: windows change. */
void term_measure(struct term *t);

/* The sequence that switches to @c, or "" where there are no colours. */
const char *term_colour(const struct term *t, enum term_colour c);

/**
 * term_escape() - text that is safe to print on one line
 * @text:  untrusted; controls, invalid UTF-8 and invisible direction marks become \xNN
 * @n:     its length
 * @out:   appended to
 */
void term_escape(const char *text, size_t n, struct buf *out);

/* The same as a string the caller frees, never NULL but for lack of memory. */
char *term_escaped(const char *text);

/* The longest prefix of escaped @s that is at most @columns code points wide, in bytes. */
size_t term_fit(const char *s, unsigned columns);
