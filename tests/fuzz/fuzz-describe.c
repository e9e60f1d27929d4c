/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The description column: words of the proposer up to a newline, then the reason of the
 * verdict. Whatever both are, it stays one column of one row, and no formula.
 */

#include "fuzz.h"
#include "ledger/results.h"
#include "ledger/text.h"

static void check_column(const char *text)
{
	HOLDS(strlen(text) <= RESULTS_TEXT_MAX);
	HOLDS(fuzz_is_utf8(text, strlen(text)));
	HOLDS(fuzz_is_line(text));
	HOLDS(!strstr(text, "\xe2\x80\xa8") && !strstr(text, "\xe2\x80\xa9"));
	HOLDS(!*text || !strchr("=+-@\" ", *text));
}

/* One code point after the other, put together again: valid text is left as it is. */
static void check_copy(const char *s)
{
	size_t n = strlen(s), len;
	cleanup_free char *out = malloc(3 * n + 1);

	HOLDS(out);
	utf8_copy(out, 3 * n + 1, s);
	len = strlen(out);
	HOLDS(fuzz_is_utf8(out, len));
	HOLDS(!fuzz_is_utf8(s, n) || streq(out, s));
	for (size_t size = 1; size < 12; size++) {
		char small[12];

		utf8_copy(small, size, s);
		HOLDS(strlen(small) < size && fuzz_is_utf8(small, strlen(small)));
		HOLDS(memcmp(small, out, strlen(small)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	unsigned choice = fuzz_byte(&in);
	cleanup_free char *description = fuzz_text(&in, '\n'), *reason = fuzz_rest(&in);
	struct outcome outcome = { .verdict = (enum verdict)(choice / 4 % _VERDICT_MAX) };
	struct decision decision = { .status = (enum status)(choice % _STATUS_MAX) };
	const double metrics[METRICS_MAX] = { 0 };
	char text[RESULTS_TEXT_MAX + 1];
	const struct row row = {
		.description = description,
		.decision = &decision,
		.outcome = choice & 128 ? &outcome : NULL,
		.metrics = choice & 64 ? metrics : NULL,
	};

	snprintf(decision.reason, sizeof(decision.reason), "%s", reason);
	check_column(results_describe(text, sizeof(text), &row));
	check_copy(description);
	check_copy(reason);
	return 0;
}
