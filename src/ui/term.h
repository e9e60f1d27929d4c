/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the terminal can do. Untrusted text goes through base/escape.h before it comes
 * here.
 */

#include <stdio.h>

#include "base/macro.h"

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

/* The longest prefix of escaped @s that is at most @columns code points wide, in bytes. */
size_t term_fit(const char *s, unsigned columns);
