/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of limits, and what a policy and a job become: the plan of a box.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "limit.h"
#include "plan.h"
#include "policy.h"

struct entry {
	enum sbx_limit limit;
	const char *text;
	int r;
	uint64_t value;
};

static void limits_have_units_and_ranges(void **state)
{
	static const struct entry table[] = {
		{ SBX_LIMIT_WALL, "2s", 0, 2000000 },
		{ SBX_LIMIT_WALL, "1ms", 0, 1000 },
		{ SBX_LIMIT_WALL, "999us", -ERANGE, 0 },
		{ SBX_LIMIT_WALL, "0s", -ERANGE, 0 },
		{ SBX_LIMIT_WALL, "365d", 0, 365 * 86400000000ULL },
		{ SBX_LIMIT_WALL, "366d", -ERANGE, 0 },
		{ SBX_LIMIT_WALL, "2", -EINVAL, 0 },
		{ SBX_LIMIT_WALL, "64M", -EINVAL, 0 },
		{ SBX_LIMIT_MEMORY, "64M", 0, 64 << 20 },
		{ SBX_LIMIT_MEMORY, "4M", 0, 4 << 20 },
		{ SBX_LIMIT_MEMORY, "4095K", -ERANGE, 0 },
		{ SBX_LIMIT_MEMORY, "1e9", -EINVAL, 0 },
		{ SBX_LIMIT_MEMORY, "2000T", -ERANGE, 0 },
		{ SBX_LIMIT_MEMORY, "99999999999T", -ERANGE, 0 },
		{ SBX_LIMIT_CPUS, "0.5", 0, 500 },
		{ SBX_LIMIT_CPUS, "0.01", 0, 10 },
		{ SBX_LIMIT_CPUS, "0.009", -ERANGE, 0 },
		{ SBX_LIMIT_CPUS, "1001", -ERANGE, 0 },
		{ SBX_LIMIT_PIDS, "1", 0, 1 },
		{ SBX_LIMIT_PIDS, "0", -ERANGE, 0 },
		{ SBX_LIMIT_PIDS, "4194305", -ERANGE, 0 },
		{ SBX_LIMIT_PIDS, "2.5", -EINVAL, 0 },
		{ SBX_LIMIT_SCRATCH, "64K", 0, 64 << 10 },
		{ SBX_LIMIT_SCRATCH, "1K", -ERANGE, 0 },
		{ SBX_LIMIT_OUTPUT, "1M", 0, 1 << 20 },
		{ SBX_LIMIT_CPU_TIME, "5m", 0, 300000000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sbx_err err = { 0 };
		uint64_t value = 4711;
		int r = limit_parse(table[i].limit, table[i].text, &value, &err);

		if (r != table[i].r || value != (r < 0 ? 4711 : table[i].value))
			fail_msg("%s: %d, %llu", table[i].text, r,
				 (unsigned long long)value);
		if (r < 0 && !strstr(err.msg, limit_table[table[i].limit].name))
			fail_msg("\"%s\" does not name the limit", err.msg);
	}
}

/* A default that its own limit refuses, or text that is not read back, would be our mistake. */
static void the_table_agrees_with_itself(void **state)
{
	uint64_t limits[_SBX_LIMIT_MAX], value;
	char text[32];

	(void)state;
	limits_default(limits);
	for (int i = 0; i < _SBX_LIMIT_MAX; i++) {
		const struct limit_info *info = &limit_table[i];

		assert_int_equal(limit_find(info->name), i);
		assert_int_equal(limits[i], info->def);
		assert_true(info->min > 0 && info->min < info->max);
		if (!info->def)
			continue;
		assert_true(info->def >= info->min && info->def <= info->max);
		limit_format((enum sbx_limit)i, info->def, text, sizeof(text));
		assert_int_equal(limit_parse((enum sbx_limit)i, text, &value, NULL), 0);
		assert_int_equal(value, info->def);
	}
	assert_int_equal(limit_find("wal"), -1);
	assert_int_equal(limit_find("cpu-time"), -1);
}

static struct plan *plan_of(const struct sbx_job *job, struct sbx_err *err)
{
	struct sbx_policy *policy = NULL;
	struct plan *plan = NULL;

	assert_int_equal(policy_new(&policy), 0);
	plan_new(policy, job, &plan, err);
	policy_free(policy);
	return plan;
}

static ssize_t find_op(const struct plan *p, enum op_type type, const char *dest)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i].type == type && streq(p->ops[i].dest, dest))
			return (ssize_t)i;
	return -1;
}

