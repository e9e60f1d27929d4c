/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lists of CPUs: what is read, how it is written, and which CPUs are chosen.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cpuset.h"

static void a_list_is_sorted_and_merged(void **state attr_unused)
{
	static const struct {
		const char *text, *list;
		int r;
	} table[] = {
		{ "0", "0", 0 },
		{ "0-3,6", "0-3,6", 0 },
		{ "6,3,2,1,0", "0-3,6", 0 },
		{ "1-1", "1", 0 },
		{ "0-5,2-9", "0-9", 0 },
		{ "1023", "1023", 0 },
		{ "0007", "7", 0 },
		{ "1024", NULL, -ERANGE },
		{ "0-99999999999999999999", NULL, -ERANGE },
		{ "", NULL, -EINVAL },
		{ "a", NULL, -EINVAL },
		{ "-1", NULL, -EINVAL },
		{ "1-", NULL, -EINVAL },
		{ "3-1", NULL, -EINVAL },
		{ "1,", NULL, -EINVAL },
		{ ",1", NULL, -EINVAL },
		{ "1 ,2", NULL, -EINVAL },
		{ " 1", NULL, -EINVAL },
		{ "1\n", NULL, -EINVAL },
		{ "0-7:2", NULL, -EINVAL },
		{ "1-2-3", NULL, -EINVAL },
		{ "all", NULL, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char list[SBX_CPUSET_SIZE] = "untouched";
		struct sbx_err err = { 0 };
		int r = cpuset_parse(table[i].text, list, &err);

		if (r != table[i].r ||
		    !streq(list, table[i].list ? table[i].list : "untouched"))
			fail_msg("'%s': %d '%s'", table[i].text, r, list);
		if (r < 0 && !strstr(err.msg, "cpuset: '"))
			fail_msg("\"%s\" does not say what is wrong", err.msg);
	}
}

static void a_list_too_long_to_keep_is_refused(void **state attr_unused)
{
	cleanup_buf struct buf b = BUF_INIT;
	char list[SBX_CPUSET_SIZE];

	for (int i = 0; i < 400; i += 2)
		buf_printf(&b, "%s%d", i ? "," : "", i);
	assert_int_equal(cpuset_parse(buf_str(&b), list, NULL), -E2BIG);
}

static void lists_are_the_same_when_their_cpus_are(void **state attr_unused)
{
	assert_true(cpuset_same("0-3", "3,2,1,0"));
	assert_false(cpuset_same("0-3", "0-2"));
	assert_false(cpuset_same("0-3", ""));
	assert_false(cpuset_same("", ""));
}

static void only_cpus_of_ours_are_chosen(void **state attr_unused)
{
	struct sbx_err err = { 0 };
	cpu_set_t have, got, both;

	assert_int_equal(sched_getaffinity(0, sizeof(have), &have), 0);
	assert_int_equal(cpuset_choose("", 0, &got, NULL), 0);
	assert_true(CPU_EQUAL(&have, &got));

	assert_int_equal(cpuset_choose("", 1, &got, NULL), 0);
	CPU_AND(&both, &have, &got);
	assert_int_equal(CPU_COUNT(&both), 1);
	assert_int_equal(CPU_COUNT(&got), 1);

	/* More than there are is all there are. */
	assert_int_equal(cpuset_choose("", 100000, &got, NULL), 0);
	assert_true(CPU_EQUAL(&have, &got));

	assert_false(CPU_ISSET(1023, &have));
	assert_int_equal(cpuset_choose("1023", 0, &got, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "1023"));
	assert_non_null(strstr(err.msg, "these are"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_sorted_and_merged),
		cmocka_unit_test(a_list_too_long_to_keep_is_refused),
		cmocka_unit_test(lists_are_the_same_when_their_cpus_are),
		cmocka_unit_test(only_cpus_of_ours_are_chosen),
	};

	return cmocka_run_group_tests_name("cpuset", tests, NULL, NULL);
}
