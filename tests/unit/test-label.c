/* SPDX-License-Identifier: Apache-2.0 */

/* A framework's words in a stream, however it is cut. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/macro.h"
#include "label.h"

static const struct {
	const char *text, *label;
} table[] = {
	{ "torch.OutOfMemoryError: CUDA out of memory. Tried", "CUDA out of memory" },
	{ "Traceback\nMemoryError\n", "MemoryError" },
	{ "terminate called after throwing an instance of 'std::bad_alloc'\n",
	  "std::bad_alloc" },
	{ "jaxlib: RESOURCE_EXHAUSTED: Out of memory while", "RESOURCE_EXHAUSTED" },
	{ "java.lang.OutOfMemoryError: Java heap space", "java.lang.OutOfMemoryError" },
	{ "bash: fork: Cannot allocate memory", "Cannot allocate memory" },
	{ "memory: 12 MiB, in memory, MEMORY, bad_allocation", NULL },
	{ "", NULL },
};

static void same(const char *a, const char *b, size_t i, size_t step)
{
	if (a != b && (!a || !b || strcmp(a, b) != 0))
		fail_msg("case %zu in steps of %zu: %s", i, step, a ? a : "none");
}

/* One phrase may be a part of another, so cut streams need only find one of a text's phrases. */
static void phrases_are_found_whole_and_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *text = table[i].text;
		size_t len = strlen(text);
		struct label whole = { 0 };

		label_feed(&whole, text, len);
		same(whole.found, table[i].label, i, len);
		for (size_t step = 1; step < len; step++) {
			struct label l = { 0 };

			for (size_t at = 0; at < len; at += step)
				label_feed(&l, text + at, MIN(step, len - at));
			if (!l.found != !table[i].label ||
			    (l.found && !strstr(text, l.found)))
				same(l.found, table[i].label, i, step);
		}
	}
}

static void a_phrase_far_apart_is_none(void **state)
{
	struct label l = { 0 };
	char gap[4096];

	(void)state;
	memset(gap, ' ', sizeof(gap));
	label_feed(&l, "Memory", 6);
	label_feed(&l, gap, sizeof(gap));
	label_feed(&l, "Error", 5);
	assert_null(l.found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phrases_are_found_whole_and_in_pieces),
		cmocka_unit_test(a_phrase_far_apart_is_none),
	};

	return cmocka_run_group_tests_name("label", tests, NULL, NULL);
}