static void a_plain_box_has_a_sealed_root(void **state)
{
	static const char *const scratch[] = { "/tmp", "/dev/shm", "/home/autoexp" };
	const struct sbx_job job = { .target_fd = -EBADF };
	struct sbx_err err = { 0 };
	struct plan *p = plan_of(&job, &err);

	(void)state;
	assert_non_null(p);
	assert_true(find_op(p, OP_BIND, "/usr") >= 0);
	assert_true(find_op(p, OP_PROC, "/proc") >= 0);
	assert_true(find_op(p, OP_OUT, "/out") >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(scratch); i++)
		assert_true(find_op(p, OP_SCRATCH, scratch[i]) >= 0);
	assert_true(find_op(p, OP_SEAL, "/") > find_op(p, OP_SCRATCH, "/tmp"));
	for (size_t i = 0; i < p->n; i++) {
		const char *dest = p->ops[i].dest;

		assert_null(str_after(dest, "/root"));
		assert_null(str_after(dest, "/run"));
		assert_null(str_after(dest, "/var"));
	}
	plan_free(p);
}

/* A rename of /tmp/a would put a forged tree in the place of a mount below it. */
static void what_lies_below_a_writable_place_is_guarded(void **state)
{
	const struct sbx_job job = {
		.view_path = "/tmp/a/b/repo",
		.view_source = "/usr/share",
		.target_fd = -EBADF,
	};
	struct sbx_err err = { 0 };
	struct plan *p = plan_of(&job, &err);
	ssize_t guard, view, seal;

	(void)state;
	assert_non_null(p);
	guard = find_op(p, OP_TMPFS, "/tmp/a");
	view = find_op(p, OP_BIND, "/tmp/a/b/repo");
	seal = find_op(p, OP_SEAL, "/tmp/a");
	assert_true(find_op(p, OP_SCRATCH, "/tmp") < guard);
	assert_true(guard >= 0 && guard < view && view < seal);
	plan_free(p);
}

static void paths_that_reach_out_are_refused(void **state)
{
	static const char *const paths[] = {
		"relative",    "",          "/",
		"/tmp",        "/run/user", "/var/run/docker.sock",
		"/proc/1",     "/sys/fs",   "/dev/sda",
		"/usr/../etc", "/usr//lib", "/run",
		"/./run",      "/home/..",  "/home/u/.",
		"/home/u/",    "/tmp/",     "//run",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const struct sbx_job job = {
			.view_path = paths[i],
			.view_source = "/usr/share",
			.target_fd = -EBADF,
		};
		struct sbx_err err = { 0 };

		if (plan_of(&job, &err))
			fail_msg("'%s' was accepted", paths[i]);
		assert_int_equal(err.code, -EINVAL);
		assert_non_null(strstr(err.msg, paths[i]));
	}
}

static void a_shown_tree_must_not_hold_a_way_out(void **state)
{
	char dir[] = "/tmp/autoexp-plan-XXXXXX", fifo[64];
	char *show[] = { dir, NULL };
	const struct sbx_job job = { .show = show, .target_fd = -EBADF };
	struct sbx_err err = { 0 };
	struct plan *p;

	(void)state;
	assert_non_null(mkdtemp(dir));
	p = plan_of(&job, &err);
	assert_non_null(p);
	plan_free(p);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	p = plan_of(&job, &err);
	unlink(fifo);
	rmdir(dir);
	assert_null(p);
	assert_non_null(strstr(err.msg, "FIFO"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_have_units_and_ranges),
		cmocka_unit_test(the_table_agrees_with_itself),
		cmocka_unit_test(a_plain_box_has_a_sealed_root),
		cmocka_unit_test(what_lies_below_a_writable_place_is_guarded),
		cmocka_unit_test(paths_that_reach_out_are_refused),
		cmocka_unit_test(a_shown_tree_must_not_hold_a_way_out),
	};

	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
