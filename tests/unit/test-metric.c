/* SPDX-License-Identifier: Apache-2.0 */

/* Numbers out of what a harness prints, whatever else it prints. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/escape.h"
#include "base/hash.h"
#include "conf/config.h"
#include "measure/metric.h"

static char metric_name[] = "loss";

static struct config make_config(enum metric_from from, enum metric_take take,
				 char *pattern)
{
	struct config c = { .n_metrics = 1 };

	c.metrics[0] = (struct config_metric){
		.name = metric_name, .take = take, .from = from, .pattern = pattern
	};
	return c;
}

/* Feed in pieces of at most @piece bytes. */
static struct outcome read_pieces(const struct config *c, const char *text, size_t n,
				  size_t piece)
{
	cleanup_metric_stream struct metric_stream *s = NULL;
	struct outcome o = { .verdict = VERDICT_OK };
	struct sbx_err err = { 0 };
	size_t k;

	assert_int_equal(metric_stream_new(c, &s, &err), 0);
	for (size_t i = 0; i < n; i += k) {
		k = MIN(piece, n - i);
		metric_stream_feed(s, text + i, k);
	}
	assert_int_equal(metric_stream_finish(s, &o, &err), 0);
	if (o.verdict != VERDICT_OK)
		assert_true(o.reason[0]);
	return o;
}

/* However the stream is cut, the answer is the same. */
static struct outcome read_all(const struct config *c, const char *text, size_t n)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 1000 };
	struct outcome o = read_pieces(c, text, n, SIZE_MAX), other;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		other = read_pieces(c, text, n, pieces[i]);
		assert_int_equal(other.verdict, o.verdict);
		assert_string_equal(other.reason, o.reason);
		assert_true(other.metrics[0] == o.metrics[0]);
	}
	return o;
}

struct line {
	const char *text;
	enum verdict verdict;
	double value;
};

#define NONE     VERDICT_NO_METRIC, 0
#define INFINITE VERDICT_NOT_FINITE, 0
#define OK(v)    VERDICT_OK, v

static const struct line line_table[] = {
	{ "METRIC loss=1.5\n", OK(1.5) },
	{ "METRIC loss=1.5", OK(1.5) },
	{ "METRIC  loss = 1.5\n", OK(1.5) },
	{ "loss: 1.5\n", OK(1.5) },
	{ "loss = 1.5\n", OK(1.5) },
	{ "loss=1.5\n", OK(1.5) },
	{ "loss:\t1.5 \n", OK(1.5) },
	{ "loss: 1.5\r\n", OK(1.5) },
	{ "loss: 1.5 seconds\n", OK(1.5) },
	{ "x\nloss: -0\ny", OK(0) },
	{ "loss: +2e3\n", OK(2000) },
	{ "loss: 1e-400\n", OK(0) },
	{ "loss: 1.5\nloss: 1.5\nMETRIC loss=1.50\n", OK(1.5) },
	{ "loss: n/a\nloss: 1.5\n", OK(1.5) },
	{ "loss: 1.5\nloss: n/a\n", OK(1.5) },
	{ "", NONE },
	{ "\n\n", NONE },
	{ " loss: 1.5\n", NONE },
	{ "METRICloss=1.5\n", NONE },
	{ "METRIC loss: 1.5\n", NONE },
	{ "metric loss=1.5\n", NONE },
	{ "lossy: 1.5\n", NONE },
	{ "loss 1.5\n", NONE },
	{ "my loss: 1.5\n", NONE },
	{ "loss:\n1.5\n", NONE },
	{ "loss: 1,5\n", NONE },
	{ "loss: 0x10\n", NONE },
	{ "loss: 0x1p3\n", NONE },
	{ "loss: 1.5s\n", NONE },
	{ "loss: 1_000\n", NONE },
	{ "loss: \"1.5\"\n", NONE },
	{ "\033[32mloss: 1.5\033[0m\n", NONE },
	{ "loss: 1.5\033[0m\n", NONE },
	{ "\xef\xbb\xbfloss: 1.5\n", NONE },
	{ "loss: \xff\xfe\n", NONE },
	{ "loss: nan\n", INFINITE },
	{ "loss: NaN\n", INFINITE },
	{ "loss: -inf\n", INFINITE },
	{ "loss: Infinity\n", INFINITE },
	{ "loss: 1e400\n", INFINITE },
	{ "loss: -1e400\n", INFINITE },
	{ "loss: 1.5\nloss: nan\n", INFINITE },
	{ "loss: nan\nloss: 1.5\n", INFINITE },
	{ "loss: 1.5\nloss: 1.6\n", VERDICT_AMBIGUOUS, 0 },
	{ "loss: 1.6\nloss: 1.5\nloss: 1.6\n", VERDICT_AMBIGUOUS, 0 },
};

