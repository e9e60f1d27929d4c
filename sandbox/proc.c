/* SPDX-License-Identifier: Apache-2.0 */
#include "proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Behind the name: 11 fields, utime, stime, cutime, cstime, 4 more, starttime. */
bool proc_read_ticks(const char *stat, struct proc_ticks *ret)
{
	uint64_t utime, stime, cutime, cstime, start;
	const char *p = strrchr(stat, ')');

	if (!p || sscanf(p + 1,
			 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
			 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %" SCNu64,
			 &utime, &stime, &cutime, &cstime, &start) != 5)
		return false;
	*ret = (struct proc_ticks){
		.start = start,
		.self = utime + stime,
		.kids = cutime + cstime,
	};
	return true;
}

/* Only at the start of a line: a command may call itself "RssAnon: 0", and Name comes first. */
uint64_t proc_read_status(const char *status, const char *key)
{
	const char *p = status, *rest;

	while ((p = strchr(p, '\n'))) {
		rest = str_after(++p, key);
		if (rest && *rest == ':')
			return strtoull(rest + 1, NULL, 10);
	}
	return 0;
}
