/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The record of a campaign: one JSON object a line, appended and synced before the effect
 * it announces. Everybody but event.c sees struct journal_event and no JSON. What the
 * events add up to is for resume.h.
 */

#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "model.h"

#define JOURNAL_FILE   "journal.jsonl"
#define JOURNAL_FORMAT 1

/* Longest text of a description, reason or name, without the NUL; longer ones are cut. */
#define JOURNAL_TEXT_MAX  500
/* "2026-01-31T23:59:59.123Z" and a NUL. */
#define JOURNAL_TIME_SIZE 28
/* Longest path of a target. */
#define JOURNAL_PATH_MAX  1000
/* Longest hash or identifier: 64 hexadecimal digits fit. */
#define JOURNAL_ID_MAX    72

enum journal_kind {
	JOURNAL_CREATE,  /* always the first line and only there */
	JOURNAL_PROPOSE, /* a reply was received: the number is used */
	JOURNAL_COMMIT,  /* the commit exists, or is about to */
	JOURNAL_RUN,     /* a box is about to start */
	JOURNAL_OUTCOME, /* it ended; a setup-error or interrupted one may run again */
	JOURNAL_DECIDE,  /* the experiment is over: a row of results.tsv */
	JOURNAL_ADVANCE, /* the branch is about to move */
	JOURNAL_INTERRUPTED, /* a run ended without an outcome of its own */
	JOURNAL_COST,        /* money: see enum cost_kind */
	JOURNAL_HOURS,       /* active time so far, where no run carries it */
	JOURNAL_STOP,        /* the supervisor ends in an orderly way */
	JOURNAL_SALVAGE,     /* lines were lost here; what they had used stays used */
	_JOURNAL_KIND_MAX
};

/*
 * A reservation counts against the cap until the spend or refund of the same call takes
 * its place; one without either stays charged: its call may have been billed.
 */
enum cost_kind { COST_RESERVE, COST_SPEND, COST_REFUND, COST_COMPUTE, _COST_MAX };

/*
 * One event. Strings are borrowed: for encoding from the caller, in a callback from the
 * line just read. Text that is not UTF-8 is repaired and text that is too long is cut
 * when written.
 */
struct journal_event {
	enum journal_kind kind;
	unsigned number; /* experiment; 0 = baseline. Not of CREATE, HOURS, STOP,
			    SALVAGE */
	uint64_t seq;    /* filled by journal_append() and by reading */
	char time[JOURNAL_TIME_SIZE]; /* UTC; filled likewise, unless the caller set it */
	union {
		struct {
			const char *tag;
			const char *base;   /* commit */
			const char *target; /* path in the repository */
			const char *config; /* hash of the pinned configuration */
			const char *metrics[METRICS_MAX];
			unsigned n_metrics;
			const char *host;
		} create;
		struct {
			const char *description;
			const char *content;  /* hash of the target's content, or "" */
			const char *proposer; /* "baseline", "builtin", "try", ... */
		} propose;
		struct {
			const char *commit;
		} commit;
		struct {
			unsigned attempt;    /* from 1 */
			const char *boot_id; /* host_boot_id() of lock.h */
			pid_t pid;           /* of the supervisor */
		} run;
		struct {
			struct outcome outcome;
			unsigned n_metrics;    /* 0 where nothing was measured */
			uint64_t active_us;    /* as of HOURS; 0 = unchanged */
			uint64_t compute_nano; /* what the machine time cost */
		} outcome;
		struct {
			struct decision decision;
			/*
			 * Metrics of a row that was not run itself ("same as NNNN");
			 * otherwise 0 and those of the outcome stand.
			 */
			double metrics[METRICS_MAX];
			unsigned n_metrics;
		} decide;
		struct {
			const char *commit;
		} advance;
		struct {
			unsigned attempt;
			const char *reason;
			uint64_t active_us;
			uint64_t compute_nano;
		} interrupted;
		struct {
			enum cost_kind what;
			uint64_t call; /* pairs a reservation with what follows */
			uint64_t nano; /* US dollars / 10^9; of REFUND: all reserved */
			uint64_t tokens_in, tokens_out;
		} cost;
		struct {
			uint64_t active_us; /* run time of the whole campaign so far */
		} hours;
		struct {
			const char *reason;
		} stop;
		struct {
			unsigned experiments; /* used so far, the lost ones included */
			uint64_t nano;        /* US dollars / 10^9, likewise */
			uint64_t active_us;
			uint64_t next_call;
			uint64_t lost; /* lines */
		} salvage;
	};
};

