/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The three caps against what is used, in whole nano-dollars and microseconds, and
 * budget.log.
 */

#include "base/buf.h"
#include "conf/config.h"
#include "ledger/journal.h"

struct campaign;

/* Sums, as budget.log and git know them. */
struct used {
	unsigned experiments;
	uint64_t nano; /* US dollars / 10^9 */
	uint64_t active_us;
};

#define BUDGET_FILE "budget.log"

enum budget_verdict {
	BUDGET_GO,
	BUDGET_EXPERIMENTS, /* this cap forbids to go on */
	BUDGET_COST,
	BUDGET_HOURS,
	_BUDGET_MAX
};

/* What is used, and what is about to be. */
struct budget_ask {
	struct used used;   /* of everything under these caps, right now */
	uint64_t call_nano; /* the worst case of the next call; 0 of the built-in one */
	uint64_t run_us;    /* how long the next run may be expected to take */
	uint64_t rate_nano; /* US dollars / 10^9 that an hour costs */
};

/**
 * budget_check() - may the next proposal be asked for, or the next run start?
 * @caps:    CONFIG_UNLIMITED where there is none
 * @ask:     of a run that is pending the expectation is the same as of a new one
 * @group:   whose caps these are, or NULL: the campaign's own
 * @reason:  of at least 300 bytes; where a cap forbids: which, what is used and how to
 *           extend
 *
 * Hours forbid where less is left than the run is expected to take (and where none is
 * left).
 */
enum budget_verdict budget_check(const uint64_t caps[static _CAP_MAX],
				 const struct budget_ask *ask, const char *group,
				 char *reason, size_t size);

/* How long a run may take until the hours are used up, or, at its rate, the money. */
uint64_t budget_left_us(const uint64_t caps[static _CAP_MAX],
			const struct budget_ask *ask);

/* What a time costs at a rate by the hour, rounded up. */
uint64_t budget_price(uint64_t rate_nano, uint64_t us);

/* Nano-dollars as exact decimal dollars, at least two decimals: "0.00", "0.0031". */
const char *budget_dollars(char *out, size_t size, uint64_t nano);

/* The header of budget.log, with its newline. */
int budget_log_header(struct buf *out);

/**
 * budget_log_row() - the line an event adds to budget.log
 * @ev:  any event
 * @c:   the campaign after it
 *
 * COST adds its kind. OUTCOME and INTERRUPTED add "compute". Others add nothing. `usd` is
 * what the event says; the cumulative column is what counts against the cap after it,
 * open reservations included.
 */
int budget_log_row(struct buf *out, const struct journal_event *ev,
		   const struct campaign *c);

/**
 * budget_log_last() - what the last whole line of a budget.log says was used
 * @dir_fd:  its directory
 * @ret:     zeros where there is no such file or line: it is derived, and no proof
 */
int budget_log_last(int dir_fd, struct used *ret, struct sbx_err *err);
