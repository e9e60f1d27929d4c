/* SPDX-License-Identifier: Apache-2.0 */

/* Whatever bytes come, one printable line comes out, and escaping it again changes nothing. */

#include "base/escape.h"
#include "fuzz.h"

#define BACKSLASH_X_LEN 4

static void check_whole(const uint8_t *data, size_t size, struct buf *ret)
{
	cleanup_buf struct buf again = BUF_INIT;

	escape_add(ret, data, size);
	HOLDS(!ret->failed);
	HOLDS(fuzz_is_utf8(buf_str(ret), ret->len));
	HOLDS(fuzz_is_line(buf_str(ret)));
	HOLDS(strlen(buf_str(ret)) == ret->len);
	HOLDS(ret->len <= size * BACKSLASH_X_LEN);
	escape_add(&again, buf_str(ret), ret->len);
	HOLDS(streq(buf_str(&again), buf_str(ret)));
}

/* A text that does not fit is a beginning of the whole one, and dots. */
static void check_bounded(const uint8_t *data, size_t size, size_t room,
			  const struct buf *whole)
{
	cleanup_free char *out = malloc(room);
	size_t len;

	HOLDS(out);
	HOLDS(escape_text(out, room, data, size) == out);
	len = strlen(out);
	HOLDS(len < room);
	HOLDS(fuzz_is_utf8(out, len));
	if (whole->len < room) {
		HOLDS(streq(out, buf_str(whole)));
		return;
	}
	HOLDS(len >= 3 && streq(out + len - 3, "..."));
	HOLDS(memcmp(out, buf_str(whole), len - 3) == 0);
	/* No more was cut than a character's length asked for. */
	HOLDS(len + BACKSLASH_X_LEN + 3 >= room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	size_t room = 8 + fuzz_byte(&in) % 120;
	cleanup_buf struct buf whole = BUF_INIT;

	check_whole(in.data, in.n, &whole);
	check_bounded(in.data, in.n, room, &whole);
	check_bounded(in.data, in.n, whole.len + 8, &whole);
	return 0;
}
