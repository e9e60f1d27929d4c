/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The limits of a run as one table: name, unit, default, range. Everything that reads,
 * writes, prints or enforces limits walks this table.
 */

#include "base/json.h"
#include "sandbox.h"

struct limit_info {
	const char *name;    /* key in configuration, policy, spec and record */
	const char *option;  /* option of `autoexp exec`, without the dashes */
	const char *accepts; /* for messages: an example of what is accepted */
	int (*parse)(const char *s, uint64_t *ret);
	uint64_t def; /* 0 = not limited unless asked for */
	uint64_t min, max;
};

/* Indexed by enum sbx_limit. */
extern const struct limit_info limit_table[_SBX_LIMIT_MAX];

/* The value of @name, or -1. */
int limit_find(const char *name);

/**
 * limit_parse() - text as a user writes it to the limit's base unit
 * @limit:  which
 * @text:   "64M", "90s", "1.5", "256"; the unit belongs to the limit
 * @ret:    base units: microseconds, thousandths of a CPU, bytes or a count
 * @err:    filled with what is accepted
 *
 * Return: 0; -EINVAL; -ERANGE
 */
int limit_parse(enum sbx_limit limit, const char *text, uint64_t *ret,
		struct sbx_err *err);

/* As people write it; @size of at least 32. Return: @out */
const char *limit_format(enum sbx_limit limit, uint64_t value, char *out, size_t size);

/*
 * Files that the scratch space may hold: as asked for, else one for every 4 KiB; more than
 * that only serves to exhaust memory.
 */
uint64_t limit_inodes(const uint64_t limits[_SBX_LIMIT_MAX]);

/* Add the limit @name to a set of limits that end the run. Return: 0; -EINVAL */
int limit_add_kill_on(const char *name, unsigned *kill_on);

/* Fill @limits with the defaults of the table. */
void limits_default(uint64_t limits[_SBX_LIMIT_MAX]);
