/* SPDX-License-Identifier: Apache-2.0 */

/*
 * /proc/PID/stat and status: as they are, and around a name of the command's choice. Whatever
 * that is, it is not read for the numbers behind it.
 */

#include <inttypes.h>

#include "base/strv.h"
#include "fuzz.h"
#include "proc.h"

static void check_raw(const char *text)
{
	const struct proc_ticks before = { 1, 2, 3 };
	struct proc_ticks t = before;

	if (!proc_read_ticks(text, &t))
		HOLDS(memcmp(&t, &before, sizeof(t)) == 0);
	else
		HOLDS(strchr(text, ')'));
	if (!strstr(text, "\nThreads:"))
		HOLDS(proc_read_status(text, "Threads") == 0);
}

static void check_stat(const char *name)
{
	cleanup_free char *stat =
		str_printf("7 (%s) S 1 7 7 0 -1 4194304 97 0 0 0 11 22 33 44 20 0 1 0 55 "
			   "3133440 390 18446744073709551615\n",
			   name);
	struct proc_ticks t;

	HOLDS(stat && proc_read_ticks(stat, &t));
	HOLDS(t.self == 33 && t.kids == 77 && t.start == 55);
}

/* The kernel writes a newline in the name as "\n". */
static void check_status(char *name)
{
	cleanup_free char *status = NULL;

	for (char *p = name; *p; p++)
		*p = *p == '\n' ? ' ' : *p;
	status = str_printf("Name:\t%s\nUmask:\t0022\nRssAnon:\t     12 kB\n"
			    "RssShmem:\t 3 kB\nThreads:\t4\n",
			    name);
	HOLDS(status);
	HOLDS(proc_read_status(status, "RssAnon") == 12);
	HOLDS(proc_read_status(status, "RssShmem") == 3);
	HOLDS(proc_read_status(status, "Threads") == 4);
	HOLDS(proc_read_status(status, "VmPTE") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	cleanup_free char *text = fuzz_rest(&in);

	check_raw(text);
	check_stat(text);
	check_status(text);
	return 0;
}
