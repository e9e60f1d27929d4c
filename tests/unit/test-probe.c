/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Features of the kernel: those of a group are found by their files, and looking changes nothing.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "probe.h"

static size_t find(const char *name)
{
	for (size_t i = 0; i < probe_count; i++)
		if (streq(probe_table[i].name, name))
			return i;
	fail_msg("no feature '%s'", name);
	return 0;
}

static void files_of_a_group_are_features(void **state attr_unused)
{
	static const char *const files[] = { "cgroup.kill", "memory.peak",
					     "memory.swap.max", "memory.pressure",
					     "io.max" };
	char dir[] = "/tmp/autoexp-probe-XXXXXX";
	cleanup_close int fd = -EBADF;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_false(probe_has(find(files[i]), -EBADF));
		assert_false(probe_has(find(files[i]), fd));
		assert_int_equal(file_replace(fd, files[i], "", 0, 0600), 0);
		assert_true(probe_has(find(files[i]), fd));
	}
	assert_int_equal(dir_remove(AT_FDCWD, dir), 0);
}

static void what_a_box_cannot_do_without_has_no_stand_in(void **state attr_unused)
{
	for (size_t i = 0; i < probe_count; i++)
		assert_true(!probe_table[i].stands_in ==
			    streq(probe_table[i].name, "clone3"));
}

/* Tests run where boxes run. */
static void calls_of_this_kernel_are_found(void **state attr_unused)
{
	assert_true(probe_has(find("clone3"), -EBADF));
	assert_true(probe_has(find("seccomp notify"), -EBADF));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_a_group_are_features),
		cmocka_unit_test(what_a_box_cannot_do_without_has_no_stand_in),
		cmocka_unit_test(calls_of_this_kernel_are_found),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
