/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Profiles as Docker and OCI have them: what each key means is asked of the filter that is
 * made from it, and what could mean something else than it seems is an error with its place.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/strv.h"
#include "filter.h"
#include "policy-load.h"
#include "policy.h"
#include "profile.h"

#define ERRNO(e) (SECCOMP_RET_ERRNO | (uint32_t)(e))
#define DEBIAN   "/usr/share/containers/seccomp.json"

static char dir[] = "/tmp/autoexp-profile-XXXXXX";

static int make_dir(void **state attr_unused)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state attr_unused)
{
	return dir_remove(AT_FDCWD, dir);
}

static char *write_profile(const char *text)
{
	char *path = str_printf("%s/p.json", dir);

	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0600), 0);
	return path;
}

/* The filter of a policy with this profile, the floor included. */
static void load(const char *text, struct filter *ret)
{
	cleanup_free char *path = write_profile(text);
	struct sbx_err err = { 0 };
	struct sbx_policy *p;

	assert_int_equal(policy_new(&p), 0);
	p->profile = TAKE_PTR(path);
	if (filter_choose(p, ret, &err) < 0)
		fail_msg("%s", err.msg);
	policy_free(p);
}

static uint32_t ask(const struct filter *f, int nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct seccomp_data d = { .nr = nr, .arch = f->plain[1].k, .args = { a, b, c } };

	return filter_ask(f, &d);
}

#define RULE(more)                                                          \
	"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, " \
	"\"syscalls\": [" more "]}"
#define ALLOW_READ "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\""

