/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Verdicts from evidence: which one wins, what the record says, and how the kernel's counters
 * are read.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "cgroup.h"
#include "limit.h"
#include "result.h"
#include "verdict.h"

#define MEMORY \
	.limits[SBX_LIMIT_MEMORY] = { .value = 64 << 20, .layer = SBX_LAYER_CGROUP2 }
#define WALL .limits[SBX_LIMIT_WALL] = { .value = 2000000, .layer = SBX_LAYER_SUPERVISOR }
#define PIDS .limits[SBX_LIMIT_PIDS] = { .value = 64, .layer = SBX_LAYER_WATCHDOG }
#define CPU \
	.limits[SBX_LIMIT_CPU_TIME] = { .value = 5000000, .layer = SBX_LAYER_SUPERVISOR }

#define KILL_ON .kill_on = 1U << SBX_LIMIT_OUTPUT | 1U << SBX_LIMIT_SCRATCH
#define OUTPUT \
	.limits[SBX_LIMIT_OUTPUT] = { .value = 4096, .layer = SBX_LAYER_SUPERVISOR }
#define SCRATCH_FULL .limits[SBX_LIMIT_SCRATCH] = { .value = 1 << 20, .hit = true }

struct outcome {
	struct sbx_result result;
	enum sbx_verdict verdict;
	int status;
	const char *says; /* part of the reason */
};

