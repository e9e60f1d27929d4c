/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The campaign: baseline, then propose, measure, keep or revert, until something ends it.
 */

#include "loop/step.h"

/**
 * loop_run() - go on until a cap, the proposer, the user or the host ends it
 * @s:    open
 * @ret:  why it ended, also written to the journal
 *
 * Return: 0; negative errno where nothing can be recorded any more
 */
int loop_run(struct session *s, struct loop_result *ret, struct sbx_err *err);

/* One experiment for `try`. */
struct try_result {
	unsigned number;
	struct decision decision;
	struct loop_result end; /* LOOP_ON: it has a row */
};

/**
 * loop_try() - measure a given content: after what was pending, and the baseline
 * @description:  one line, untrusted
 *
 * Return: 0; negative errno as loop_run()
 */
int loop_try(struct session *s, const char *content, size_t len, const char *description,
	     struct try_result *ret, struct sbx_err *err);