static void check_table(const struct config *c, const struct line *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct outcome o = read_all(c, table[i].text, strlen(table[i].text));

		if (o.verdict != table[i].verdict || o.metrics[0] != table[i].value)
			fail_msg("\"%s\": %s %.17g (%s)", table[i].text,
				 verdict_name(o.verdict), o.metrics[0], o.reason);
	}
}

static void lines_are_read_strictly(void **state)
{
	const struct config c = make_config(METRIC_FROM_LINE, METRIC_TAKE_ONLY, NULL);

	(void)state;
	check_table(&c, line_table, ARRAY_SIZE(line_table));
}

static void nul_bytes_are_no_end(void **state)
{
	const struct config c = make_config(METRIC_FROM_LINE, METRIC_TAKE_ONLY, NULL);
	static const char inside[] = "loss: 1.5\0garbage\n", before[] = "\0loss: 1.5\n";
	static const char fine[] = "a\0b\nloss: 1.5\nc\0d";

	(void)state;
	assert_int_equal(read_all(&c, inside, sizeof(inside) - 1).verdict,
			 VERDICT_NO_METRIC);
	assert_int_equal(read_all(&c, before, sizeof(before) - 1).verdict,
			 VERDICT_NO_METRIC);
	assert_int_equal(read_all(&c, fine, sizeof(fine) - 1).verdict, VERDICT_OK);
}

struct taken {
	enum metric_take take;
	const char *text;
	enum verdict verdict;
	double value;
};

static const struct taken taken_table[] = {
	{ METRIC_TAKE_LAST, "loss: 3\nloss: 1\nloss: 2\n", OK(2) },
	{ METRIC_TAKE_FIRST, "loss: 3\nloss: 1\nloss: 2\n", OK(3) },
	{ METRIC_TAKE_MIN, "loss: 3\nloss: 1\nloss: 2\n", OK(1) },
	{ METRIC_TAKE_MAX, "loss: 2\nloss: 3\nloss: 1\n", OK(3) },
	{ METRIC_TAKE_LAST, "loss: nan\nloss: 1\n", OK(1) },
	{ METRIC_TAKE_LAST, "loss: 1\nloss: nan\n", INFINITE },
	{ METRIC_TAKE_FIRST, "loss: 1\nloss: nan\n", OK(1) },
	{ METRIC_TAKE_FIRST, "loss: nan\nloss: 1\n", INFINITE },
	{ METRIC_TAKE_MIN, "loss: 1\nloss: nan\n", INFINITE },
	{ METRIC_TAKE_MAX, "loss: nan\nloss: 1\n", INFINITE },
	{ METRIC_TAKE_LAST, "loss: -\n", NONE },
};

static void take_chooses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(taken_table); i++) {
		const struct taken *t = &taken_table[i];
		const struct config c = make_config(METRIC_FROM_LINE, t->take, NULL);
		struct outcome o = read_all(&c, t->text, strlen(t->text));

		if (o.verdict != t->verdict || o.metrics[0] != t->value)
			fail_msg("%zu: %s %g", i, verdict_name(o.verdict), o.metrics[0]);
	}
}

static void reasons_say_what_to_do(void **state)
{
	struct config c = make_config(METRIC_FROM_LINE, METRIC_TAKE_ONLY, NULL);
	static const char hostile[] = "loss: 1\033[2J\xe2\x80\xae!\n";
	static char regex[] = "took ([0-9.]+) s", path[] = "json.path";
	struct outcome o;

	(void)state;
	o = read_all(&c, "x", 1);
	assert_string_equal(o.reason,
			    "loss was not printed: looked for lines \"METRIC loss=1.5\", "
			    "\"loss: 1.5\" or \"loss = 1.5\" on standard output");
	o = read_all(&c, "loss: 1\nloss: 1.00000001\n", 25);
	assert_string_equal(o.reason,
			    "loss was printed with different values (1, 1.00000001): "
			    "add `take: last` (or first, min, max) to this metric");
	o = read_all(&c, hostile, sizeof(hostile) - 1);
	assert_string_equal(o.reason,
			    "loss was printed as \"1\\x1b[2J\\xe2\\x80\\xae!\", which "
			    "is no decimal number");
	o = read_all(&c, "loss: -inf\n", 11);
	assert_string_equal(o.reason,
			    "loss was printed as a value that is not finite (-inf)");
	c = make_config(METRIC_FROM_REGEX, METRIC_TAKE_ONLY, regex);
	o = read_all(&c, "x", 1);
	assert_string_equal(o.reason,
			    "loss was not printed: no line of standard output matches "
			    "\"took ([0-9.]+) s\"");
	c = make_config(METRIC_FROM_JSON, METRIC_TAKE_ONLY, path);
	o = read_all(&c, "{}", 2);
	assert_string_equal(o.reason,
			    "loss was not printed: no line of standard output is a "
			    "JSON object with json.path");
}