static const struct outcome outcomes[] = {
	{ { .exit_code = 0 }, SBX_OK, 0, "status 0" },
	{ { .exit_code = 3 }, SBX_EXIT, 3, "status 3" },
	/* Numbers that look like something else are nothing else. */
	{ { .exit_code = 137, MEMORY }, SBX_EXIT, 137, "status 137" },
	{ { .exit_code = 124, WALL }, SBX_EXIT, 124, "status 124" },
	{ { .exit_code = -1, .signal = SIGSEGV }, SBX_SIGNAL, 139, "signal 11" },
	{ { .exit_code = -1, .signal = SIGKILL, MEMORY }, SBX_SIGNAL, 137, "signal 9" },
	{ { .exit_code = -1, .signal = SIGSYS }, SBX_VIOLATION, 159, "filter" },
	/* Process 1 gone without a word, and no counter knows why. */
	{ { .exit_code = -1 }, SBX_SIGNAL, 137, "outside" },
	{ { .exit_code = -1, MEMORY, .stats = { .oom = 1, .oom_kill = 2 } },
	  SBX_OOM,
	  137,
	  "at the memory limit of 64MiB" },
	/* The limit of a group above, or the whole host. */
	{ { .exit_code = -1, MEMORY, .stats.oom_kill = 2 },
	  SBX_OOM,
	  137,
	  "outside the box" },
	/* The parent of the hog exits 0. */
	{ { .exit_code = 0, MEMORY, .stats = { .oom = 1, .oom_kill = 1 } },
	  SBX_OOM,
	  137,
	  "1 process" },
	{ { .exit_code = -1,
	    MEMORY,
	    .killed = KILL_MEMORY,
	    .memory_peak_bytes = 70000000 },
	  SBX_OOM,
	  137,
	  "70000000" },
	{ { .exit_code = -1, WALL, .killed = KILL_WALL }, SBX_TIMEOUT, 124, "2s" },
	{ { .exit_code = -1, CPU, .killed = KILL_CPU_TIME }, SBX_CPU_LIMIT, 124, "5s" },
	{ { .exit_code = -1, PIDS, .killed = KILL_PIDS }, SBX_PIDS_LIMIT, 123, "64" },
	{ { .exit_code = -1, .killed = KILL_INTERRUPT },
	  SBX_INTERRUPTED,
	  130,
	  "interrupted" },
	/* Two at once: a fixed order. */
	{ { .exit_code = -1,
	    MEMORY,
	    WALL,
	    .killed = KILL_WALL,
	    .stats = { .oom = 1, .oom_kill = 1 } },
	  SBX_OOM,
	  137,
	  "64MiB" },
	{ { .exit_code = -1, MEMORY, .killed = KILL_INTERRUPT, .stats.oom_kill = 1 },
	  SBX_INTERRUPTED,
	  130,
	  "interrupted" },
	{ { .exit_code = -1, .signal = SIGKILL, WALL, .killed = KILL_WALL },
	  SBX_TIMEOUT,
	  124,
	  "wall" },
	{ { .exit_code = -1,
	    .signal = SIGKILL,
	    MEMORY,
	    CPU,
	    .killed = KILL_CPU_TIME,
	    .stats = { .oom = 1, .oom_kill = 3 } },
	  SBX_OOM,
	  137,
	  "3 process" },
	{ { .exit_code = -1, WALL, CPU, .killed = KILL_WALL, .cpu_us = 6000000 },
	  SBX_TIMEOUT,
	  124,
	  "wall" },
	{ { .exit_code = -1,
	    WALL,
	    KILL_ON,
	    OUTPUT,
	    .killed = KILL_WALL,
	    .output_bytes = 5000 },
	  SBX_TIMEOUT,
	  124,
	  "wall" },
	{ { .exit_code = -1, KILL_ON, OUTPUT, SCRATCH_FULL, .output_bytes = 5000 },
	  SBX_OUTPUT_LIMIT,
	  123,
	  "4KiB" },
	/* Reached in the last millisecond: by the command's own end or by our kill, no matter. */
	{ { .exit_code = 0, CPU, .cpu_us = 5000000 }, SBX_CPU_LIMIT, 124, "5s" },
	{ { .exit_code = 0, CPU, .cpu_us = 4999999 }, SBX_OK, 0, "status 0" },
	{ { .exit_code = 0, KILL_ON, OUTPUT, .output_bytes = 4097 },
	  SBX_OUTPUT_LIMIT,
	  123,
	  "4KiB" },
	{ { .exit_code = 0, KILL_ON, OUTPUT, .output_bytes = 4096 },
	  SBX_OK,
	  0,
	  "status 0" },
	{ { .exit_code = 1, KILL_ON, SCRATCH_FULL },
	  SBX_SCRATCH_LIMIT,
	  123,
	  "scratch limit of 1MiB" },
	{ { .exit_code = -1, .signal = SIGSYS, KILL_ON, SCRATCH_FULL },
	  SBX_SCRATCH_LIMIT,
	  123,
	  "scratch" },
	{ { .exit_code = -1, .signal = SIGSYS, PIDS, .killed = KILL_PIDS },
	  SBX_PIDS_LIMIT,
	  123,
	  "64" },
	/* Without the policy's word the same ends nothing, but may explain an end. */
	{ { .exit_code = 1, SCRATCH_FULL },
	  SBX_EXIT,
	  1,
	  "status 1; reached on the way: scratch limit of 1MiB" },
	{ { .exit_code = 0, OUTPUT, .output_bytes = 5000 }, SBX_OK, 0, "status 0" },
	{ { .exit_code = 1, PIDS, .stats.pids_max = 3 },
	  SBX_EXIT,
	  1,
	  "pids limit of 64" },
	{ { .exit_code = -1,
	    .signal = SIGXFSZ,
	    .limits[SBX_LIMIT_FILE_SIZE] = { .value = 1024 } },
	  SBX_SIGNAL,
	  128 + SIGXFSZ,
	  "file_size limit of 1KiB" },
	/* A refused fork alone ends nothing. */
	{ { .exit_code = 0, PIDS, .stats.pids_max = 9 }, SBX_OK, 0, "status 0" },
};

static void evidence_decides_in_a_fixed_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		struct sbx_result r = outcomes[i].result;

		verdict_decide(&r);
		if (r.verdict != outcomes[i].verdict ||
		    !strstr(r.reason, outcomes[i].says) ||
		    result_exit_status(&r) != outcomes[i].status)
			fail_msg("case %zu: %s, '%s', status %d", i,
				 verdict_text(r.verdict), r.reason,
				 result_exit_status(&r));
	}
}

