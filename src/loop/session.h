/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One campaign, open: everything that `run` and `try` need before the first experiment.
 *
 *	session_prepare()  reads: configuration, repository, tag, every check that needs no
 *	                   lock. Nothing is written, so the caller can still ask and refuse
 *	session_open()     writes: lock, journal, pinned configuration, branch, checkout; or
 *	                   finds them, repairs what a kill left, and teaches the proposer
 */

#include "edit/guard.h"
#include "ledger/ledger.h"
#include "loop/experiment.h"
#include "loop/observer.h"
#include "propose/proposer.h"
#include "repo/repo.h"

struct session_options {
	const char *config;         /* --config, or NULL */
	const char *tag;            /* --tag, or NULL */
	const char *caps[_CAP_MAX]; /* --max-…, or NULL */
	bool soft;                  /* --soft-limits */
	bool is_try;                /* the caps of the last `run` bind */
};

struct session {
	const struct session_options *options;
	const struct loop_observer *observer;
	struct repo *repo;
	struct config *config; /* in force: of the file, with the command line's caps */
	bool pinned_only;      /* there is no file; it is the campaign's own */
	char *tag;
	char *dir;    /* <common>/autoexp/<tag> */
	char *target; /* path in the repository */
	bool exists;  /* not a new campaign */
	char head[COMMIT_HEX + 1];

	struct ledger ledger;
	struct stop stop;
	char *exec_path, *checkout, *candidate_path;
	struct bench bench;
	struct proposer *proposer;
	struct guard *guard;
	struct buf incumbent;           /* content of the target at the incumbent */
	double (*metrics)[METRICS_MAX]; /* by number; NAN where there are none */
	size_t n_metrics;
	char enforcement[32]; /* how this host holds the limits; "" = not known yet */
	unsigned last_number; /* of the last row written here, and what it says */
	struct decision last_decision;

	struct group *group; /* NULL = in none */
	uint64_t run_us;     /* how long the next run may take, as of purse_ask() */
	uint64_t booked_us;  /* active time whose price is in the journal */

	uint64_t opened_us; /* active time is counted from here ... */
	uint64_t active_us; /* ... and from what the journal had then */
	uint64_t saved_us;  /* when it was last written */
};

#define SESSION_INIT                                     \
	{                                                \
		.ledger = LEDGER_INIT, .stop = STOP_INIT \
	}

/**
 * session_prepare() - read and check
 * @s:         SESSION_INIT; freed by session_close(), also after a failure
 * @options:   borrowed
 * @observer:  borrowed; `note` is told warnings
 *
 * Return: 0; -EINVAL for the configuration or its use; other negative errno
 */
int session_prepare(struct session *s, const struct session_options *options,
		    const struct loop_observer *observer, struct sbx_err *err);

/* Take the lock and bring the campaign to where it can go on. */
int session_open(struct session *s, struct sbx_err *err);

void session_close(struct session *s);

#define cleanup_session cleanup(session_close)

/* Active time of the campaign right now. */
uint64_t session_active_us(const struct session *s);

/* Metrics of an experiment that is over, or NULL. */
const double *session_metrics(const struct session *s, unsigned number);

/* Remember what an experiment taught: the guard, the proposer, the table of metrics. */
int session_learn(struct session *s, const struct row *row, const char *content,
		  size_t len, struct sbx_err *err);

void session_note(const struct session *s, const char *fmt, ...) attr_printf(2, 3);
