/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },           { "B", 1 },          { "K", 1ULL << 10 },
	{ "M", 1ULL << 20 }, { "G", 1ULL << 30 }, { "T", 1ULL << 40 },
};

static const struct unit time_units[] = {
	{ "us", 1 },
	{ "ms", 1000 },
	{ "s", 1000000 },
	{ "m", 60 * 1000000ULL },
	{ "min", 60 * 1000000ULL },
	{ "h", 3600 * 1000000ULL },
	{ "d", 86400 * 1000000ULL },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int parse_u64(const char *s, uint64_t *ret)
{
	uint64_t n = 0;

	if (!is_digit(*s))
		return -EINVAL;
	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return -ERANGE;
	if (*s)
		return -EINVAL;
	*ret = n;
	return 0;
}

/*
 * A decimal number in thousandths with the rest of the text behind it; integers all the
 * way, so that 8EiB does not lose its last digits in a double.
 */
static int parse_thousandths(const char **s, uint64_t *ret)
{
	uint64_t n = 0, scale = 100;
	const char *p = *s;

	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	if (__builtin_mul_overflow(n, 1000, &n))
		return -ERANGE;
	if (*p == '.') {
		if (!is_digit(p[1]))
			return -EINVAL;
		for (p++; is_digit(*p); p++, scale /= 10) {
			if (!scale && *p != '0')
				return -EINVAL;
			if (__builtin_add_overflow(n, (uint64_t)(*p - '0') * scale, &n))
				return -ERANGE;
		}
	}
	*s = p;
	*ret = n;
	return 0;
}

static int apply_unit(uint64_t thousandths, uint64_t factor, uint64_t *ret)
{
	uint64_t whole, part;

	if (__builtin_mul_overflow(thousandths / 1000, factor, &whole) ||
	    __builtin_mul_overflow(thousandths % 1000, factor, &part) ||
	    __builtin_add_overflow(whole, part / 1000, &whole))
		return -ERANGE;
	*ret = whole;
	return 0;
}

int parse_size(const char *s, uint64_t *ret_bytes)
{
	const char *rest;
	uint64_t n;
	int r;

	r = parse_thousandths(&s, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(size_units); i++) {
		size_t n_unit = strlen(size_units[i].name);

		if (strncasecmp(s, size_units[i].name, n_unit) != 0)
			continue;
		rest = s + n_unit;
		if (i > 1 && (streq(rest, "i") || streq(rest, "B") || streq(rest, "iB")))
			rest = "";
		if (!*rest)
			return apply_unit(n, size_units[i].factor, ret_bytes);
	}
	return -EINVAL;
}

int parse_duration(const char *s, uint64_t *ret_us)
{
	uint64_t n;
	int r;

	r = parse_thousandths(&s, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(time_units); i++)
		if (streq(s, time_units[i].name))
			return apply_unit(n, time_units[i].factor, ret_us);
	return -EINVAL;
}

int parse_milli(const char *s, uint64_t *ret_milli)
{
	uint64_t n;
	int r;

	r = parse_thousandths(&s, &n);
	if (r < 0)
		return r;
	if (*s)
		return -EINVAL;
	*ret_milli = n;
	return 0;
}

int parse_nano(const char *s, uint64_t *ret)
{
	size_t whole = strspn(s, "0123456789"), part = 0;
	char digits[20] = "";

	if (s[whole] == '.')
		part = strspn(s + whole + 1, "0123456789");
	if (!whole || whole > 9 || part > 9 || (s[whole] == '.' && !part) ||
	    s[whole + (part ? part + 1 : 0)])
		return -EINVAL;
	memcpy(digits, s, whole);
	memset(digits + whole, '0', 9);
	if (part)
		memcpy(digits + whole, s + whole + 1, part);
	return parse_u64(digits, ret);
}

static bool is_decimal(const char *s)
{
	bool digits = false;

	if (*s == '+' || *s == '-')
		s++;
	for (; is_digit(*s); s++)
		digits = true;
	if (*s == '.')
		for (s++; is_digit(*s); s++)
			digits = true;
	if (digits && (*s == 'e' || *s == 'E')) {
		s++;
		if (*s == '+' || *s == '-')
			s++;
		if (!is_digit(*s))
			return false;
		while (is_digit(*s))
			s++;
	}
	return digits && !*s;
}

static bool is_nonfinite_word(const char *s)
{
	static const char *const words[] = { "nan", "inf", "infinity" };

	if (*s == '+' || *s == '-')
		s++;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(s, words[i]) == 0)
			return true;
	return false;
}

/* The programs never call setlocale(), so strtod() reads the C locale's point. */
int parse_finite(const char *s, double *ret)
{
	double v;

	if (is_nonfinite_word(s))
		return -ERANGE;
	if (!is_decimal(s))
		return -EINVAL;
	v = strtod(s, NULL);
	if (!isfinite(v))
		return -ERANGE;
	*ret = v + 0.0;
	return 0;
}

const char *format_size(char *out, size_t size, uint64_t bytes)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	size_t i = 0;

	for (; v >= 1024 && i + 1 < ARRAY_SIZE(names); i++)
		v /= 1024;
	snprintf(out, size, "%.*f%s", v == floor(v) ? 0 : 1, v, names[i]);
	return out;
}

const char *format_duration(char *out, size_t size, uint64_t us)
{
	static const struct unit units[] = {
		{ "h", 3600 * 1000000ULL },
		{ "m", 60 * 1000000ULL },
		{ "s", 1000000 },
		{ "ms", 1000 },
		{ "us", 1 },
	};
	size_t i = 0;
	double v;

	while (i + 1 < ARRAY_SIZE(units) && us < units[i].factor)
		i++;
	v = (double)us / (double)units[i].factor;
	snprintf(out, size, "%.*f%s", v == floor(v) ? 0 : 1, v, units[i].name);
	return out;
}