static const struct line regex_table[] = {
	{ "it took 2.5 s\n", OK(2.5) },
	{ "took 2.5 s", OK(2.5) },
	{ "took 2.5 s, took 3 s\n", OK(2.5) }, /* the first match of a line */
	{ "took 2.5 s\ntook 3 s\n", VERDICT_AMBIGUOUS, 0 },
	{ "took 2.5.1 s\n", NONE },
	{ "took  s\n", NONE },
	{ "took\n2.5 s\n", NONE },
	{ "took nan s\n", INFINITE },
};

static void regex_group_is_the_number(void **state)
{
	static char pattern[] = "took ([0-9.]+|nan) s", empty[] = "x(a)?",
		    two[] = "(a)(b)";
	static char broken[] = "(";
	struct config c = make_config(METRIC_FROM_REGEX, METRIC_TAKE_ONLY, pattern);
	struct metric_stream *s = NULL;
	struct sbx_err err = { 0 };

	(void)state;
	check_table(&c, regex_table, ARRAY_SIZE(regex_table));
	c.metrics[0].pattern = empty;
	assert_int_equal(read_all(&c, "x", 1).verdict, VERDICT_NO_METRIC);
	c.metrics[0].pattern = two;
	assert_int_equal(metric_stream_new(&c, &s, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "one group"));
	c.metrics[0].pattern = broken;
	assert_int_equal(metric_stream_new(&c, &s, NULL), -EINVAL);
}

static const struct line json_table[] = {
	{ "{\"runs\": [{\"ms\": 1}, {\"ms\": 2.5}]}\n", OK(2.5) },
	{ "log\n  {\"runs\":[0,{\"ms\":3}],\"loss\":9}\r\nmore", OK(3) },
	{ "{\"runs\": [0, {\"ms\": 123456789012345678901}]}\n",
	  OK(123456789012345678901.0) },
	{ "{\"runs\": [0, {\"ms\": NaN}]}\n", INFINITE },
	{ "{\"runs\": [0, {\"ms\": -Infinity}]}\n", INFINITE },
	{ "{\"runs\": [0, {\"ms\": 1e400}]}\n", INFINITE },
	{ "{\"runs\": [NaN, {\"ms\": 4}], \"a\\\"NaN\": \"NaN\"}\n", OK(4) },
	{ "{\"runs\": [0, {\"ms\": \"2.5\"}]}\n", NONE },
	{ "{\"runs\": [0, {\"ms\": null}]}\n", NONE },
	{ "{\"runs\": [0, {\"ms\": [1]}]}\n", NONE },
	{ "{\"runs\": [0]}\n", NONE },
	{ "{\"runs\": {\"1\": {\"ms\": 1}}}\n", NONE },
	{ "{\"runs\": [0, {\"ms\": 1}]\n}\n", NONE },
	{ "{\"runs\": [0, {\"ms\": 1, \"ms\": 2}]}\n", NONE },
	{ "{\"runs\": [0, {\"ms\": 1}]} x\n", NONE },
	{ "[{\"runs\": [0, {\"ms\": 1}]}]\n", NONE },
	{ "{", NONE },
	{ "{\"runs\": [0, {\"ms\": 1}]}\n{\"runs\": [0, {\"ms\": 2}]}\n",
	  VERDICT_AMBIGUOUS, 0 },
};

static void json_lines_are_searched(void **state)
{
	static char pattern[] = "runs[1].ms", plain[] = "loss";
	struct config c = make_config(METRIC_FROM_JSON, METRIC_TAKE_ONLY, pattern);
	struct outcome o;

	(void)state;
	check_table(&c, json_table, ARRAY_SIZE(json_table));
	o = read_all(&c, "{\"runs\":[0,{\"ms\":\"\\u001b[2J\"}]}", 31);
	assert_null(strchr(o.reason, '\033'));
	c.metrics[0].pattern = plain;
	o = read_all(&c, "{\"loss\": -0.0}", 14);
	assert_int_equal(o.verdict, VERDICT_OK);
	assert_true(1 / o.metrics[0] > 0);
}

