/* SPDX-License-Identifier: Apache-2.0 */
#include "limit.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/table.h"

#define MiB (1ULL << 20)
#define GiB (1ULL << 30)
#define DAY (86400 * USEC_PER_SEC)

#define DURATION "a duration such as 500ms, 90s, 10m or 2h"
#define RATE     "bytes a second such as 512K, 64MiB or 1G"
#define SIZE     "a size such as 64M, 512MiB or 2G"

/*
 * Memory below 4 MiB cannot even hold the program loader and a page of every shared library:
 * the run would die before the command starts and look like the command's fault.
 */
const struct limit_info limit_table[_SBX_LIMIT_MAX] = {
	[SBX_LIMIT_WALL] = { "wall", "wall", DURATION, parse_duration, 600 * USEC_PER_SEC,
			     USEC_PER_MSEC, 365 * DAY },
	[SBX_LIMIT_CPU_TIME] = { "cpu_time", "cpu-time", DURATION, parse_duration, 0,
				 USEC_PER_MSEC, 365 * DAY },
	[SBX_LIMIT_CPUS] = { "cpus", "cpus", "a number of CPUs such as 0.5 or 2",
			     parse_milli, 0, 10, 1000000 },
	[SBX_LIMIT_IO_READ] = { "io_read", "io-read", RATE, parse_size, 0, 64 << 10,
				1ULL << 50 },
	[SBX_LIMIT_IO_WRITE] = { "io_write", "io-write", RATE, parse_size, 0, 64 << 10,
				 1ULL << 50 },
	[SBX_LIMIT_MEMORY] = { "memory", "memory", SIZE, parse_size, 2 * GiB, 4 * MiB,
			       1ULL << 50 },
	[SBX_LIMIT_PIDS] = { "pids", "pids", "a whole number of processes and threads",
			     parse_u64, 256, 1, 4194304 },
	[SBX_LIMIT_SCRATCH] = { "scratch", "scratch", SIZE, parse_size, 512 * MiB,
				64 << 10, 1ULL << 50 },
	[SBX_LIMIT_INODES] = { "inodes", "inodes", "a whole number of files", parse_u64,
			       0, 16, 1ULL << 40 },
	[SBX_LIMIT_OUT] = { "out", "out", SIZE, parse_size, GiB, 64 << 10, 1ULL << 50 },
	[SBX_LIMIT_FILE_SIZE] = { "file_size", "file-size", SIZE, parse_size, 0, 1,
				  1ULL << 50 },
	[SBX_LIMIT_OUTPUT] = { "output", "output", SIZE, parse_size, 16 * MiB, 4 << 10,
			       1ULL << 40 },
};

int limit_find(const char *name)
{
	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		if (streq(limit_table[i].name, name))
			return i;
	return -1;
}

const char *limit_format(enum sbx_limit limit, uint64_t value, char *out, size_t size)
{
	const struct limit_info *info = &limit_table[limit];

	if (info->parse == parse_size)
		return format_size(out, size, value);
	if (info->parse == parse_duration)
		return format_duration(out, size, value);
	if (info->parse == parse_milli)
		snprintf(out, size, "%g", (double)value / 1000);
	else
		snprintf(out, size, "%" PRIu64, value);
	return out;
}

int limit_parse(enum sbx_limit limit, const char *text, uint64_t *ret,
		struct sbx_err *err)
{
	const struct limit_info *info = &limit_table[limit];
	char low[32], high[32];
	uint64_t value;
	int r;

	r = info->parse(text, &value);
	if (r == -EINVAL)
		return sbx_err_set(err, r, "limit", "%s: '%s' is not %s", info->name,
				   text, info->accepts);
	if (r < 0 || value < info->min || value > info->max)
		return sbx_err_set(err, -ERANGE, "limit", "%s: '%s' is outside %s to %s",
				   info->name, text,
				   limit_format(limit, info->min, low, sizeof(low)),
				   limit_format(limit, info->max, high, sizeof(high)));
	*ret = value;
	return 0;
}

uint64_t limit_inodes(const uint64_t limits[_SBX_LIMIT_MAX])
{
	uint64_t inodes = limits[SBX_LIMIT_INODES];

	return inodes ? inodes : limits[SBX_LIMIT_SCRATCH] / 4096;
}

int limit_add_kill_on(const char *name, unsigned *kill_on)
{
	int limit = limit_find(name);

	if (limit != SBX_LIMIT_OUTPUT && limit != SBX_LIMIT_SCRATCH)
		return -EINVAL;
	*kill_on |= 1U << limit;
	return 0;
}

void limits_default(uint64_t limits[_SBX_LIMIT_MAX])
{
	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		limits[i] = limit_table[i].def;
}
