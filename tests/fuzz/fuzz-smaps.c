/* SPDX-License-Identifier: Apache-2.0 */

/*
 * /proc/PID/smaps, maps and smaps_rollup, in which stand paths of the command's choice. What is
 * told of a file is what is told of its lines, cut where they are too long. A byte 1 of the
 * input stands for half of a piece, so that lines are as long as that.
 */

#include <sys/sysmacros.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "fuzz.h"
#include "smaps.h"

#define PIECE 16384

struct told {
	size_t n;
	uint64_t sum;
};

static void on_mapping(void *user, uint64_t inode, const char *range, uint64_t pss)
{
	struct told *t = user;
	size_t n = strlen(range);

	HOLDS(inode != 0);
	HOLDS(strspn(range, "0123456789abcdef-") == n && n < 40 && strchr(range, '-'));
	t->n++;
	t->sum = hash_mix(t->sum ^ inode) ^ hash_mix(pss + n);
}

static struct told read_as(const char *name, const struct buf *text)
{
	struct told t = { 0 };

	fuzz_put(name, buf_str(text), text->len);
	HOLDS(smaps_shared(fuzz_dir(), name, makedev(0, 1), USEC_INFINITY, on_mapping,
			   &t) == 0);
	return t;
}

static void expand(const uint8_t *data, size_t size, struct buf *ret)
{
	char half[PIECE / 2];

	memset(half, 'x', sizeof(half));
	for (size_t i = 0; i < size && ret->len < 8 * PIECE; i++)
		buf_add(ret, data[i] == 1 ? half : (const char *)data + i,
			data[i] == 1 ? sizeof(half) : 1);
}

/* The lines, none longer than a piece; one without an end is none. */
static size_t cut_lines(const struct buf *text, struct buf *ret)
{
	const char *p = buf_str(text), *end = p + text->len, *nl;
	size_t n = 0, len;

	for (; p < end && (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1) {
		len = (size_t)(nl - p);
		buf_add(ret, p, MIN(len, (size_t)PIECE - 1));
		buf_add(ret, "\n", 1);
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf text = BUF_INIT, lines = BUF_INIT;
	static const char *const files[] = { "smaps", "maps" };
	uint64_t anon = 5;
	size_t n;
	int r;

	expand(data, size, &text);
	/* Without an end, a line as long as a piece is told of and a shorter one is not. */
	buf_add(&text, "\n", 1);
	n = cut_lines(&text, &lines);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct told all = read_as(files[i], &text);
		struct told cut = read_as(files[i], &lines);

		HOLDS(all.n == cut.n && all.sum == cut.sum && all.n <= n);
	}
	fuzz_put("smaps_rollup", buf_str(&text), text.len);
	r = smaps_anon(fuzz_dir(), &anon);
	HOLDS(r == 0 || (r == -ENODATA && anon == 5));
	return 0;
}
