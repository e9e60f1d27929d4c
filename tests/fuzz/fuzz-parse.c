/* SPDX-License-Identifier: Apache-2.0 */

/* Sizes, durations, counts and numbers: what is accepted is what was written. */

#include <inttypes.h>
#include <math.h>

#include "base/parse.h"
#include "fuzz.h"
#include "limit.h"

static bool is_answer(int r)
{
	return r == 0 || r == -EINVAL || r == -ERANGE;
}

static void check_u64(const char *s)
{
	const char *digits = s + strspn(s, "0");
	uint64_t v;
	char out[32];
	int r = parse_u64(s, &v);

	HOLDS(is_answer(r));
	if (r < 0)
		return;
	snprintf(out, sizeof(out), "%" PRIu64, v);
	HOLDS(streq(out, *digits ? digits : "0"));
}

/* One decimal is shown, so what is read back differs by a twentieth at most. */
static bool is_near(uint64_t v, uint64_t again)
{
	return fabs((double)v - (double)again) <= (double)v / 20;
}

static void check_units(const char *s, int (*parse)(const char *s, uint64_t *ret),
			const char *(*format)(char *out, size_t size, uint64_t v))
{
	uint64_t v, again;
	char out[32];
	int r = parse(s, &v);

	HOLDS(is_answer(r));
	if (r < 0)
		return;
	format(out, sizeof(out), v);
	HOLDS(strlen(out) < sizeof(out) - 1);
	r = parse(out, &again);
	HOLDS(r == 0 || (r == -ERANGE && v > UINT64_MAX / 100 * 95));
	HOLDS(r < 0 || is_near(v, again));
	/* A plain number of bytes is exactly that. */
	if (s[strspn(s, "0123456789")] == '\0') {
		HOLDS(parse_u64(s, &again) == 0);
		HOLDS(again == v);
	}
}

static void check_milli(const char *s)
{
	uint64_t v, again;
	char out[40];
	int r = parse_milli(s, &v);

	HOLDS(is_answer(r));
	if (r < 0)
		return;
	snprintf(out, sizeof(out), "%" PRIu64 ".%03" PRIu64, v / 1000, v % 1000);
	HOLDS(parse_milli(out, &again) == 0);
	HOLDS(again == v);
}

static void check_finite(const char *s)
{
	double v, again;
	char out[40], *end;
	int r = parse_finite(s, &v);

	HOLDS(is_answer(r));
	if (r < 0)
		return;
	HOLDS(isfinite(v));
	HOLDS(v != 0 || !signbit(v));
	HOLDS(strtod(s, &end) == v && !*end);
	HOLDS(s[strspn(s, "+-0123456789.eE")] == '\0');
	snprintf(out, sizeof(out), "%.17g", v);
	HOLDS(parse_finite(out, &again) == 0);
	HOLDS(again == v);
}

static void check_limit(enum sbx_limit limit, const char *s)
{
	const struct limit_info *info = &limit_table[limit];
	struct sbx_err err = { 0 };
	char out[32];
	uint64_t v;
	int r = limit_parse(limit, s, &v, &err);

	HOLDS(is_answer(r));
	if (r < 0) {
		fuzz_check_err(r, &err);
		return;
	}
	HOLDS(v >= info->min && v <= info->max);
	HOLDS(*limit_format(limit, v, out, sizeof(out)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	cleanup_free char *s = fuzz_rest(&in);

	check_u64(s);
	check_units(s, parse_size, format_size);
	check_units(s, parse_duration, format_duration);
	check_milli(s);
	check_finite(s);
	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		check_limit((enum sbx_limit)i, s);
	return 0;
}
