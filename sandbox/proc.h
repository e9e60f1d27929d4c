/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What /proc/PID/stat and status say of one process. Its name stands in both, and it chose that.
 */

#include <stdint.h>

#include "base/macro.h"

/* CPU time in ticks, and since when: two processes that had the same pid differ in that. */
struct proc_ticks {
	uint64_t start;
	uint64_t self, kids; /* user and system together; kids are those waited for */
};

/**
 * proc_read_ticks() - from the text of /proc/PID/stat
 *
 * Source: proc(5). The name is the only part in parentheses that may hold any of them.
 *
 * Return: false where it is not such a text, and @ret is left alone
 */
bool proc_read_ticks(const char *stat, struct proc_ticks *ret);

/* The number behind @key and a colon in /proc/PID/status, 0 where there is none. */
uint64_t proc_read_status(const char *status, const char *key);
