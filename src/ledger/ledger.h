/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The books of one campaign as one object: lock, journal, what it adds up to, and the
 * files derived from it.
 *
 *	lock -> create or open -> { append }* -> close
 */

#include "ledger/budget.h"
#include "ledger/derived.h"
#include "ledger/resume.h"

/* The open books of one campaign. Read .campaign, never write it. */
struct ledger {
	struct campaign campaign;
	int dir_fd; /* <common>/autoexp/<tag>: also the checkout and the pinned config */
	int derived_fd; /* <workdir>/.autoexp/<tag>: also runs/NNNN; another one after an
			   append or refresh that found the directory deleted */
	char notice[600]; /* for the user, or "": a torn line cut, files made again */

	struct derived results, log;

	/* Inner parts. */
	struct journal *journal;
	int lock_fd;
	char *workdir, *tag;
};

#define LEDGER_INIT                                                        \
	{                                                                  \
		.dir_fd = -EBADF, .derived_fd = -EBADF, .lock_fd = -EBADF, \
		.results = DERIVED_INIT, .log = DERIVED_INIT,              \
	}

/**
 * ledger_lock() - become the supervisor of a campaign, new or old
 * @common_dir:  git's common directory
 * @workdir:     the top of the working tree
 * @ret_exists:  whether there is a journal: ledger_open(), else ledger_create()
 *
 * Fills dir_fd and derived_fd. Nothing is left behind but directories and the lock.
 *
 * Return: 0; -EBUSY with who holds it; other negative errno
 */
int ledger_lock(struct ledger *l, const char *common_dir, const char *workdir,
		const char *tag, bool *ret_exists, struct sbx_err *err);

/* Start the books with a JOURNAL_CREATE. The ledger is locked. */
int ledger_create(struct ledger *l, struct journal_event *first, struct sbx_err *err);

/**
 * ledger_open() - go on with the books
 * @fn:  called for every experiment that is over, may be NULL: feeds the proposer
 *
 * Cuts a torn last line, and makes results.tsv and budget.log again where they are not
 * what the journal says. The ledger is locked.
 */
int ledger_open(struct ledger *l, campaign_row_fn fn, void *user, struct sbx_err *err);

/**
 * ledger_look() - as ledger_open(), but nothing is changed and nothing can be appended
 *
 * .results.differs and .log.differs say what ledger_open() would make again.
 */
int ledger_look(struct ledger *l, campaign_row_fn fn, void *user, struct sbx_err *err);

/**
 * ledger_append() - events on disk and in .campaign, rows in the derived files
 * @ev:  as journal_append()
 * @n:   1 to 4
 *
 * An event that cannot come here is -EPROTO, and nothing is written. Derived files that
 * somebody deleted or changed are made again. When this fails the supervisor must end:
 * the next one goes on from what the journal has.
 */
int ledger_append(struct ledger *l, struct journal_event *ev, size_t n,
		  struct sbx_err *err);

/* The derived files that somebody deleted or changed, again; without an event. */
int ledger_refresh(struct ledger *l, struct sbx_err *err);

/* May be called twice. */
void ledger_close(struct ledger *l);

#define cleanup_ledger cleanup(ledger_close)
