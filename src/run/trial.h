/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One run of a command in a box, as an object that can be in flight several times:
 *
 *	trial_start() -> { trial_poll(), poll(2), trial_handle() }... -> trial_collect()
 *
 * Nothing here blocks: the caller owns the event loop. Any other executor (a batch
 * system) has to offer the same five calls.
 */

#include <poll.h>

#include "limit.h"
#include "model.h"

/* What to run. Everything is borrowed until trial_start() returns. Paths are absolute. */
struct trial_job {
	const char *exec_path; /* the program that is started as `… exec --spec-fd …` */
	char *const *argv;
	const char *cwd;
	const char *view_path, *view_source; /* the tree shown, and where it lies */
	const char *target_path,
		*target_source; /* path inside, content; both or neither */
	char *const *show, *const *scratch;
	char *const *env;    /* NAME=value */
	const char *network; /* none, host */
	const char *policy;
	const char *cgroup;              /* or NULL */
	uint64_t limits[_SBX_LIMIT_MAX]; /* 0 = not limited */
	const char *cpuset;              /* NULL or "" = any CPU */
	bool soft;
	int log_fd; /* takes stdout and stderr, capped; or -EBADF */
};

/* Called from trial_handle(). */
struct trial_events {
	void (*output)(void *user, const char *data, size_t n); /* all of stdout */
	void (*progress)(void *user, uint64_t wall_us, uint64_t memory_bytes);
	void *user;
};

#define TRIAL_FDS 4

struct trial;

/**
 * trial_start() - start one run
 * @job:     what to run
 * @events:  copied; its functions may be NULL
 * @ret:     freed by trial_free(), which also ends a run still in flight
 */
int trial_start(const struct trial_job *job, const struct trial_events *events,
		struct trial **ret, struct sbx_err *err);

/**
 * trial_poll() - what to wait for
 * @fds:  TRIAL_FDS entries, filled; those no longer needed have a negative descriptor
 *
 * Return: the longest time to wait in ms, -1 = any
 */
int trial_poll(const struct trial *t, struct pollfd fds[TRIAL_FDS]);

/**
 * trial_handle() - take what has arrived, after poll(2)
 *
 * Return: 1 once the run is over and everything is read; 0 while it lasts; negative errno
 */
int trial_handle(struct trial *t, struct sbx_err *err);

/* Ask the box to end now; its record will say "interrupted". May be called again. */
void trial_cancel(struct trial *t);

/**
 * trial_collect() - how it ended; call once, when trial_handle() said 1
 * @ret:      the outcome; the box's verdict, no metric yet
 * @ret_box:  the record as it was written, NULL where there is none; the caller's
 * @err:      filled with what `autoexp exec` said where the box could not be set up
 *
 * Return: 0; -EIO where there is no usable record: the host's failure, not the
 * candidate's
 */
int trial_collect(struct trial *t, struct outcome *ret, json_t **ret_box,
		  struct sbx_err *err);

/* Kills what still runs. NULL is fine. */
void trial_free(struct trial *t);

/**
 * trial_find_exec() - the program that makes boxes
 * @ret:  "autoexp" beside the running program, else in ../../bin as installed; to be freed
 */
int trial_find_exec(char **ret, struct sbx_err *err);
