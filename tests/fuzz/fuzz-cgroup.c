/* SPDX-License-Identifier: Apache-2.0 */

/* The files of a group, every one of them filled with the input. */

#include "cgroup-file.h"
#include "cgroup.h"
#include "fuzz.h"

#define FILE_NAME "all"

/* One file under all the names. */
static void link_names(void)
{
	static const char *const names[] = { "memory.peak",     "memory.events",
					     "memory.current",  "pids.events",
					     "cpu.stat",        "io.stat",
					     "memory.pressure", "cgroup.events" };
	static bool linked;

	for (size_t i = 0; !linked && i < ARRAY_SIZE(names); i++)
		HOLDS(symlinkat(FILE_NAME, fuzz_dir(), names[i]) == 0);
	linked = true;
}

/* Said once more, word by word. */
static bool is_word(const char *text, const char *word)
{
	size_t n;

	for (; *text; text += n + (text[n] != '\0')) {
		n = strcspn(text, " \n");
		if (n == strlen(word) && memcmp(text, word, n) == 0)
			return true;
	}
	return false;
}

static void check_text(const char *text)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *line = strstr(text, "oom ");

	HOLDS(streq(cgroup_read_text(fuzz_dir(), FILE_NAME, &b), text));
	HOLDS(cgroup_has_word(text, "io") == is_word(text, "io"));
	HOLDS(cgroup_has_word(text, "memory") == is_word(text, "memory"));
	if (!line && !strstr(text, "oom="))
		HOLDS(cgroup_read_key(fuzz_dir(), "memory.events", "oom") == 0);
	if (*text < '0' || *text > '9')
		HOLDS(strchr(" \t\n\v\f\r+-", *text) ||
		      cgroup_read_number(fuzz_dir(), "memory.peak") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cgroup cg = CGROUP_INIT;
	struct cgroup_stats stats, again;
	struct fuzz_input in = { data, size };
	cleanup_free char *text = fuzz_rest(&in);

	link_names();
	fuzz_put(FILE_NAME, text, strlen(text));
	check_text(text);
	cg.fd = fuzz_dir();
	memset(&stats, 0, sizeof(stats));
	memset(&again, 0, sizeof(again));
	cgroup_read_stats(&cg, &stats);
	cgroup_read_stats(&cg, &again);
	HOLDS(stats.cpu_us == cgroup_cpu_us(&cg));
	HOLDS(stats.memory_peak == cgroup_memory_now(&cg));
	HOLDS(stats.oom_kill == again.oom_kill &&
	      stats.io_read_bytes == again.io_read_bytes);
	HOLDS(stats.has_pressure || stats.memory_pressure_us == 0);
	HOLDS(!stats.has_pressure || strstr(text, "total="));
	HOLDS(stats.io_read_bytes == 0 || strstr(text, " rbytes="));
	HOLDS(cgroup_is_empty(&cg) ==
	      !cgroup_read_key(cg.fd, "cgroup.events", "populated"));
	return 0;
}