/* What was found on opening, besides the events. */
struct journal_info {
	uint64_t lines;   /* good ones */
	uint64_t bytes;   /* that they take */
	uint64_t torn;    /* bytes of a torn last line; cut by journal_open() */
	char notice[300]; /* for the user, or "": a sentence about it */
};

/**
 * Called for every event, oldest first. A negative answer ends the reading and becomes
 * its result; @err then says why, and is given the line's place by the reader.
 */
typedef int (*journal_event_fn)(const struct journal_event *ev, void *user,
				struct sbx_err *err);

/**
 * journal_dir_open() - the directory of a campaign's truth, <common>/autoexp/<tag>
 * @common_dir:  git's common directory
 * @create:      make what is missing, owner-only and synced
 * @ret_fd:      the caller closes it
 *
 * No link is followed below @common_dir, and a directory of another user is refused.
 *
 * Return: 0; -ENOENT where there is no such campaign; -EPERM; -ELOOP; other negative
 * errno
 */
int journal_dir_open(const char *common_dir, const char *tag, bool create, int *ret_fd,
		     struct sbx_err *err);

/* Whether the directory has a journal, readable or not. */
int journal_exists(int dir_fd, bool *ret, struct sbx_err *err);

struct journal;

/**
 * journal_create() - start a journal with its first event
 * @dir_fd:  from journal_dir_open(), borrowed for the call; the campaign's lock is held
 * @first:   a JOURNAL_CREATE
 * @ret:     freed by journal_close()
 *
 * The file appears whole or not at all.
 *
 * Return: 0; -EEXIST where there is one; other negative errno
 */
int journal_create(int dir_fd, struct journal_event *first, struct journal **ret,
		   struct sbx_err *err);

/**
 * journal_open() - read a journal and go on writing it
 * @dir_fd:    as above; the campaign's lock is held
 * @fn:        called for every event, may be NULL
 * @ret_info:  may be NULL
 * @err:       names file and line, and how to go on
 *
 * A last line that was torn by a crash is cut; it announced nothing that happened.
 *
 * Return: 0; -ENOENT; -EBADMSG where a line is damaged; -EPROTONOSUPPORT where a newer
 *         version wrote it; what @fn answered; other negative errno
 */
int journal_open(int dir_fd, journal_event_fn fn, void *user, struct journal **ret,
		 struct journal_info *ret_info, struct sbx_err *err);

/**
 * journal_replay() - read a journal, also one that another process is writing
 *
 * As journal_open(), but nothing is changed: a torn last line is only left out.
 */
int journal_replay(int dir_fd, journal_event_fn fn, void *user,
		   struct journal_info *ret_info, struct sbx_err *err);

/**
 * journal_append() - events on disk
 * @ev:   one event; seq and time are filled in
 * @n:    several are written in one piece and synced once, in this order
 *
 * On failure nothing was added, the journal takes no further events, and the message says
 * what to do.
 *
 * Return: 0; -ENOSPC, -EDQUOT, -EIO ...; -ESTALE where somebody else changed the file;
 *         -EINVAL where an event cannot be written (the journal stays usable)
 */
int journal_append(struct journal *j, struct journal_event *ev, size_t n,
		   struct sbx_err *err);

/* The time now, as events carry it. */
void journal_stamp(char ret[static JOURNAL_TIME_SIZE]);

/* NULL is fine. */
void journal_close(struct journal *j);

static inline void cleanup_journal_p(struct journal **j)
{
	journal_close(*j);
}

#define cleanup_journal cleanup(cleanup_journal_p)
