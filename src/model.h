/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The plain values that travel from stage to stage of one iteration:
 *
 *	candidate (propose, edit) -> outcome (run, measure) -> decision (judge) -> ledger
 *
 * Nothing here has behaviour beyond its names, and only a candidate owns memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METRICS_MAX 2
#define COMMIT_HEX  40

/* The three statuses a row can have: the words are the format's. */
enum status { STATUS_KEEP, STATUS_DISCARD, STATUS_CRASH, _STATUS_MAX };

/*
 * How a trial ended: the box's verdicts (sandbox.h) and what only the supervisor can see. The
 * names stand in run.json, the journal and the description of a crash row.
 */
enum verdict {
	VERDICT_OK,
	VERDICT_EXIT,
	VERDICT_SIGNAL,
	VERDICT_VIOLATION,
	VERDICT_PIDS_LIMIT,
	VERDICT_CPU_LIMIT,
	VERDICT_TIMEOUT,
	VERDICT_OOM,
	VERDICT_INTERRUPTED, /* never a row: the run is pending */
	VERDICT_SETUP_ERROR, /* never a row: the host's failure */
	VERDICT_NO_METRIC,
	VERDICT_NOT_FINITE,
	VERDICT_AMBIGUOUS,
	VERDICT_NO_EDIT,
	VERDICT_BAD_TARGET,
	VERDICT_TAMPER, /* stops the campaign */
	_VERDICT_MAX
};

/* One proposed content of the target. Experiment 0 is the baseline. */
struct candidate {
	unsigned number;
	char *description; /* one line, from the proposer: untrusted */
	char *content;     /* the whole target; NULL when there is no valid edit */
	size_t len;
	char commit[COMMIT_HEX + 1]; /* "" until committed */
};

/* What was measured in one run. */
struct outcome {
	enum verdict verdict;
	char reason[256]; /* one true sentence; untrusted text in it is already escaped */
	double metrics
		[METRICS_MAX]; /* in the order of the configuration; valid when OK */
	uint64_t wall_us, cpu_us, memory_peak_bytes;
	int exit_code, signal;
};

/* What is done about it. */
struct decision {
	enum status status;
	char reason[256]; /* one true sentence with the numbers that decided */
};

/* The word for a status or verdict in rows, records and the journal. */
const char *status_name(enum status s);
const char *verdict_name(enum verdict v);

/* The value a word stands for, or -1. */
int status_find(const char *name);
int verdict_find(const char *name);

/* Free what a candidate owns and empty it. */
void candidate_done(struct candidate *c);

#define cleanup_candidate __attribute__((__cleanup__(candidate_done)))