static void long_lines_are_no_metrics(void **state)
{
	const struct config c = make_config(METRIC_FROM_LINE, METRIC_TAKE_ONLY, NULL);
	size_t n = METRIC_LINE_MAX + 100;
	cleanup_free char *text = malloc(n);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', n);
	memcpy(text, "loss: 1.5", 9);
	/* Exactly the limit, then one more. */
	text[METRIC_LINE_MAX] = '\n';
	assert_int_equal(read_all(&c, text, n).verdict, VERDICT_OK);
	assert_int_equal(read_all(&c, text, METRIC_LINE_MAX).verdict, VERDICT_OK);
	text[METRIC_LINE_MAX] = ' ';
	assert_int_equal(read_all(&c, text, METRIC_LINE_MAX + 1).verdict,
			 VERDICT_NO_METRIC);
	text[METRIC_LINE_MAX + 1] = '\n';
	assert_int_equal(read_all(&c, text, n).verdict, VERDICT_NO_METRIC);
	/* What follows a long line counts; its tail does not. */
	memcpy(text + METRIC_LINE_MAX + 2, "loss: 2\n", 8);
	assert_true(read_all(&c, text, n).metrics[0] == 2);
	memcpy(text + METRIC_LINE_MAX - 20, "loss: 7", 7);
	assert_true(read_all(&c, text, n).metrics[0] == 2);
}

static void many_digits_are_no_number(void **state)
{
	const struct config c = make_config(METRIC_FROM_LINE, METRIC_TAKE_ONLY, NULL);
	char text[1100];

	(void)state;
	memset(text, '1', sizeof(text));
	memcpy(text, "loss: ", 6);
	assert_int_equal(read_all(&c, text, 6 + 400).verdict, VERDICT_NOT_FINITE);
	assert_int_equal(read_all(&c, text, 6 + 300).verdict, VERDICT_OK);
	assert_int_equal(read_all(&c, text, sizeof(text)).verdict, VERDICT_NO_METRIC);
}

static void measured_metrics_come_from_the_box(void **state)
{
	struct outcome o = { .wall_us = 1500,
			     .cpu_us = 2500,
			     .memory_peak_bytes = 3 << 20 };
	static const struct {
		enum metric_from from;
		double value;
	} table[] = {
		{ METRIC_FROM_WALL_MS, 1.5 },
		{ METRIC_FROM_CPU_MS, 2.5 },
		{ METRIC_FROM_PEAK_MB, 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct config c =
			make_config(table[i].from, METRIC_TAKE_ONLY, NULL);
		cleanup_metric_stream struct metric_stream *s = NULL;
		struct outcome copy = o;

		assert_int_equal(metric_stream_new(&c, &s, NULL), 0);
		metric_stream_feed(s, "loss: 9\n", 8);
		assert_int_equal(metric_stream_finish(s, &copy, NULL), 0);
		assert_int_equal(copy.verdict, VERDICT_OK);
		assert_true(copy.metrics[0] == table[i].value);
	}
}

static void unmeasured_memory_is_no_metric(void **state)
{
	const struct config c = make_config(METRIC_FROM_PEAK_MB, METRIC_TAKE_ONLY, NULL);

	(void)state;
	assert_int_equal(read_all(&c, "", 0).verdict, VERDICT_NO_METRIC);
}

static void other_verdicts_are_left_alone(void **state)
{
	const struct config c = make_config(METRIC_FROM_LINE, METRIC_TAKE_ONLY, NULL);
	cleanup_metric_stream struct metric_stream *s = NULL;
	struct outcome o = { .verdict = VERDICT_TIMEOUT, .reason = "ran past 2s" };

	(void)state;
	assert_int_equal(metric_stream_new(&c, &s, NULL), 0);
	metric_stream_feed(s, "loss: 1\n", 8);
	assert_int_equal(metric_stream_finish(s, &o, NULL), 0);
	assert_int_equal(o.verdict, VERDICT_TIMEOUT);
	assert_string_equal(o.reason, "ran past 2s");
	assert_true(o.metrics[0] == 0);
}

static void two_metrics_are_both_needed(void **state)
{
	static char second[] = "loss2";
	struct config c = make_config(METRIC_FROM_LINE, METRIC_TAKE_ONLY, NULL);
	struct outcome o;

	(void)state;
	c.n_metrics = 2;
	c.metrics[1] = c.metrics[0];
	c.metrics[1].name = second;
	o = read_all(&c, "loss2: 2\nloss: 1\n", 17);
	assert_int_equal(o.verdict, VERDICT_OK);
	assert_true(o.metrics[0] == 1 && o.metrics[1] == 2);
	o = read_all(&c, "loss: 1\n", 8);
	assert_int_equal(o.verdict, VERDICT_NO_METRIC);
	assert_non_null(strstr(o.reason, "loss2 was not printed"));
	assert_true(o.metrics[0] == 0);
}

/* Noise around the metric, cut anywhere: always the same answer, never a fault. */
static void random_streams_are_survived(void **state)
{
	static char regex[] = "(l.*s)", path[] = "loss";
	static const char *const words[] = { "loss",       "METRIC ", ": ", "=",
					     "1.5",        "nan",     "\n", "\r\n",
					     "{\"loss\":", "}",       "\"", "\\",
					     "[",          "e9",      " ",  "\xff",
					     "-",          "Infinity" };
	uint64_t random = 3;
	char text[200];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct config c =
			make_config((enum metric_from)(i % 3), METRIC_TAKE_ONLY, NULL);
		size_t n = 0, k;

		if (i % 3)
			c.metrics[0].pattern = i % 3 == METRIC_FROM_REGEX ? regex : path;
		while (n < 150) {
			const char *w = words[random_below(&random, ARRAY_SIZE(words))];

			k = strlen(w);
			memcpy(text + n, w, k);
			n += k;
			if (random_below(&random, 20) == 0)
				text[n++] = '\0';
		}
		read_all(&c, text, n);
	}
}

