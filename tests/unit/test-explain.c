/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Each cause has its own sentence: what is read from a folder made like /proc, and what is
 * said about it. Hosts of all these kinds are not to be had for one run.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "explain.h"

struct host {
	const char *file, *text; /* the one that differs from an ordinary host's */
	bool ordinary;
	int r;
	const char *says;
};

static const struct host hosts[] = {
	{ NULL, NULL, true, -EPERM, "as it does in a chroot" },
	{ NULL, NULL, true, -EACCES, "security module" },
	{ NULL, NULL, true, -ENOSYS, "Linux 5.10" },
	{ NULL, NULL, true, -EAGAIN, "ulimit -u" },
	{ NULL, NULL, true, -ENOSPC, "nested 32 deep" },
	{ NULL, NULL, true, -ENOMEM, "cannot start process 1" },
	{ "sys/kernel/unprivileged_userns_clone", "0\n", true, -EPERM,
	  "sysctl kernel.unprivileged_userns_clone=1" },
	{ "sys/kernel/unprivileged_userns_clone", "1\n", true, -EPERM, "in a chroot" },
	{ "sys/kernel/unprivileged_userns_clone", "0\n", false, -EPERM, "in a chroot" },
	{ "sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", true, -EACCES,
	  "contrib/apparmor/autoexp" },
	{ "sys/kernel/apparmor_restrict_unprivileged_userns", "0\n", true, -EACCES,
	  "security module" },
	{ "sys/user/max_user_namespaces", "0\n", true, -ENOSPC,
	  "user.max_user_namespaces is 0" },
	{ "sys/user/max_cgroup_namespaces", "0\n", true, -ENOSPC,
	  "sysctl user.max_cgroup_namespaces=15000" },
	{ "self/status", "Name:\tx\nSeccomp:\t2\n", true, -EPERM, "seccomp=unconfined" },
	{ "self/status", "Name:\tx\nSeccomp:\t2\n", false, -ENOSYS,
	  "seccomp=unconfined" },
	{ "self/status", "Name:\tx\nSeccomp:\t0\n", false, -ENOSYS, "Linux 5.10" },
	{ "self/mountinfo",
	  "30 1 0:1 / /usr rw - ext4 a rw\n31 1 0:2 / /proc rw - p p rw\n", true, -EPERM,
	  "we are in a chroot" },
	{ "self/mountinfo",
	  "30 1 0:1 / /usr rw - ext4 a rw\n31 1 0:2 / / rw - ext4 b rw\n", true, -EPERM,
	  "as it does in a chroot" },
};

static void put(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0600), 0);
}

static void make_proc(char *dir, const struct host *h)
{
	strcpy(dir, "/tmp/test-explain-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < 3; i++) {
		static const char *const dirs[] = { "self", "sys/kernel", "sys/user" };
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
		assert_int_equal(dir_make(AT_FDCWD, path, 0700), 0);
	}
	put(dir, "sys/user/max_user_namespaces", "15000\n");
	put(dir, "self/mountinfo",
	    "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/a rw\n");
	if (h->file)
		put(dir, h->file, h->text);
}

static void every_cause_has_its_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		const struct host *h = &hosts[i];
		struct sbx_err err = { 0 };
		struct host_facts facts;
		char dir[64];

		make_proc(dir, h);
		explain_look(dir, h->ordinary, &facts);
		assert_int_equal(explain_clone(h->r, &facts, &err), h->r);
		if (!strstr(err.msg, h->says))
			fail_msg("host %zu: %s", i, err.msg);
		assert_int_equal(dir_remove(AT_FDCWD, dir), 0);
	}
}

static void a_forbidden_step_gets_its_cause(void **state)
{
	static const struct host_facts apparmor = { .ordinary = true, .apparmor = true };
	static const struct host_facts root = { .apparmor = true };
	static const struct host_facts filter = { .seccomp = true };
	static const struct {
		const struct host_facts *facts;
		int code;
		const char *stage, *begins;
	} steps[] = {
		{ &apparmor, -EACCES, "mount", "AppArmor gives" },
		{ &apparmor, -EPERM, "idmap", "AppArmor gives" },
		{ &apparmor, -EPERM, "proc", "cannot do it" },
		{ &apparmor, -ENOENT, "mount", "cannot do it" },
		{ &apparmor, -EPERM, "cgroup", "cannot do it" },
		{ &root, -EPERM, "mount", "cannot do it" },
		{ &filter, -EPERM, "proc", "either a seccomp filter" },
		{ &filter, -ENOSYS, "proc", "a seccomp filter" },
		{ &filter, -EPERM, "net", "a seccomp filter" },
		{ &filter, -ENOSYS, "mount", "a seccomp filter" },
		{ &filter, -ENOSPC, "mount", "cannot do it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct sbx_err err = { 0 };

		sbx_err_set(&err, steps[i].code, steps[i].stage, "cannot do it");
		explain_step(steps[i].facts, &err);
		if (!str_after(err.msg, steps[i].begins) ||
		    !strstr(err.msg, "cannot do it") || err.code != steps[i].code)
			fail_msg("step %zu: %s", i, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cause_has_its_sentence),
		cmocka_unit_test(a_forbidden_step_gets_its_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
