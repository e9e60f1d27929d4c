/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The experiment in hand while it is worked on. Private to step.c, attempt.c (its content
 * and its commit) and decide.c (from an outcome to a row).
 */

#include "ledger/lock.h"
#include "loop/step.h"

struct attempt {
	struct session *s;
	const struct campaign *c;
	struct journal_event ev[4]; /* that wait to be written together */
	size_t n_ev;
	struct buf content;
	bool has_content;
	char commit[COMMIT_HEX + 1];
	char boot_id[BOOT_ID_SIZE];
	struct outcome outcome;
	bool has_outcome;
	struct measurement m;
	bool has_measurement;
	struct decision decision;
	const double *metrics; /* of the row */
};

void attempt_done(struct attempt *a);

/* One more event of this experiment, written by attempt_flush(). */
struct journal_event *attempt_event(struct attempt *a, enum journal_kind kind);
int attempt_flush(struct attempt *a, struct sbx_err *err);

/**
 * attempt_take_up() - content and commit of the experiment that the journal calls pending
 *
 * Makes the commit where there is none yet; its event then waits. A run that its
 * supervisor did not outlive is recorded as interrupted.
 */
int attempt_take_up(struct attempt *a, struct sbx_err *err);

/* Can it be decided without a run? Return: true with .decision and .metrics */
bool attempt_needs_no_run(struct attempt *a);

/* The outcome's event. */
void attempt_add_outcome(struct attempt *a);

/* Write the decision that stands in @a, with what waits, and carry it out. */
int attempt_decide(struct attempt *a, struct sbx_err *err);

/* The private checkout against the commit: a difference becomes the outcome. */
int attempt_verify(struct attempt *a, struct sbx_err *err);

/* From an outcome to a row; its event waits in @a unless the journal has it already. */
int attempt_judge(struct attempt *a, struct loop_result *ret, struct sbx_err *err);
