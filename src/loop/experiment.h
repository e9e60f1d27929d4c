/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The measurement of one candidate: one run in a box, or `repeat` of them with the median
 * of each metric. Waits in one poll(2) for the box, for signals and for nothing else.
 */

#include "base/json.h"
#include "conf/config.h"
#include "loop/stop.h"

/* What all experiments of a campaign have in common. Borrowed strings, absolute paths. */
struct bench {
	const struct config *config;
	const char *exec_path;
	const char *workdir; /* where the repository really is: the path inside the box */
	const char *checkout;  /* what stands there instead */
	const char *candidate; /* the file that holds the target's content */
	char *target;          /* the target's path, inside and outside */
	char **show, **scratch, **env;
	char *policy;                    /* a name or an absolute path */
	char cpuset[SBX_CPUSET_SIZE];    /* the same; "" = any */
	uint64_t limits[_SBX_LIMIT_MAX]; /* of the configuration, else of the policy */
	bool soft;
};

/* Told while a run lasts; each may be NULL. */
struct bench_events {
	void (*progress)(void *user, uint64_t wall_us, uint64_t memory_bytes);
	void (*wish)(void *user, enum stop_wish wish); /* it has become stronger */
	void *user;
};

/* How the measurement of one candidate ended. */
struct measurement {
	struct outcome outcome;
	json_t *box;     /* record of the only, the last or the failing run */
	json_t *repeats; /* the records of all runs where there were several, else NULL */
	uint64_t spent_us; /* wall time of all runs together */
	bool capped;       /* interrupted because the hours are used up */
};

void measurement_done(struct measurement *m);

#define cleanup_measurement cleanup(measurement_done)

/**
 * bench_init() - resolve the paths of a configuration
 * @b:  all above show is set by the caller, and soft; freed by bench_done()
 *
 * Return: 0; -ENOENT where a `show` path or the policy is not there; -EINVAL where the
 * policy is wrong; -ENOMEM
 */
int bench_init(struct bench *b, struct sbx_err *err);
void bench_done(struct bench *b);

/**
 * bench_probe() - start a box that does nothing, as a run would be started
 * @enforcement:  of at least 32 bytes; how this host holds the limits
 *
 * Return: 0; -EIO where the box cannot be set up, with the cause and the remedy
 */
int bench_probe(const struct bench *b, struct stop *stop, char *enforcement, size_t size,
		struct sbx_err *err);

/**
 * bench_measure() - run the candidate that lies in the candidate file
 * @dir_fd:   the run's folder; takes output.log (output-2.log ... of repeats)
 * @left_us:  run time that is left under the cap on hours; USEC_INFINITY for none
 * @stop:     STOP_NOW ends the run as VERDICT_INTERRUPTED
 * @ret:      outcome with metrics; freed by measurement_done()
 * @err:      where the box could not be set up: outcome VERDICT_SETUP_ERROR, 0 is returned
 *
 * Return: 0; negative errno where the supervisor itself failed
 */
int bench_measure(const struct bench *b, int dir_fd, uint64_t left_us, struct stop *stop,
		  const struct bench_events *events, struct measurement *ret,
		  struct sbx_err *err);