/* Escaping */

static void untrusted_text_is_escaped(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
		{ "plain text", "plain text" },
		{ "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x98\x80",
		  "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x98\x80" },
		{ "a\tb\nc\rd", "a\\x09b\\x0ac\\x0dd" },
		{ "\033]52;c;x\a", "\\x1b]52;c;x\\x07" },
		{ "\x7f", "\\x7f" },
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" },                            /* CSI as one character */
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae" },          /* right to left */
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },          /* isolate */
		{ "\xe2\x80\x8b", "\\xe2\\x80\\x8b" },          /* zero width */
		{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },          /* byte order mark */
		{ "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81" }, /* tag letter */
		{ "\xc0\x80", "\\xc0\\x80" },                   /* overlong */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },          /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
		{ "\xff\xe6\x97", "\\xff\\xe6\\x97" },          /* cut off */
	};
	char out[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		cleanup_buf struct buf b = BUF_INIT;

		assert_string_equal(escape_str(out, sizeof(out), table[i].in),
				    table[i].out);
		escape_add(&b, table[i].in, strlen(table[i].in));
		assert_string_equal(buf_str(&b), table[i].out);
	}
	assert_string_equal(escape_text(out, sizeof(out), "a\0b", 3), "a\\x00b");
}

static void long_text_is_cut_at_a_character(void **state)
{
	char out[16];

	(void)state;
	assert_string_equal(escape_str(out, 10, "123456789"), "123456789");
	assert_string_equal(escape_str(out, 10, "1234567890"), "123456...");
	assert_string_equal(escape_str(out, 10,
				       "12345\xc3\xbc"
				       "7890"),
			    "12345...");
	assert_string_equal(escape_str(out, 8, "\033\033\033"), "\\x1b...");
	for (size_t size = 8; size <= sizeof(out); size++) {
		memset(out, '#', sizeof(out));
		escape_str(out, size,
			   "\xe6\x97\xa5\xe6\x97\xa5\033\xe6\x97\xa5\xe6\x97\xa5");
		assert_true(memchr(out, '\0', size));
		for (size_t i = size; i < sizeof(out); i++)
			assert_int_equal(out[i], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_strictly),
		cmocka_unit_test(nul_bytes_are_no_end),
		cmocka_unit_test(take_chooses),
		cmocka_unit_test(reasons_say_what_to_do),
		cmocka_unit_test(regex_group_is_the_number),
		cmocka_unit_test(json_lines_are_searched),
		cmocka_unit_test(long_lines_are_no_metrics),
		cmocka_unit_test(many_digits_are_no_number),
		cmocka_unit_test(measured_metrics_come_from_the_box),
		cmocka_unit_test(unmeasured_memory_is_no_metric),
		cmocka_unit_test(other_verdicts_are_left_alone),
		cmocka_unit_test(two_metrics_are_both_needed),
		cmocka_unit_test(random_streams_are_survived),
		cmocka_unit_test(untrusted_text_is_escaped),
		cmocka_unit_test(long_text_is_cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
