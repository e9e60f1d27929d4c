/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * runs/NNNN/ of one experiment: output.log, written by `autoexp exec`, and run.json. They
 * are evidence for people; nothing is decided by them, so they are not synced.
 */

#include "ledger/results.h"
#include "loop/experiment.h"

/* Open it, made where it is missing; no link is followed. The caller closes it. */
int rundir_open(int derived_fd, unsigned number, bool create, int *ret_fd,
		struct sbx_err *err);

/**
 * rundir_write() - run.json
 * @row:  the experiment; its decision may be NULL, while it is not made
 * @m:    the measurement, or NULL where there was none in this process: the box's record
 *        that is there stays
 */
int rundir_write(int dir_fd, const struct config *c, const struct row *row,
		 const struct measurement *m, struct sbx_err *err);

/* The end of output.log, at most @max bytes, at a line's start where it can be. */
int rundir_tail(int dir_fd, size_t max, struct buf *ret);