static void hits_are_marked_where_they_were(void **state)
{
	struct sbx_result r = {
		.exit_code = 0,
		MEMORY,
		WALL,
		PIDS,
		.limits[SBX_LIMIT_CPUS] = { .value = 500 },
		.limits[SBX_LIMIT_OUTPUT] = { .value = 4096 },
		.stats = { .pids_max = 1, .throttled = 3 },
		.output_bytes = 4097,
	};

	(void)state;
	verdict_decide(&r);
	assert_true(r.limits[SBX_LIMIT_PIDS].hit);
	assert_true(r.limits[SBX_LIMIT_CPUS].hit);
	assert_true(r.limits[SBX_LIMIT_OUTPUT].hit);
	assert_false(r.limits[SBX_LIMIT_MEMORY].hit);
	assert_false(r.limits[SBX_LIMIT_WALL].hit);
}

static void set_up_errors_have_the_shells_numbers(void **state)
{
	static const struct {
		int exec_errno, status;
	} table[] = { { 0, 125 },      { ENOENT, 127 },  { ENOTDIR, 127 },
		      { EACCES, 126 }, { ENOEXEC, 126 }, { E2BIG, 126 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct sbx_result r = { .verdict = SBX_SETUP_ERROR,
					      .exec_errno = table[i].exec_errno };

		assert_int_equal(result_exit_status(&r), table[i].status);
	}
}

static void the_record_has_its_keys(void **state)
{
	static const char *const keys[] = {
		"schema",       "verdict",
		"reason",       "exit_code",
		"signal",       "wall_us",
		"cpu_us",       "memory_peak_bytes",
		"output_bytes", "output_dropped_bytes",
		"enforcement",  "limits",
		"evidence",     "setup_us",
		"unreaped",     "target_changed",
		"host",
	};
	struct sbx_result r = {
		.exit_code = -1, .signal = SIGSEGV, MEMORY, .wall_us = UINT64_MAX
	};
	cleanup_json json_t *j = NULL;
	json_t *limits;

	(void)state;
	verdict_decide(&r);
	j = result_json(&r, "default");
	assert_non_null(j);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!json_object_get(j, keys[i]))
			fail_msg("no %s", keys[i]);
	assert_true(json_is_null(json_object_get(j, "exit_code")));
	assert_int_equal(json_integer_value(json_object_get(j, "signal")), SIGSEGV);
	assert_true(json_integer_value(json_object_get(j, "wall_us")) == INT64_MAX);
	limits = json_object_get(j, "limits");
	/* Only limits that there are. */
	assert_int_equal(json_object_size(limits), 1);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(limits, "memory"), "enforced_by")),
			    "cgroup2");
}

/* A directory with files as the kernel writes them. */
static int fake_group(char path[], const char *const files[][2])
{
	int dir;

	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; files[i][0]; i++)
		assert_int_equal(file_replace(dir, files[i][0], files[i][1],
					      strlen(files[i][1]), 0600),
				 0);
	return dir;
}

static void counters_are_read_by_their_whole_name(void **state)
{
	static const char *const files[][2] = {
		{ "memory.events",
		  "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n" },
		{ "memory.peak", "67108864\n" },
		{ "memory.current", "4096\n" },
		{ "pids.events", "max 7\n" },
		{ "cpu.stat",
		  "usage_usec 8\nuser_usec 80\nsystem_usec 81\nnr_periods 82\n"
		  "nr_throttled 9\nthrottled_usec 10\n" },
		{ "memory.pressure",
		  "some avg10=0.00 avg60=0.00 avg300=0.00 total=99\n"
		  "full avg10=0.00 avg60=0.00 avg300=0.00 total=11\n" },
		{ "cgroup.events", "populated 0\nfrozen 1\n" },
		{ NULL, NULL },
	};
	char path[] = "/tmp/autoexp-cgroup-XXXXXX";
	struct cgroup cg = CGROUP_INIT;
	struct cgroup_stats s;

	(void)state;
	cg.fd = fake_group(path, files);
	cgroup_read_stats(&cg, &s);
	assert_int_equal(s.memory_peak, 67108864);
	assert_int_equal(s.memory_max, 3);
	assert_int_equal(s.oom, 4);
	assert_int_equal(s.oom_kill, 5);
	assert_int_equal(s.oom_group_kill, 6);
	assert_int_equal(s.pids_max, 7);
	assert_int_equal(s.cpu_us, 8);
	assert_int_equal(s.throttled, 9);
	assert_int_equal(s.throttled_us, 10);
	assert_int_equal(s.memory_pressure_us, 11);
	assert_int_equal(cgroup_memory_now(&cg), 4096);
	assert_int_equal(cgroup_cpu_us(&cg), 8);
	assert_true(cgroup_is_empty(&cg));
	fd_close(cg.fd);
	assert_int_equal(dir_remove(AT_FDCWD, path), 0);
}

