/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Growing buffers, lists of strings, error records and JSON lookups: what everything above
 * is built from.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"

static void an_empty_buffer_is_an_empty_string(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;
	cleanup_free char *text = NULL;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_drop(&b, 0);
	buf_clear(&b);
	text = buf_steal(&b);
	assert_string_equal(text, "");
}

static void a_buffer_is_always_terminated(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;
	char expect[3000] = "";

	(void)state;
	for (int i = 0; i < 500; i++) {
		buf_printf(&b, "%d,", i);
		snprintf(expect + strlen(expect), 8, "%d,", i);
		assert_int_equal(b.len, strlen(expect));
		assert_string_equal(buf_str(&b), expect);
	}
	buf_drop(&b, 4);
	assert_string_equal(buf_str(&b), expect + 4);
	buf_add(&b, "\0x", 2);
	assert_memory_equal(b.data + b.len - 2, "\0x", 3);
	buf_clear(&b);
	assert_string_equal(buf_str(&b), "");
	buf_puts(&b, "again");
	assert_string_equal(buf_str(&b), "again");
}

static void a_stolen_text_leaves_a_fresh_buffer(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;
	cleanup_free char *text = NULL;

	(void)state;
	buf_puts(&b, "one");
	text = buf_steal(&b);
	assert_string_equal(text, "one");
	assert_null(b.data);
	buf_puts(&b, "two");
	assert_string_equal(buf_str(&b), "two");
}

/* No allocation of that size can succeed; what follows does nothing. */
static void the_first_failure_sticks(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "kept");
	buf_add(&b, "", SIZE_MAX / 2);
	assert_true(b.failed);
	buf_puts(&b, "not");
	assert_string_equal(buf_str(&b), "kept");
	assert_null(buf_steal(&b));
}

static void lists_grow_and_copy(void **state)
{
	cleanup_strv char **v = NULL, **copy = NULL;
	char name[16];

	(void)state;
	assert_int_equal(strv_len(NULL), 0);
	assert_false(strv_has(NULL, "x"));
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(i % 2 ? strv_add(&v, name) : strv_addf(&v, "%d", i), 0);
		assert_int_equal(strv_len(v), i + 1);
		assert_null(v[i + 1]);
	}
	assert_true(strv_has(v, "49"));
	assert_false(strv_has(v, "50"));
	assert_int_equal(strv_copy(v, &copy), 0);
	assert_int_equal(strv_len(copy), 50);
	assert_string_equal(copy[17], "17");
	assert_ptr_not_equal(copy[17], v[17]);
}

static void the_first_error_is_kept_and_wrapped(void **state)
{
	struct sbx_err err = { 0 };

	(void)state;
	assert_int_equal(sbx_err_errno(&err, -ENOENT, "one", "open %s", "x"), -ENOENT);
	assert_int_equal(sbx_err_set(&err, -EIO, "two", "later"), -EIO);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.stage, "one");
	assert_string_equal(err.msg, "open x: No such file or directory");
	assert_int_equal(sbx_err_wrap(&err, -EIO, "line %d", 7), -EIO);
	assert_string_equal(err.msg, "line 7: open x: No such file or directory");
	assert_int_equal(sbx_err_set(NULL, -EIO, "x", "y"), -EIO);
}

