/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A campaign as it happens: one line for each experiment, and on a terminal a last line
 * that lives while a run lasts. Warnings go to stderr.
 */

#include "loop/session.h"
#include "ui/term.h"

struct watch {
	struct term term;
	bool quiet;      /* only warnings: `try --json` */
	bool line_shown; /* the live line is on the screen */
	bool told_box;   /* the enforcement was printed */
	struct loop_observer observer;
};

/* Fill @w, .observer included; @w must not move afterwards. */
void watch_init(struct watch *w, FILE *out, bool quiet);

/* Take the live line off the screen. */
void watch_clear(struct watch *w);
