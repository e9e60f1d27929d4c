/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <stdint.h>

struct range {
	uint32_t first, last;
};

/*
 * Valid characters that are not shown as they are. Left in on purpose: combining marks
 * and look-alike letters, for names in any language need them.
 */
static const struct range hidden[] = {
	{ 0x00, 0x1f },     { 0x7f, 0x9f },       /* controls */
	{ 0xad, 0xad },     { 0x34f, 0x34f },     /* soft hyphen, grapheme joiner */
	{ 0x61c, 0x61c },   { 0x115f, 0x1160 },   /* direction mark, blank letters */
	{ 0x17b4, 0x17b5 }, { 0x180b, 0x180f },   /* invisible vowels and selectors */
	{ 0x200b, 0x200f }, { 0x2028, 0x202e },   /* zero width, separators, bidi */
	{ 0x2060, 0x206f }, { 0x3164, 0x3164 },   /* invisible operators, bidi isolates */
	{ 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },   /* byte order mark, blank letter */
	{ 0xfff0, 0xffff }, { 0xe0000, 0xe0fff }, /* annotations, tags, selectors */
};

static bool is_hidden(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return true;
	return false;
}

/*
 * How many of the @n bytes at @s form one character fit to be shown; 0 = escape the first
 * byte. Overlong forms, surrogates and what lies above U+10FFFF are not characters.
 */
static size_t shown_length(const unsigned char *s, size_t n)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80   ? 1
		     : s[0] < 0xc2 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4
				   : 0;
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fU >> len);

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ||
	    is_hidden(c))
		return 0;
	return len;
}

/* The next piece of output; moves @s on. */
static size_t next_piece(const unsigned char **s, size_t *n, char piece[4])
{
	static const char hex[] = "0123456789abcdef";
	size_t len = shown_length(*s, *n);

	if (len) {
		memcpy(piece, *s, len);
		*s += len;
		*n -= len;
		return len;
	}
	piece[0] = '\\';
	piece[1] = 'x';
	piece[2] = hex[**s >> 4];
	piece[3] = hex[**s & 15];
	*s += 1;
	*n -= 1;
	return 4;
}

const char *escape_text(char *out, size_t size, const void *data, size_t n)
{
	const unsigned char *s = data;
	size_t len = 0, mark = 0, k;
	char piece[4];

	assert(size >= 8);
	while (n) {
		k = next_piece(&s, &n, piece);
		if (len + k >= size) {
			memcpy(out + mark, "...", 4);
			return out;
		}
		memcpy(out + len, piece, k);
		len += k;
		if (len + 4 <= size)
			mark = len;
	}
	out[len] = '\0';
	return out;
}

const char *escape_str(char *out, size_t size, const char *s)
{
	return escape_text(out, size, s, strlen(s));
}

void escape_add(struct buf *b, const void *data, size_t n)
{
	const unsigned char *s = data;
	char piece[4];
	size_t k;

	while (n) {
		k = next_piece(&s, &n, piece);
		buf_add(b, piece, k);
	}
}
