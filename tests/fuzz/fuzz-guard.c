/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Candidates, one a paragraph (up to an empty line), the incumbent first. The guard is
 * compared with the plainest one there could be, which remembers every content.
 */

#include "edit/guard.h"
#include "fuzz.h"

#define CONTENTS_MAX 16

struct content {
	const char *text;
	size_t len;
};

static size_t split(const uint8_t *data, size_t size, struct content *ret)
{
	size_t n = 0, begin = 0;

	for (size_t i = 0; i <= size && n < CONTENTS_MAX; i++) {
		bool end = i == size ||
			   (i > begin && data[i] == '\n' && data[i - 1] == '\n');

		if (!end)
			continue;
		ret[n++] = (struct content){ (const char *)data + begin, i - begin };
		begin = i + 1;
	}
	return n;
}

static bool same(const struct content *a, const struct content *b)
{
	return a->len == b->len && (!a->len || memcmp(a->text, b->text, a->len) == 0);
}

static bool holds_nul(const struct content *c)
{
	return c->len && memchr(c->text, '\0', c->len);
}

/* The first of those before @i that is the same; @i where there is none. */
static size_t first_same(const struct content *all, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same(&all[k], &all[i]))
			return k;
	return i;
}

static void check(const struct guard_result *result, const struct content *all, size_t i)
{
	size_t twin = first_same(all, i);

	if (twin == 0 || (holds_nul(&all[i]) && !holds_nul(&all[0]))) {
		HOLDS(result->answer == GUARD_NO_EDIT);
		HOLDS(result->decision.status == STATUS_CRASH);
	} else if (twin < i) {
		HOLDS(result->answer == GUARD_DUPLICATE && result->same_as == twin);
		HOLDS(result->decision.status == STATUS_DISCARD);
	} else {
		HOLDS(result->answer == GUARD_RUN);
		return;
	}
	HOLDS(*result->decision.reason && fuzz_is_line(result->decision.reason));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_guard struct guard *g = NULL;
	struct content all[CONTENTS_MAX];
	struct guard_result result;
	size_t n = split(data, size, all);

	HOLDS(guard_new(&g) == 0);
	for (size_t i = 0; i < n; i++) {
		if (i)
			guard_check(g, all[0].text, all[0].len, all[i].text, all[i].len,
				    &result);
		if (i)
			check(&result, all, i);
		HOLDS(guard_note(g, (unsigned)i, all[i].text, all[i].len) == 0);
	}
	guard_check(g, "", 0, NULL, 0, &result);
	HOLDS(result.answer == GUARD_NO_EDIT);
	return 0;
}
