/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Time in one unit: microseconds in a uint64_t. Durations are measured on CLOCK_MONOTONIC,
 * which stands still while the machine is suspended: a laptop that sleeps does not use up
 * the wall limit of the run it froze. Dates come from CLOCK_REALTIME and are only shown.
 */

#include <stdint.h>
#include <time.h>

#define USEC_PER_SEC  1000000ULL
#define USEC_PER_MSEC 1000ULL
#define USEC_INFINITY UINT64_MAX

static inline uint64_t clock_us(clockid_t clock)
{
	struct timespec ts = { 0 };

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

static inline uint64_t now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

static inline struct timespec timespec_of_us(uint64_t us)
{
	return (struct timespec){ .tv_sec = (time_t)(us / USEC_PER_SEC),
				  .tv_nsec = (long)(us % USEC_PER_SEC * 1000) };
}
