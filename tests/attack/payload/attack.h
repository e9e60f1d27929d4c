/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What untrusted code tries, one function a case.
 *
 * A function makes its attempts and says of each how it went: tried() for a call, won() for
 * what should not have been possible. When it returns, one line tells the result:
 *
 *	case ID held|escaped|absent DETAIL
 *
 * "absent" is for what this kernel does not have. A case whose point is that the box ends it
 * prints no line at all when the box holds.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIB           (1L << 20)

/**
 * struct attack - one case of the catalogue
 * @id:      family letter, number in the catalogue, variant
 * @title:   what it tries
 * @expect:  what the record of autoexp has to say, see tests/attack/suite.py; NULL = "held"
 * @how:     words for the runner, see tests/attack/suite.py; NULL = none
 * @run:     the attempt
 */
struct attack {
	const char *id;
	const char *title;
	const char *expect;
	const char *how;
	void (*run)(void);
};

extern const struct attack files_attacks[], target_attacks[], mounts_attacks[],
	process_attacks[], memory_attacks[], time_attacks[], output_attacks[],
	ipc_attacks[], network_attacks[], kernel_attacks[];

/* A value the runner gave as NAME=VALUE, or NULL. Sizes are in bytes. */
const char *given(const char *name);
long given_number(const char *name, long otherwise);

/* The result of one attempt: not negative means that it worked, errno says why not. */
void tried(const char *what, long r);
/* What should not have been possible, and was. */
void won(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* More for the line, good or bad. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* End here, with the line. */
void finish(void) __attribute__((noreturn));
void absent(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Things that several families do. */
void sleep_ms(long ms);
double seconds_now(void);
int open_for_write(const char *path);
bool file_contains(const char *path, const char *text);
/* Run @f in a child and wait; returns the wait status, or -1. */
int in_child(void (*f)(void));
/* Call @f for every entry of @dir, and in directories of it while @depth allows. */
void walk(const char *dir, int depth, void (*f)(const char *path, unsigned char type));
