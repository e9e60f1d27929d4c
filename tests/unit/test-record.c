/* SPDX-License-Identifier: Apache-2.0 */

/* Records of `autoexp exec`: whatever way they are cut, and what is no record. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "run/record.h"

#define PROGRESS "{\"progress\":{\"wall_us\":1500,\"memory_bytes\":4096}}\n"
#define BOX                                         \
	"{\"verdict\":\"oom\",\"reason\":\"out of " \
	"memory\",\"exit_code\":null,\"signal\":9," \
	"\"wall_us\":7,\"cpu_us\":6,\"memory_peak_bytes\":5,\"later\":[1]}\n"

static void feed(struct record_reader *r, const char *text, size_t chunk)
{
	for (size_t n = strlen(text); n; n -= MIN(n, chunk), text += chunk)
		assert_int_equal(record_feed(r, text, MIN(n, chunk)), 0);
}

static void cut_anywhere(attr_unused void **state)
{
	for (size_t chunk = 1; chunk < 200; chunk += 7) {
		struct record_reader r = RECORD_READER_INIT;

		feed(&r, PROGRESS "\n" PROGRESS BOX, chunk);
		assert_non_null(r.box);
		assert_false(r.garbage);
		assert_int_equal(r.wall_us, 1500);
		assert_int_equal(r.memory_bytes, 4096);
		record_reader_done(&r);
	}
}

static void unknown_keys_are_kept(attr_unused void **state)
{
	struct record_reader r = RECORD_READER_INIT;

	feed(&r, BOX, 4096);
	assert_int_equal(json_array_size(json_object_get(r.box, "later")), 1);
	record_reader_done(&r);
}

static void garbage_is_no_record(attr_unused void **state)
{
	static const char *const lines[] = {
		"hello\n",
		"[]\n",
		"{\"verdict\"}\n",
		"{}\n",
		"{\"progress\":{\"wall_us\":\"soon\"}}\n",
		"{\"a\":1,\"a\":2,\"verdict\":\"ok\"}\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct record_reader r = RECORD_READER_INIT;

		feed(&r, lines[i], 3);
		assert_null(r.box);
		assert_true(r.garbage);
		/* A true one behind it still counts. */
		feed(&r, BOX, 10);
		assert_non_null(r.box);
		record_reader_done(&r);
	}
}

static void only_the_first_record_counts(attr_unused void **state)
{
	struct record_reader r = RECORD_READER_INIT;
	struct outcome o;

	feed(&r, BOX "{\"verdict\":\"ok\"}\n", 10);
	assert_true(r.garbage);
	assert_int_equal(record_outcome(r.box, &o, NULL), 0);
	assert_int_equal(o.verdict, VERDICT_OOM);
	record_reader_done(&r);
}

static void unfinished_line_is_no_record(attr_unused void **state)
{
	struct record_reader r = RECORD_READER_INIT;

	feed(&r, "{\"verdict\":\"ok\"}", 5);
	assert_null(r.box);
	record_reader_done(&r);
}

static void endless_line_takes_no_memory(attr_unused void **state)
{
	struct record_reader r = RECORD_READER_INIT;
	char chunk[4096];

	memset(chunk, 'x', sizeof(chunk));
	for (size_t n = 0; n < 4 * RECORD_MAX; n += sizeof(chunk))
		assert_int_equal(record_feed(&r, chunk, sizeof(chunk)), 0);
	assert_true(r.garbage);
	assert_true(r.line.cap <= 4 * RECORD_MAX);
	record_reader_done(&r);
}

static void becomes_an_outcome(attr_unused void **state)
{
	cleanup_json json_t *box = NULL;
	struct outcome o;

	assert_int_equal(json_parse(BOX, sizeof(BOX) - 1, "box", &box, NULL), 0);
	assert_int_equal(record_outcome(box, &o, NULL), 0);
	assert_int_equal(o.verdict, VERDICT_OOM);
	assert_string_equal(o.reason, "out of memory");
	assert_int_equal(o.exit_code, 0);
	assert_int_equal(o.signal, 9);
	assert_int_equal(o.wall_us, 7);
	assert_int_equal(o.cpu_us, 6);
	assert_int_equal(o.memory_peak_bytes, 5);
}

static void wrong_records_are_refused(attr_unused void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"verdict\":7}",
		"{\"verdict\":\"fine\"}",
		"{\"verdict\":\"no-metric\"}", /* a trial's word, not a box's */
		"{\"verdict\":\"ok\",\"wall_us\":-1}",
		"{\"verdict\":\"ok\",\"signal\":\"x\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_json json_t *box = NULL;
		struct sbx_err err = { 0 };
		struct outcome o;

		assert_int_equal(
			json_parse(texts[i], strlen(texts[i]), "box", &box, NULL), 0);
		assert_true(record_outcome(box, &o, &err) < 0);
		assert_true(err.msg[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(unknown_keys_are_kept),
		cmocka_unit_test(garbage_is_no_record),
		cmocka_unit_test(only_the_first_record_counts),
		cmocka_unit_test(unfinished_line_is_no_record),
		cmocka_unit_test(endless_line_takes_no_memory),
		cmocka_unit_test(becomes_an_outcome),
		cmocka_unit_test(wrong_records_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
