/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Numbers and pool lines in any target. A number is where it is said to be and has the
 * value it is said to have; written in its own style it is read back as what was written.
 * The fingerprint of an edit is that of the edited text.
 */

#include <math.h>

#include "conf/config.h"
#include "fuzz.h"
#include "propose/sites.h"

#define EDITS_MAX 64

static void check_format(const struct number *n, double value, int digits)
{
	char text[NUMBER_TEXT_MAX];
	struct number again;
	size_t pos = 0;

	if (!number_format(n, value, digits, text))
		return;
	HOLDS(strlen(text) < sizeof(text) - 1);
	HOLDS(number_next(text, strlen(text), &pos, &again));
	HOLDS(again.off == 0 && again.len == strlen(text));
	HOLDS(again.integer == n->integer);
	/* As near as the digits that were asked for. */
	HOLDS(fabs(again.value - value) <=
	      MAX(fabs(value) * pow(10, 1 - digits), n->integer ? 0.5 : 0) * 1.000001);
}

static void check_number(const char *content, size_t len, const struct number_site *s)
{
	const char *line = content + s->line.off;
	char digits[NUMBER_TEXT_MAX];
	size_t n;

	HOLDS(s->line.off + s->line.len <= len);
	HOLDS(s->number.len && s->number.off + s->number.len <= s->line.len);
	HOLDS(s->number.len < sizeof(digits));
	memcpy(digits, line + s->number.off, s->number.len);
	digits[s->number.len] = '\0';
	HOLDS(digits[strspn(digits, "0123456789.eE+-")] == '\0');
	HOLDS(strtod(digits, NULL) == s->number.value);
	HOLDS(number_name(line, s->number.off, &n) + n <= line + s->number.off);
	check_format(&s->number, s->number.value * 1.5, 3);
	check_format(&s->number, s->number.value / 8, 6);
}

static void check_edit(const char *content, size_t len, struct site_edit *edits, size_t n)
{
	struct digest sum = sites_digest(content, len), part, whole;
	cleanup_buf struct buf text = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		HOLDS(sites_edit_digest(content, &edits[i], &part) == 0);
		sum = digest_sum(sum, part);
	}
	sites_apply(content, len, edits, n, &text);
	HOLDS(!text.failed);
	whole = sites_digest(buf_str(&text), text.len);
	HOLDS(whole.a == sum.a && whole.b == sum.b);
}

/* One edit on each of the first lines that have a site. */
static void check_edits(const struct finder *f, const char *content, size_t len,
			const struct sites *s)
{
	struct site_edit edits[EDITS_MAX];
	size_t n = 0, last = 0;

	for (size_t i = 0; i < s->n_numbers && n < EDITS_MAX; i++) {
		const struct number_site *site = &s->numbers[i];

		if (site->line.number <= last)
			continue;
		last = site->line.number;
		edits[n++] = (struct site_edit){ .line = site->line,
						 .off = site->line.off + site->number.off,
						 .len = site->number.len,
						 .text = "42",
						 .text_len = 2 };
	}
	check_edit(content, len, edits, n);
	n = 0;
	for (size_t i = 0; i < s->n_pool && n < EDITS_MAX; i++) {
		const struct pool_site *site = &s->pool[i];
		struct site_edit *e = &edits[n++];

		*e = (struct site_edit){ .line = site->line,
					 .off = site->off,
					 .len = site->len };
		e->text = finder_alt(f, site->slot, 0, &e->text_len);
	}
	check_edit(content, len, edits, n);
}

static void check_pool(const struct finder *f, const char *content, size_t len,
		       const struct pool_site *s)
{
	size_t n;
	const char *text = finder_alt(f, s->slot, s->alt, &n);

	HOLDS(s->off + s->len <= len && s->off >= s->line.off);
	HOLDS(s->len == n && memcmp(content + s->off, text, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *slot_a[] = { (char *)"a = sort(b)", (char *)" a = radix(b) ", NULL };
	static char *slot_b[] = { (char *)"x", (char *)"y", (char *)"", NULL };
	static char **pool[] = { slot_a, slot_b, NULL };
	static char regex[] = "lr|width";
	struct fuzz_input in = { data, size };
	unsigned choice = fuzz_byte(&in);
	const struct config_proposer conf = {
		.numbers = (enum numbers)(choice % _NUMBERS_MAX),
		.numbers_regex = choice % _NUMBERS_MAX == NUMBERS_MATCHING ? regex : NULL,
		.pool = choice & 16 ? NULL : pool,
		.n_slots = choice & 16 ? 0 : 2,
	};
	const char *content = (const char *)in.data;
	cleanup_sites struct sites sites = { 0 };
	struct digest digest;
	struct finder f;

	HOLDS(finder_init(&f, &conf, NULL) == 0);
	HOLDS(sites_find(&f, content, in.n, &sites) == 0);
	HOLDS(sites.n_pool <= POOL_SITES_MAX && sites.n_numbers <= NUMBER_SITES_MAX);
	digest = sites_digest(content, in.n);
	HOLDS(digest.a == sites.digest.a && digest.b == sites.digest.b);
	for (size_t i = 0; i < sites.n_numbers; i++)
		check_number(content, in.n, &sites.numbers[i]);
	for (size_t i = 0; i < sites.n_pool; i++)
		check_pool(&f, content, in.n, &sites.pool[i]);
	check_edits(&f, content, in.n, &sites);
	finder_done(&f);
	return 0;
}
