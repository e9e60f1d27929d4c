/* SPDX-License-Identifier: Apache-2.0 */

/* What may become a candidate. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/hash.h"
#include "edit/guard.h"

#define OLD "lr = 1\n"

static struct guard_result check(const struct guard *g, const char *content, size_t len)
{
	struct guard_result r;

	guard_check(g, OLD, strlen(OLD), content, len, &r);
	return r;
}

static struct guard *make_guard(void)
{
	struct guard *g = NULL;

	assert_int_equal(guard_new(&g), 0);
	assert_int_equal(guard_note(g, 0, OLD, strlen(OLD)), 0);
	return g;
}

static void new_content_may_run(void **state)
{
	cleanup_guard struct guard *g = make_guard();

	(void)state;
	assert_int_equal(check(g, "lr = 2\n", 7).answer, GUARD_RUN);
	assert_int_equal(check(g, "lr = 1", 6).answer, GUARD_RUN);
	assert_int_equal(check(g, "", 0).answer, GUARD_RUN);
	assert_int_equal(check(g, "\xff\xfe", 2).answer, GUARD_RUN);
}

static void what_is_no_edit_is_a_crash(void **state)
{
	cleanup_guard struct guard *g = make_guard();
	cleanup_free char *large = malloc(TARGET_BYTES_MAX + 1);
	struct guard_result r;

	(void)state;
	assert_non_null(large);
	memset(large, 'x', TARGET_BYTES_MAX + 1);

	r = check(g, NULL, 0);
	assert_int_equal(r.answer, GUARD_NO_EDIT);
	assert_int_equal(r.decision.status, STATUS_CRASH);
	assert_string_equal(r.decision.reason, "no valid edit");
	r = check(g, OLD, strlen(OLD));
	assert_int_equal(r.answer, GUARD_NO_EDIT);
	assert_non_null(strstr(r.decision.reason, "nothing was changed"));
	r = check(g, large, TARGET_BYTES_MAX + 1);
	assert_int_equal(r.answer, GUARD_NO_EDIT);
	assert_non_null(strstr(r.decision.reason, "1048577 bytes"));
	assert_int_equal(check(g, large, TARGET_BYTES_MAX).answer, GUARD_RUN);
	r = check(g, "a\0b", 3);
	assert_int_equal(r.answer, GUARD_NO_EDIT);
	assert_non_null(strstr(r.decision.reason, "NUL"));
}

static void binary_targets_stay_binary(void **state)
{
	cleanup_guard struct guard *g = make_guard();
	struct guard_result r;

	(void)state;
	guard_check(g, "x\0y", 3, "x\0z", 3, &r);
	assert_int_equal(r.answer, GUARD_RUN);
}

static void duplicates_name_the_first(void **state)
{
	cleanup_guard struct guard *g = make_guard();
	struct guard_result r;

	(void)state;
	assert_int_equal(guard_note(g, 7, "lr = 2\n", 7), 0);
	assert_int_equal(guard_note(g, 9, "lr = 2\n", 7), 0);
	r = check(g, "lr = 2\n", 7);
	assert_int_equal(r.answer, GUARD_DUPLICATE);
	assert_int_equal(r.same_as, 7);
	assert_int_equal(r.decision.status, STATUS_DISCARD);
	assert_string_equal(r.decision.reason, "same as 0007");
	/* The baseline, while something else is the incumbent. */
	guard_check(g, "lr = 2\n", 7, OLD, strlen(OLD), &r);
	assert_int_equal(r.answer, GUARD_DUPLICATE);
	assert_int_equal(r.same_as, 0);
}

static void large_targets_are_refused(void **state)
{
	struct sbx_err err = { 0 };

	(void)state;
	assert_int_equal(guard_check_target(TARGET_BYTES_MAX, &err), 0);
	assert_int_equal(guard_check_target(TARGET_BYTES_MAX + 1, &err), -EFBIG);
	assert_non_null(strstr(err.msg, "choose a smaller file"));
}

static void many_contents_are_told_apart(void **state)
{
	cleanup_guard struct guard *g = make_guard();
	struct guard_result r;
	char text[32];
	int n;

	(void)state;
	for (unsigned i = 1; i <= 20000; i++) {
		n = snprintf(text, sizeof(text), "lr = 1.%u\n", i);
		assert_int_equal(check(g, text, (size_t)n).answer, GUARD_RUN);
		assert_int_equal(guard_note(g, i, text, (size_t)n), 0);
	}
	for (unsigned i = 1; i <= 20000; i += 7) {
		n = snprintf(text, sizeof(text), "lr = 1.%u\n", i);
		r = check(g, text, (size_t)n);
		assert_int_equal(r.answer, GUARD_DUPLICATE);
		assert_int_equal(r.same_as, i);
	}
}

/* The fingerprint notices every single bit, zeros at the end, and exchanged words. */
static void fingerprints_differ(void **state)
{
	unsigned char data[40] = { 0 };
	struct digest d = digest_of(data, sizeof(data)), e;

	(void)state;
	for (size_t i = 0; i < sizeof(data) * 8; i++) {
		data[i / 8] ^= 1 << i % 8;
		e = digest_of(data, sizeof(data));
		assert_true(e.a != d.a && e.b != d.b);
		data[i / 8] ^= 1 << i % 8;
	}
	for (size_t n = 0; n < sizeof(data); n++) {
		e = digest_of(data, n);
		assert_true(e.a != d.a && e.b != d.b);
	}
	d = digest_of("aaaaaaaabbbbbbbb", 16);
	e = digest_of("bbbbbbbbaaaaaaaa", 16);
	assert_true(e.a != d.a && e.b != d.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_content_may_run),
		cmocka_unit_test(what_is_no_edit_is_a_crash),
		cmocka_unit_test(binary_targets_stay_binary),
		cmocka_unit_test(duplicates_name_the_first),
		cmocka_unit_test(large_targets_are_refused),
		cmocka_unit_test(many_contents_are_told_apart),
		cmocka_unit_test(fingerprints_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
