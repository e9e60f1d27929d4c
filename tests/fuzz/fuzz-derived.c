/* SPDX-License-Identifier: Apache-2.0 */

/*
 * results.tsv and budget.log as somebody may have left them. The input up to a NUL is the
 * file that is there, behind it are the lines it must have: afterwards it has them and
 * nothing else, and can be appended to.
 */

#include "fuzz.h"
#include "ledger/derived.h"

#define NAME "results.tsv"

static void add_lines(struct derived *d, const uint8_t *data, size_t n, struct buf *want)
{
	const uint8_t *end;
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		end = memchr(data + i, '\n', n - i);
		len = end ? (size_t)(end - data) + 1 - i : n - i;
		HOLDS(derived_line(d, (const char *)data + i, len, NULL) == 0);
		buf_add(want, data + i, len);
	}
}

static void check_content(const struct buf *want)
{
	cleanup_buf struct buf now = BUF_INIT;

	HOLDS(fuzz_get(NAME, &now));
	HOLDS(now.len == want->len && memcmp(now.data, buf_str(want), now.len) == 0);
	buf_clear(&now);
	HOLDS(!fuzz_get(NAME ".tmp~", &now));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	size_t there = nul ? (size_t)(nul - data) : size, skip = there + (nul ? 1 : 0);
	cleanup_buf struct buf want = BUF_INIT;
	struct derived d = DERIVED_INIT;
	cleanup_buf struct buf now = BUF_INIT;
	bool same, differed;

	fuzz_put(NAME, data, there);
	/* Looking finds what there is to find, and changes nothing. */
	HOLDS(derived_begin(&d, fuzz_dir(), NAME, true, NULL) == 0);
	add_lines(&d, data + skip, size - skip, &want);
	HOLDS(derived_settle(&d, NULL) == 0);
	differed = d.differs;
	derived_done(&d);
	HOLDS(fuzz_get(NAME, &now) && now.len == there &&
	      memcmp(buf_str(&now), data, there) == 0);

	buf_clear(&want);
	HOLDS(derived_begin(&d, fuzz_dir(), NAME, false, NULL) == 0);
	add_lines(&d, data + skip, size - skip, &want);
	same = there == want.len && memcmp(data, buf_str(&want), there) == 0;
	HOLDS(derived_settle(&d, NULL) == 0);
	/* What is right is not written again. */
	HOLDS(d.differs == !same && differed == !same);
	check_content(&want);
	HOLDS(!derived_stale(&d));

	add_lines(&d, (const uint8_t *)"one more\n", 9, &want);
	check_content(&want);
	derived_done(&d);
	return 0;
}
