/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What people read before the first experiment and after the last.
 */

#include "base/json.h"
#include "conf/config.h"
#include "ledger/resume.h"
#include "ui/term.h"

/* The plan: target, harness, metrics, caps with their defaults, limits, box. */
struct report_plan {
	const struct config *config;
	const struct campaign *campaign;
	const char *target; /* path in the repository */
	const uint64_t *limits;
	const char *cpuset; /* "" = any CPU */
	const char *enforcement; /* "" = not known yet */
	bool fresh;         /* the campaign begins now */
	bool proposes; /* not `try` */
};

void report_plan(const struct term *t, const struct report_plan *p);

/* Where a campaign got to. */
struct report_end {
	const struct config *config;
	const struct campaign *campaign;
	const char *target; /* path in the repository */
	const char *workdir;
	const char *reason; /* why it ended, or NULL */
	uint64_t active_us;
};

void report_end(const struct term *t, const struct report_end *e);

/* "val_bpb 2.41"; for two metrics both. @size of at least 200 */
const char *report_metrics(char *out, size_t size, const struct config *c,
			   const double *metrics);

/* "7 of 50 experiments, 0.00 of 10.00 USD, 3m of 8h"; @size of at least 200 */
const char *report_used(char *out, size_t size, const struct config *c,
			const struct campaign *cam, uint64_t active_us);

/* "-10.4 %", or "" where there is nothing to compare with; @size of at least 32 */
const char *report_change(char *out, size_t size, double from, double to);

/* A duration in whole seconds; @size of at least 32 */
const char *report_seconds(char *out, size_t size, uint64_t us);

/* How the limits of a run were held, as its record run.json says: one line, "" for nothing. */
void report_enforcement(struct buf *ret, const json_t *record);