/* Untrusted names in a message forge no second line and no escape sequence. */
static void a_message_is_one_line_of_bounded_length(void **state)
{
	struct sbx_err err = { 0 };
	char name[2000];

	(void)state;
	sbx_err_set(&err, -EIO, "a stage with a long name", "a\nb\033[31mc\177d");
	assert_string_equal(err.msg, "a\\x0ab\\x1b[31mc\\x7fd");
	/* The same as one character of UTF-8, and one that turns the text behind it. */
	err.code = 0;
	sbx_err_set(&err, -EIO, "s", "gr\xc3\xbc\xc2\x9b" "31m \xe2\x80\xae.");
	assert_string_equal(err.msg, "gr\xc3\xbc\\xc2\\x9b31m \\xe2\\x80\\xae.");
	err.code = 0;
	memset(name, '\n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	sbx_err_set(&err, -EIO, "s", "%s", name);
	assert_true(strlen(err.msg) < sizeof(err.msg));
	assert_string_equal(err.msg + strlen(err.msg) - 7, "\\x0a...");
	err.code = 0;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	err.code = 0;
	sbx_err_errno(&err, -EIO, "s", "%s", name);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	sbx_err_wrap(&err, -EIO, "%s", name);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static json_t *parsed(const char *text)
{
	struct sbx_err err = { 0 };
	json_t *j = NULL;

	if (json_parse(text, strlen(text), "test", &j, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return j;
}

static void documents_name_the_place_of_a_mistake(void **state)
{
	static const char *const bad[] = {
		"",    "{",           "{\"a\":1,}", "{\"a\":1}x", "{\"a\":1,\"a\":2}",
		"nul", "{\"a\":NaN}", "[1e999]",    "\"\xff\"",
	};
	json_t *j = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sbx_err err = { 0 };

		assert_int_equal(json_parse(bad[i], strlen(bad[i]), "line 3", &j, &err),
				 -EBADMSG);
		assert_null(j);
		assert_non_null(str_after(err.msg, "line 3:"));
	}
}

static void members_are_checked_by_type(void **state)
{
	cleanup_json json_t *j = parsed("{\"s\":\"text\",\"n\":5,\"d\":1.5,\"neg\":-1,"
					"\"t\":true,\"null\":null,\"list\":[\"a\",\"b\"],"
					"\"mixed\":[\"a\",1]}");
	cleanup_strv char **list = NULL;
	struct sbx_err err = { 0 };
	const char *s = "untouched";
	uint64_t n = 4711;
	double d = 0;
	bool b = false;

	(void)state;
	assert_int_equal(json_get_str(j, "s", &s, NULL), 0);
	assert_string_equal(s, "text");
	assert_int_equal(json_get_u64(j, "n", &n, NULL), 0);
	assert_int_equal(n, 5);
	assert_int_equal(json_get_double(j, "n", &d, NULL), 0);
	assert_true(d == 5);
	assert_int_equal(json_get_bool_or(j, "t", false, &b, NULL), 0);
	assert_true(b);
	assert_int_equal(json_get_strv(j, "list", &list, NULL), 0);
	assert_int_equal(strv_len(list), 2);

	assert_int_equal(json_get_str(j, "n", &s, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "\"n\""));
	assert_int_equal(json_get_str(j, "none", &s, NULL), -EBADMSG);
	assert_int_equal(json_get_u64(j, "neg", &n, NULL), -EBADMSG);
	assert_int_equal(json_get_u64(j, "d", &n, NULL), -EBADMSG);
	assert_int_equal(json_get_bool_or(j, "n", false, &b, NULL), -EBADMSG);
	assert_int_equal(json_get_strv(j, "mixed", &list, NULL), -EBADMSG);
	assert_int_equal(json_get_strv(j, "s", &list, NULL), -EBADMSG);
	assert_string_equal(s, "text");
	assert_int_equal(n, 5);

	assert_int_equal(json_get_str_or(j, "null", "default", &s, NULL), 0);
	assert_string_equal(s, "default");
	assert_int_equal(json_get_u64_or(j, "none", 9, &n, NULL), 0);
	assert_int_equal(n, 9);
	assert_int_equal(json_get_u64_or(j, "s", 9, &n, NULL), -EBADMSG);
}

static void text_is_compact_plain_and_in_order(void **state)
{
	cleanup_json json_t *j =
		parsed("{\"z\": 1, \"a\": [true, null, \"\xc3\xa9\\u0007\"]}");
	cleanup_free char *text = json_text(j);

	(void)state;
	assert_string_equal(text, "{\"z\":1,\"a\":[true,null,\"\\u00E9\\u0007\"]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_is_an_empty_string),
		cmocka_unit_test(a_buffer_is_always_terminated),
		cmocka_unit_test(a_stolen_text_leaves_a_fresh_buffer),
		cmocka_unit_test(the_first_failure_sticks),
		cmocka_unit_test(lists_grow_and_copy),
		cmocka_unit_test(the_first_error_is_kept_and_wrapped),
		cmocka_unit_test(a_message_is_one_line_of_bounded_length),
		cmocka_unit_test(documents_name_the_place_of_a_mistake),
		cmocka_unit_test(members_are_checked_by_type),
		cmocka_unit_test(text_is_compact_plain_and_in_order),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
