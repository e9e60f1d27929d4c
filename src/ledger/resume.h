/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where a campaign stands: the sum of its events. The loop keeps no state of its own that
 * would have to be saved; after a kill at any instant it reads struct campaign and goes
 * on.
 */

#include "ledger/journal.h"
#include "ledger/results.h"

/* How far the experiment in hand has come. */
enum pending_stage {
	PENDING_NONE,
	PENDING_PROPOSED,  /* it has a number; its commit is not known yet */
	PENDING_COMMITTED, /* not run, or run without an outcome: run it */
	PENDING_RUNNING,   /* read from disk: its supervisor died; append INTERRUPTED */
	PENDING_MEASURED,  /* judge it from .outcome; do not run it again */
	_PENDING_MAX
};

/* An experiment that others are measured against. */
struct mark {
	bool known;
	unsigned number;
	char commit[COMMIT_HEX + 1];
	double metrics[METRICS_MAX];
	uint64_t wall_us;
};

/* Its fields stay readable after the decision, until the next proposal. */
struct pending {
	enum pending_stage stage;
	unsigned number;
	unsigned attempts;           /* runs begun */
	unsigned interruptions;      /* of these, how many were interrupted */
	unsigned setup_errors;       /* and how many the host failed */
	char commit[COMMIT_HEX + 1]; /* "" before COMMITTED */
	char description[JOURNAL_TEXT_MAX + 1];
	char content[JOURNAL_ID_MAX + 1];
	char proposer[64];
	bool has_outcome;
	struct outcome outcome; /* of the last run that has one */
	bool has_metrics;
	double metrics[METRICS_MAX]; /* of the outcome, or given by the decision */
	struct mark parent;          /* the incumbent it was derived from */
};

#define CAMPAIGN_CALLS_MAX         16
/* A run interrupted this often is not measurable. */
#define CAMPAIGN_INTERRUPTIONS_MAX 3
/* So many proposals in a row without a run stop a campaign. */
#define CAMPAIGN_IDLE_MAX          10

struct campaign {
	/* From the create event. */
	char tag[JOURNAL_ID_MAX + 1];
	char base[COMMIT_HEX + 1];
	char target[JOURNAL_PATH_MAX + 1];
	char config[JOURNAL_ID_MAX + 1];
	char metrics[METRICS_MAX][JOURNAL_ID_MAX + 1];
	unsigned n_metrics;
	char host[JOURNAL_TEXT_MAX + 1];
	char created[JOURNAL_TIME_SIZE];

	struct mark baseline;
	struct mark incumbent;       /* the last keep; of the baseline at first */
	char branch[COMMIT_HEX + 1]; /* where the journal last sent it: may lag behind the
					incumbent's commit after a crash */
	struct pending pending;

	unsigned next_number; /* of the next proposal; 0 before the baseline */
	unsigned experiments; /* over, without the baseline: what the cap counts */
	unsigned without_run; /* proposals in a row that needed no run */
	unsigned counts[_STATUS_MAX]; /* without the baseline */

	uint64_t active_us;
	uint64_t cost_nano; /* spent, and reservations still open */
	uint64_t tokens_in, tokens_out;
	uint64_t next_call; /* number for the next reservation */
	struct {
		uint64_t call, nano;
	} open_calls[CAMPAIGN_CALLS_MAX];
	unsigned n_open_calls;

	char stopped[JOURNAL_TEXT_MAX +
		     1]; /* reason of the last stop; "" once it went on */
	char last_time[JOURNAL_TIME_SIZE];
};

/* Called for every experiment that is over, oldest first. */
typedef int (*campaign_row_fn)(const struct row *row, void *user, struct sbx_err *err);

/**
 * campaign_load() - fold a journal without changing anything: `results`, `status`, `show`
 * @dir_fd:  from journal_dir_open()
 * @fn:      may be NULL
 *
 * Also works beside the supervisor that writes it.
 */
int campaign_load(int dir_fd, campaign_row_fn fn, void *user, struct campaign *ret,
		  struct journal_info *ret_info, struct sbx_err *err);

/**
 * campaign_apply() - add one event
 *
 * Return: 0; -EPROTO where the event cannot come here, @c is unchanged
 */
int campaign_apply(struct campaign *c, const struct journal_event *ev,
		   struct sbx_err *err);

/**
 * campaign_row() - the experiment that an event ended
 * @c:    right after the event was applied
 * @ret:  borrows from @c and @ev
 *
 * Return: true; false where the event is no decision
 */
bool campaign_row(const struct campaign *c, const struct journal_event *ev,
		  struct row *ret);
