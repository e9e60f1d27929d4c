/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The guard looks at bytes only. Contents are remembered as fingerprints: two contents
 * that were made to collide cost their author the second one, and nobody else anything.
 */

#include "edit/guard.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/hash.h"

struct guard {
	struct digest_map seen; /* content -> the first experiment that had it */
};

int guard_new(struct guard **ret)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	*ret = g;
	return 0;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	digest_map_done(&g->seen);
	free(g);
}

int guard_note(struct guard *g, unsigned number, const char *content, size_t len)
{
	return digest_map_add(&g->seen, digest_of(content, len), number);
}

static void answer(struct guard_result *ret, enum guard_answer a, const char *fmt, ...)
	attr_printf(3, 4);

static void answer(struct guard_result *ret, enum guard_answer a, const char *fmt, ...)
{
	va_list ap;

	ret->answer = a;
	ret->decision.status = a == GUARD_DUPLICATE ? STATUS_DISCARD : STATUS_CRASH;
	va_start(ap, fmt);
	vsnprintf(ret->decision.reason, sizeof(ret->decision.reason), fmt, ap);
	va_end(ap);
}

static bool holds_nul(const char *content, size_t len)
{
	return len && memchr(content, '\0', len);
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

void guard_check(const struct guard *g, const char *incumbent, size_t incumbent_len,
		 const char *content, size_t len, struct guard_result *ret)
{
	const unsigned *number;

	*ret = (struct guard_result){ .answer = GUARD_RUN };
	if (!content) {
		answer(ret, GUARD_NO_EDIT, "no valid edit");
	} else if (len > TARGET_BYTES_MAX) {
		answer(ret, GUARD_NO_EDIT,
		       "no valid edit: %zu bytes, more than the %d allowed", len,
		       TARGET_BYTES_MAX);
	} else if (same(content, len, incumbent, incumbent_len)) {
		answer(ret, GUARD_NO_EDIT, "no valid edit: nothing was changed");
	} else if (holds_nul(content, len) && !holds_nul(incumbent, incumbent_len)) {
		answer(ret, GUARD_NO_EDIT, "no valid edit: a NUL byte, this is not text");
	} else {
		number = digest_map_get(&g->seen, digest_of(content, len));
		if (!number)
			return;
		ret->same_as = *number;
		answer(ret, GUARD_DUPLICATE, "same as %04u", *number);
	}
}

int guard_check_target(size_t len, struct sbx_err *err)
{
	if (len <= TARGET_BYTES_MAX)
		return 0;
	return sbx_err_set(
		err, -EFBIG, "edit",
		"the target has %zu bytes, more than the %d that can be edited: "
		"choose a smaller file as target",
		len, TARGET_BYTES_MAX);
}