static void a_group_without_controllers_reads_as_nothing(void **state)
{
	static const char *const files[][2] = {
		{ "cgroup.events", "populated 1\nfrozen 0\n" }, { NULL, NULL }
	};
	char path[] = "/tmp/autoexp-cgroup-XXXXXX";
	const struct cgroup none = CGROUP_INIT;
	struct cgroup cg = CGROUP_INIT;
	struct cgroup_stats s, zero = { 0 };

	(void)state;
	cg.fd = fake_group(path, files);
	cgroup_read_stats(&cg, &s);
	assert_memory_equal(&s, &zero, sizeof(s));
	assert_false(cgroup_is_empty(&cg));
	fd_close(cg.fd);
	assert_int_equal(dir_remove(AT_FDCWD, path), 0);

	cgroup_read_stats(&none, &s);
	assert_memory_equal(&s, &zero, sizeof(s));
	assert_true(cgroup_is_empty(&none));
}

static void limits_are_written_as_the_kernel_wants_them(void **state)
{
	static const char *const files[][2] = {
		{ "memory.max", "" },       { "memory.swap.max", "" },
		{ "memory.oom.group", "" }, { "pids.max", "" },
		{ "cpu.max", "" },          { NULL, NULL },
	};
	static const char *const expect[][2] = {
		{ "memory.max", "67108864" },
		{ "memory.swap.max", "0" },
		{ "memory.oom.group", "1" },
		{ "pids.max", "65" }, /* and our process 1 */
		{ "cpu.max", "50000 100000" },
	};
	char path[] = "/tmp/autoexp-cgroup-XXXXXX";
	struct cgroup cg = CGROUP_INIT;
	struct sbx_err err = { 0 };

	(void)state;
	cg.fd = fake_group(path, files);
	cg.has[CGROUP_MEMORY] = cg.has[CGROUP_PIDS] = cg.has[CGROUP_CPU] = true;
	assert_int_equal(cgroup_limit(&cg, SBX_LIMIT_MEMORY, 64 << 20, &err), 1);
	assert_int_equal(cgroup_limit(&cg, SBX_LIMIT_PIDS, 64, &err), 1);
	assert_int_equal(cgroup_limit(&cg, SBX_LIMIT_CPUS, 500, &err), 1);
	for (size_t i = 0; i < ARRAY_SIZE(expect); i++) {
		cleanup_buf struct buf b = BUF_INIT;

		assert_int_equal(file_read(cg.fd, expect[i][0], 0, 4096, &b), 0);
		assert_string_equal(buf_str(&b), expect[i][1]);
	}

	/* A controller that is not there is no error, but there is a reason. */
	cg.has[CGROUP_CPU] = false;
	assert_int_equal(cgroup_limit(&cg, SBX_LIMIT_CPUS, 500, &err), 0);
	assert_non_null(strstr(cgroup_why_not(&cg, CGROUP_CPU), "'cpu'"));
	fd_close(cg.fd);
	assert_int_equal(dir_remove(AT_FDCWD, path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_decides_in_a_fixed_order),
		cmocka_unit_test(hits_are_marked_where_they_were),
		cmocka_unit_test(set_up_errors_have_the_shells_numbers),
		cmocka_unit_test(the_record_has_its_keys),
		cmocka_unit_test(counters_are_read_by_their_whole_name),
		cmocka_unit_test(a_group_without_controllers_reads_as_nothing),
		cmocka_unit_test(limits_are_written_as_the_kernel_wants_them),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
