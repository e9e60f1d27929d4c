/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The wish to stop, from a terminal, a service manager or `autoexp stop`. Signals are
 * blocked and read from a descriptor, so that nothing is ever interrupted in the middle
 * of a write:
 *
 *	SIGINT (Ctrl-C)   first: after this experiment; second: now
 *	SIGUSR1           after this experiment (`autoexp stop`)
 *	SIGTERM, SIGHUP   now, cleanly (`autoexp stop --now`)
 *
 * "Now" ends the run that is in flight; it is recorded as interrupted, not counted, and
 * run again by the next `autoexp run`.
 */

#include "base/cleanup.h"
#include "base/err.h"

enum stop_wish { STOP_NO, STOP_AFTER, STOP_NOW };

struct stop {
	int fd; /* becomes readable when a signal arrived */
	enum stop_wish wish;
};

#define STOP_INIT            \
	{                    \
		.fd = -EBADF \
	}

/**
 * stop_open() - from now on signals are wishes
 *
 * A signal that was ignored when the program started stays ignored: nohup and background
 * jobs mean it.
 */
int stop_open(struct stop *s, struct sbx_err *err);
void stop_close(struct stop *s);

/* Take what has arrived, without blocking. Return: the wish as it stands now */
enum stop_wish stop_check(struct stop *s);

#define cleanup_stop cleanup(stop_close)