static void actions_become_answers(void **state attr_unused)
{
	static const struct {
		const char *action;
		uint32_t want;
	} cases[] = {
		{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
		{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
		{ "SCMP_ACT_ERRNO", ERRNO(EPERM) },
		{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
		{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
		{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
		{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text =
			str_printf(RULE("{\"names\": [\"read\"], \"action\": \"%s\"}"),
				   cases[i].action);
		struct filter f;

		load(text, &f);
		assert_int_equal(ask(&f, SYS_read, 0, 0, 0), cases[i].want);
		assert_int_equal(ask(&f, SYS_write, 0, 0, 0), ERRNO(ENOSYS));
		filter_done(&f);
	}
}

static void errors_come_by_number_by_name_and_by_default(void **state attr_unused)
{
	struct filter f;

	load("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
	     "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 13},"
	     "{\"name\": \"write\", \"action\": \"SCMP_ACT_ERRNO\", \"errno\": \"EIO\"},"
	     "{\"names\": [\"close\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 5, "
	     "\"errno\": \"EIO\"}]}",
	     &f);
	assert_int_equal(ask(&f, SYS_read, 0, 0, 0), ERRNO(EACCES));
	assert_int_equal(ask(&f, SYS_write, 0, 0, 0), ERRNO(EIO));
	assert_int_equal(ask(&f, SYS_close, 0, 0, 0), ERRNO(EIO));
	assert_int_equal(ask(&f, SYS_dup, 0, 0, 0), ERRNO(EPERM));
	filter_done(&f);
}

#define ARG(i, v, two, op)                                                        \
	"{\"index\": " #i ", \"value\": " #v ", \"valueTwo\": " #two ", \"op\": " \
	"\"SCMP_CMP_" #op "\"}"

static void arguments_are_compared(void **state attr_unused)
{
	static const struct {
		const char *args;
		uint64_t yes, no; /* of the second argument */
	} cases[] = {
		{ ARG(1, 5, 0, EQ), 5, 6 },
		{ ARG(1, 5, 0, NE), 4, 5 },
		{ ARG(1, 5, 0, LT), 4, 5 },
		{ ARG(1, 5, 0, LE), 5, 6 },
		{ ARG(1, 5, 0, GE), 5, 4 },
		{ ARG(1, 5, 0, GT), 6, 5 },
		{ ARG(1, 12, 4, MASKED_EQ), 5, 13 },
		{ ARG(1, 4294967296, 0, GT), 1ULL << 33, 9 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text =
			str_printf(RULE(ALLOW_READ ", \"args\": [%s]}"), cases[i].args);
		struct filter f;

		load(text, &f);
		assert_int_equal(ask(&f, SYS_read, 9, cases[i].yes, 9),
				 SECCOMP_RET_ALLOW);
		assert_int_equal(ask(&f, SYS_read, 9, cases[i].no, 9), ERRNO(ENOSYS));
		filter_done(&f);
	}
}

/* All conditions on different arguments; any of several on the same one, as runc has it. */
static void conditions_combine_as_in_runc(void **state attr_unused)
{
	struct filter f;

	load(RULE(ALLOW_READ ", \"args\": [" ARG(0, 1, 0, EQ) ", " ARG(1, 2, 0, EQ) "]}"),
	     &f);
	assert_int_equal(ask(&f, SYS_read, 1, 2, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_read, 1, 3, 0), ERRNO(ENOSYS));
	assert_int_equal(ask(&f, SYS_read, 2, 2, 0), ERRNO(ENOSYS));
	filter_done(&f);

	load(RULE(ALLOW_READ ", \"args\": [" ARG(0, 1, 0, EQ) ", " ARG(0, 2, 0, EQ) "]}"),
	     &f);
	assert_int_equal(ask(&f, SYS_read, 1, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_read, 2, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_read, 3, 0, 0), ERRNO(ENOSYS));
	filter_done(&f);
}

static void the_strictest_of_several_rules_decides(void **state attr_unused)
{
	struct filter f;

	load(RULE(ALLOW_READ "}, {\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", "
			     "\"args\": [" ARG(0, 1, 0, EQ) "]}"),
	     &f);
	assert_int_equal(ask(&f, SYS_read, 1, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(&f, SYS_read, 2, 0, 0), SECCOMP_RET_ALLOW);
	filter_done(&f);
}

/* A rule that holds only elsewhere is as if it were not there. */
static void rules_hold_only_where_they_are_meant(void **state attr_unused)
{
	static const struct {
		const char *more;
		bool holds;
	} cases[] = {
		{ "\"includes\": {}, \"excludes\": {}", true },
		{ "\"includes\": null, \"args\": null, \"comment\": \"\"", true },
		{ "\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", false },
		{ "\"includes\": {\"caps\": []}", true },
		{ "\"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", true },
		{ "\"includes\": {\"minKernel\": \"4.8\"}", true },
		{ "\"includes\": {\"minKernel\": \"99.0\"}", false },
		{ "\"excludes\": {\"minKernel\": \"4.8\"}", false },
		{ "\"excludes\": {\"minKernel\": \"99.0\"}", true },
		{ "\"includes\": {\"arches\": [\"amd64\", \"arm64\", \"riscv64\", "
		  "\"ppc64le\", "
		  "\"s390x\"]}",
		  true },
		{ "\"includes\": {\"arches\": [\"vax\"]}", false },
		{ "\"excludes\": {\"arches\": [\"vax\"]}", true },
		{ "\"excludes\": {\"arches\": [\"amd64\", \"arm64\", \"riscv64\", "
		  "\"ppc64le\", "
		  "\"s390x\"]}",
		  false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text =
			str_printf(RULE(ALLOW_READ ", %s}"), cases[i].more);
		struct filter f;

		load(text, &f);
		if ((ask(&f, SYS_read, 0, 0, 0) == SECCOMP_RET_ALLOW) != cases[i].holds)
			fail_msg("%s", cases[i].more);
		filter_done(&f);
	}
}

/* Even where a profile allows everything. */
static void the_floor_stays_below_any_profile(void **state attr_unused)
{
	struct filter f;

	load("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", &f);
	assert_int_equal(ask(&f, SYS_read, 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_clone, CLONE_NEWUSER, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(&f, SYS_unshare, CLONE_NEWUSER, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(&f, SYS_unshare, CLONE_FILES, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_setns, 0, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(&f, SYS_clone3, 0, 0, 0), ERRNO(ENOSYS));
	assert_int_equal(ask(&f, SYS_ioctl, 0, 0x5412, 0), ERRNO(EPERM));
	assert_int_equal(ask(&f, SYS_ioctl, 0, 0x5413, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_personality, ADDR_NO_RANDOMIZE, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(&f, SYS_personality, 0x80040000, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(&f, SYS_personality, 0xffffffff, 0, 0), SECCOMP_RET_ALLOW);
	filter_done(&f);

	/* What the profile kills stays killed, and what it logs is logged above the floor. */
	load("{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", \"syscalls\": "
	     "[{\"names\": [\"ioctl\"], \"action\": \"SCMP_ACT_LOG\"}]}",
	     &f);
	assert_int_equal(ask(&f, SYS_clone, CLONE_NEWUSER, 0, 0),
			 SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, SYS_clone3, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, SYS_ioctl, 0, 0x5412, 0), ERRNO(EPERM));
	assert_int_equal(ask(&f, SYS_ioctl, 0, 0x5413, 0), SECCOMP_RET_LOG);
	filter_done(&f);
}

static void a_config_json_is_looked_through(void **state attr_unused)
{
	struct filter f;

	load("{\"ociVersion\": \"1.0.2\", \"linux\": {\"seccomp\": {\"defaultAction\": "
	     "\"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\"], "
	     "\"syscalls\": [" ALLOW_READ "}]}}}",
	     &f);
	assert_int_equal(ask(&f, SYS_read, 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_write, 0, 0, 0), ERRNO(EPERM));
	filter_done(&f);
}

/* Runtimes skip them, and so do we, where skipping cannot open anything. */
static void unknown_names_are_skipped_where_that_is_safe(void **state attr_unused)
{
	struct filter f;

	load(RULE("{\"names\": [\"read\", \"no_such_call\"], \"action\": "
		  "\"SCMP_ACT_ALLOW\"}"),
	     &f);
	assert_int_equal(ask(&f, SYS_read, 0, 0, 0), SECCOMP_RET_ALLOW);
	filter_done(&f);
}

static void what_is_wrong_is_named_with_its_place(void **state attr_unused)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "{}", "1:1: the key 'defaultAction' is missing; accepted is "
			"SCMP_ACT_ERRNO or "
			"another action" },
		{ "{\"defaultAction\": \"ALLOW\"}",
		  "1:19: defaultAction: 'ALLOW'; accepted is SCMP_ACT_ALLOW, ERRNO, LOG, "
		  "TRAP, "
		  "KILL, KILL_THREAD or KILL_PROCESS" },
		{ "{\"defaultAction\": \"SCMP_ACT_TRACE\"}",
		  "1:19: defaultAction: SCMP_ACT_TRACE asks a debugger, and a box has "
		  "none; "
		  "accepted is SCMP_ACT_ERRNO or another action without one" },
		{ RULE("\n{\"names\": [\"read\"], \"action\": \"SCMP_ACT_NOTIFY\"}"),
		  "2:31: syscalls[0].action: SCMP_ACT_NOTIFY asks a program outside, and "
		  "a box "
		  "has none; accepted is SCMP_ACT_ERRNO or another action without one" },
		{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\",\n \"listenerPath\": \"/x\"}",
		  "2:18: listenerPath: a listener outside is asked, and a box has none; "
		  "leave "
		  "this key out" },
		{ RULE("\n" ALLOW_READ ", \"exclude\": {}}"),
		  "2:49: syscalls[0]: unknown key 'exclude'; did you mean 'excludes'?" },
		{ RULE("\n" ALLOW_READ ", \"includes\": {\"minKernel\": \"new\"}}"),
		  "2:75: syscalls[0].includes.minKernel: this is no version; accepted is "
		  "one "
		  "such as 4.8" },
		{ RULE("\n" ALLOW_READ
		       ", \"args\": [{\"index\": 6, \"value\": 1, \"op\": "
		       "\"SCMP_CMP_EQ\"}]}"),
		  "2:68: syscalls[0].args[0].index: '6'; accepted is the number of an "
		  "argument, "
		  "0 to 5" },
		{ RULE("\n" ALLOW_READ
		       ", \"args\": [{\"index\": 0, \"value\": 1, \"op\": "
		       "\"EQ\"}]}"),
		  "2:89: syscalls[0].args[0].op: accepted is SCMP_CMP_EQ, NE, LT, LE, "
		  "GE, GT or "
		  "MASKED_EQ" },
		{ RULE("\n{\"action\": \"SCMP_ACT_ALLOW\"}"),
		  "2:1: syscalls[0]: accepted is a rule with a list of 'names'" },
		{ RULE("\n{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", "
		       "\"errnoRet\": 5, "
		       "\"errno\": \"EPERM\"}"),
		  "2:73: syscalls[0].errno: this is error 1, but number 5 stands beside "
		  "it" },
		{ RULE("\n{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", "
		       "\"errno\": "
		       "\"EFOO\"}"),
		  "2:58: syscalls[0].errno: 'EFOO'; accepted is an error such as EPERM" },
		{ "{\"linux\": {}}", " there is no linux.seccomp in this config.json" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *path = write_profile(cases[i].text);
		cleanup_free char *want = str_printf("%s:%s", path, cases[i].want);
		struct filter_maker *m = NULL;
		struct sbx_err err = { 0 };

		assert_int_equal(profile_load(path, &m, &err), -EINVAL);
		assert_string_equal(err.msg, want);
		assert_null(m);
	}
}

/* Nobody would notice that it is not refused. */
static void an_unknown_name_cannot_be_refused(void **state attr_unused)
{
	cleanup_free char *path = write_profile(
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [\n"
		"{\"names\": [\"no_such_call\"], \"action\": \"SCMP_ACT_ERRNO\"}]}");
	struct filter_maker *m = NULL;
	struct sbx_err err = { 0 };

	assert_int_equal(profile_load(path, &m, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "2:12: syscalls[0].names[0]: libseccomp"));
	assert_non_null(
		strstr(err.msg, "does not know 'no_such_call', so it cannot be refused"));
}

static void the_profile_of_debian_loads_unchanged(void **state attr_unused)
{
	struct sbx_err err = { 0 };
	struct sbx_policy *p;
	struct filter f;

	if (access(DEBIAN, R_OK) < 0)
		skip(); /* package golang-github-containers-common */
	assert_int_equal(policy_new(&p), 0);
	p->profile = strdup(DEBIAN);
	if (filter_choose(p, &f, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(ask(&f, SYS_execve, 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_bpf, 0, 0, 0), ERRNO(EPERM)); /* CAP_SYS_ADMIN */
	assert_int_equal(ask(&f, SYS_userfaultfd, 0, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(&f, SYS_io_uring_setup, 0, 0, 0), ERRNO(ENOSYS));
	assert_int_equal(ask(&f, SYS_socket, 16, 3, 9), ERRNO(EINVAL)); /* audit */
	assert_int_equal(ask(&f, SYS_personality, 8, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_personality, 16, 0, 0), ERRNO(ENOSYS));
	assert_non_null(f.own);
	filter_done(&f);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions_become_answers),
		cmocka_unit_test(errors_come_by_number_by_name_and_by_default),
		cmocka_unit_test(arguments_are_compared),
		cmocka_unit_test(conditions_combine_as_in_runc),
		cmocka_unit_test(the_strictest_of_several_rules_decides),
		cmocka_unit_test(rules_hold_only_where_they_are_meant),
		cmocka_unit_test(the_floor_stays_below_any_profile),
		cmocka_unit_test(a_config_json_is_looked_through),
		cmocka_unit_test(unknown_names_are_skipped_where_that_is_safe),
		cmocka_unit_test(what_is_wrong_is_named_with_its_place),
		cmocka_unit_test(an_unknown_name_cannot_be_refused),
		cmocka_unit_test(the_profile_of_debian_loads_unchanged),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
