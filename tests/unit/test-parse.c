/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Text to numbers and back: what is accepted, what is refused, and that nothing wraps.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/parse.h"

#define EiB (1ULL << 60)
#define US  1000000ULL

struct number {
	const char *text;
	int r;
	uint64_t value;
};

static void check(int (*parse)(const char *, uint64_t *), const struct number *table,
		  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = 4711;
		int r = parse(table[i].text, &value);

		/* What fails leaves the result alone. */
		if (r != table[i].r || value != (r < 0 ? 4711 : table[i].value))
			fail_msg("\"%s\": %d, %llu", table[i].text, r,
				 (unsigned long long)value);
	}
}

static void whole_numbers_are_strict(void **state)
{
	static const struct number table[] = {
		{ "0", 0, 0 },
		{ "42", 0, 42 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1,000", -EINVAL, 0 },
		{ "\xd9\xa1", -EINVAL, 0 },
	};

	(void)state;
	check(parse_u64, table, ARRAY_SIZE(table));
}

static void sizes_have_binary_units(void **state)
{
	static const struct number table[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "4096B", 0, 4096 },
		{ "1K", 0, 1024 },
		{ "1KiB", 0, 1024 },
		{ "1KB", 0, 1024 },
		{ "1Ki", 0, 1024 },
		{ "64M", 0, 64 << 20 },
		{ "2GiB", 0, 2ULL << 30 },
		{ "1.5G", 0, 3ULL << 29 },
		{ "0.5K", 0, 512 },
		{ "1.500M", 0, 3 << 19 },
		{ "1.5000M", 0, 3 << 19 },
		{ "3T", 0, 3ULL << 40 },
		{ "16777215T", 0, 16777215ULL << 40 },
		{ "16777216T", -ERANGE, 0 },
		{ "9007199254740993", 0,
		  9007199254740993ULL }, /* not exact in a double */
		{ "99999999999999999999", -ERANGE, 0 },
		{ "1.0005K", -EINVAL, 0 },
		{ "1.K", -EINVAL, 0 },
		{ ".5K", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "64m", 0, 64 << 20 },
		{ "64k", 0, 64 << 10 },
		{ "64 M", -EINVAL, 0 },
		{ "64MM", -EINVAL, 0 },
		{ "64MiBs", -EINVAL, 0 },
		{ "64Bi", -EINVAL, 0 },
		{ "-64M", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1P", -EINVAL, 0 },
	};

	(void)state;
	check(parse_size, table, ARRAY_SIZE(table));
}

static void durations_need_a_unit(void **state)
{
	static const struct number table[] = {
		{ "5us", 0, 5 },
		{ "500ms", 0, 500000 },
		{ "90s", 0, 90 * US },
		{ "2.5m", 0, 150 * US },
		{ "3min", 0, 180 * US },
		{ "8h", 0, 8 * 3600 * US },
		{ "1d", 0, 86400 * US },
		{ "0s", 0, 0 },
		{ "0.001s", 0, 1000 },
		{ "0.0001s", -EINVAL, 0 },
		{ "5", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "5 s", -EINVAL, 0 },
		{ "5sec", -EINVAL, 0 },
		{ "-5s", -EINVAL, 0 },
		{ "1h30m", -EINVAL, 0 },
		{ "1M", -EINVAL, 0 },
		{ "213503982d", 0, 213503982ULL * 86400 * US },
		{ "213503983d", -ERANGE, 0 },
	};

	(void)state;
	check(parse_duration, table, ARRAY_SIZE(table));
}

static void cpus_are_thousandths(void **state)
{
	static const struct number table[] = {
		{ "2", 0, 2000 },
		{ "0.5", 0, 500 },
		{ "1.25", 0, 1250 },
		{ "0.001", 0, 1 },
		{ "0", 0, 0 },
		{ "0.0001", -EINVAL, 0 },
		{ "2cpus", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "two", -EINVAL, 0 },
		{ "1/2", -EINVAL, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "18446744073709551", 0, 18446744073709551000ULL },
		{ "18446744073709552", -ERANGE, 0 },
	};

	(void)state;
	check(parse_milli, table, ARRAY_SIZE(table));
}

/* The sum of whole and fraction may overflow where neither does alone. */
static void a_fraction_does_not_wrap(void **state)
{
	static const struct number table[] = {
		{ "18446744073709551.615", 0, UINT64_MAX },
		{ "18446744073709551.616", -ERANGE, 0 },
		{ "18446744073709551.999", -ERANGE, 0 },
	};

	(void)state;
	check(parse_milli, table, ARRAY_SIZE(table));
}

static void metrics_are_finite_decimals(void **state)
{
	static const struct {
		const char *text;
		int r;
		double value;
	} table[] = {
		{ "0.5", 0, 0.5 },
		{ "-1.25", 0, -1.25 },
		{ "+3", 0, 3 },
		{ "1e-3", 0, 1e-3 },
		{ "1E+5", 0, 1e5 },
		{ ".5", 0, 0.5 },
		{ "5.", 0, 5 },
		{ "-0", 0, 0 },
		{ "1e308", 0, 1e308 },
		{ "1e-400", 0, 0 },
		{ "007", 0, 7 },
		{ "1e400", -ERANGE, 0 },
		{ "-1e400", -ERANGE, 0 },
		{ "nan", -ERANGE, 0 },
		{ "-NaN", -ERANGE, 0 },
		{ "inf", -ERANGE, 0 },
		{ "+Infinity", -ERANGE, 0 },
		{ "0x1p3", -EINVAL, 0 },
		{ "1,5", -EINVAL, 0 },
		{ "1_000", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ ".", -EINVAL, 0 },
		{ "-", -EINVAL, 0 },
		{ "1e", -EINVAL, 0 },
		{ "1e+", -EINVAL, 0 },
		{ "1.2.3", -EINVAL, 0 },
		{ "nan(1)", -EINVAL, 0 },
		{ "infinite", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		double value = 4711;
		int r = parse_finite(table[i].text, &value);

		if (r != table[i].r || value != (r < 0 ? 4711 : table[i].value))
			fail_msg("\"%s\": %d, %g", table[i].text, r, value);
		assert_false(r == 0 && value == 0 && signbit(value));
	}
}

static void a_metric_may_have_many_digits(void **state)
{
	char text[402];
	double value;

	(void)state;
	memset(text, '1', 400);
	text[400] = '\0';
	assert_int_equal(parse_finite(text, &value), -ERANGE);
	memcpy(text, "0.", 2);
	assert_int_equal(parse_finite(text, &value), 0);
	assert_true(value > 0.111 && value < 0.112);
}

static void sizes_and_durations_are_written_as_people_do(void **state)
{
	static const struct {
		uint64_t value;
		const char *size, *duration;
	} table[] = {
		{ 0, "0B", "0us" },
		{ 999, "999B", "999us" },
		{ 1024, "1KiB", "1.0ms" },
		{ 1500, "1.5KiB", "1.5ms" },
		{ 64 << 20, "64MiB", "1.1m" },
		{ 2 * US, "1.9MiB", "2s" },
		{ 600 * US, "572.2MiB", "10m" },
		{ EiB, "1048576TiB", "320255973.5h" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_string_equal(format_size(text, sizeof(text), table[i].value),
				    table[i].size);
		assert_string_equal(format_duration(text, sizeof(text), table[i].value),
				    table[i].duration);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers_are_strict),
		cmocka_unit_test(sizes_have_binary_units),
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(cpus_are_thousandths),
		cmocka_unit_test(a_fraction_does_not_wrap),
		cmocka_unit_test(metrics_are_finite_decimals),
		cmocka_unit_test(a_metric_may_have_many_digits),
		cmocka_unit_test(sizes_and_durations_are_written_as_people_do),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
