/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Refused system calls, counted: the kernel asks us about each call that the filter refuses
 * with EPERM, and we answer EPERM. The caller waits meanwhile, so whoever floods us with
 * refused calls can be slowed.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define DENIED_BY_MAX  4
#define DENIED_BY_SIZE 16 /* TASK_COMM_LEN */

struct denied_call {
	int nr;
	uint64_t count;
	bool throttled; /* some of the answers were delayed */
	char by[DENIED_BY_MAX]
	       [DENIED_BY_SIZE]; /* names of the first processes; "" = none */
};

/* In the order in which they were first tried. */
struct denied {
	struct denied_call *calls;
	size_t n;
	uint64_t total;
};

void denied_done(struct denied *d);

struct notify {
	int fd;                 /* -EBADF = nothing is counted */
	uint64_t not_before_us; /* CLOCK_MONOTONIC: no answer sooner; 0 = at once */
	struct denied *denied;
};

#define NOTIFY_INIT          \
	{                    \
		.fd = -EBADF \
	}

/**
 * notify_answer() - refuse what is asked for, as far as the pace allows
 * @n:    fd readable; closed here when nobody is left who could ask
 * @now:  CLOCK_MONOTONIC, µs
 *
 * Does not block and answers a few at most, for limits come first. The first 1,000 of a run
 * are answered at once, later ones at 1,000 a second.
 *
 * Source: seccomp_unotify(2)
 */
void notify_answer(struct notify *n, uint64_t now);

void notify_done(struct notify *n);
