/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One experiment, from a proposal to a row:
 *
 *	proposed -> committed -> running -> measured -> decided
 *
 * Each arrow is an event in the journal, written before what it announces. The stage is
 * that of the journal and nothing else, so a killed supervisor goes on at the same arrow.
 */

#include "loop/session.h"

/* Why the loop does not go on. */
enum loop_end {
	LOOP_ON,        /* it does */
	LOOP_CAP,       /* a cap forbids to */
	LOOP_STOPPED,   /* somebody wished so */
	LOOP_EXHAUSTED, /* the proposer has nothing left */
	LOOP_IDLE,      /* too many proposals in a row without a run */
	LOOP_BASELINE,  /* the starting point cannot be measured */
	LOOP_SETUP,     /* the box cannot be set up on this host */
	LOOP_TAMPER,    /* the private checkout was changed */
	_LOOP_END_MAX
};

struct loop_result {
	enum loop_end end;
	char reason[600]; /* one sentence for people */
};

/**
 * step_propose() - an experiment begins: its number is used from here on
 * @c:         number, description and content; content NULL where there is no valid edit
 * @proposer:  "builtin", "try"
 */
int step_propose(struct session *s, const struct candidate *c, const char *proposer,
		 struct sbx_err *err);

/* The same for experiment 0, the commit the campaign begins with. */
int step_baseline(struct session *s, struct sbx_err *err);

/**
 * step_finish() - bring the experiment in hand to its row
 * @ret:  LOOP_ON where it has one and the loop can go on
 *
 * Return: 0; negative errno where nothing can be recorded any more
 */
int step_finish(struct session *s, struct loop_result *ret, struct sbx_err *err);

/* Fill in an end. Return: 0 */
int loop_ends(struct loop_result *ret, enum loop_end end, const char *fmt, ...)
	attr_printf(3, 4);
