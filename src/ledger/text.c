/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/text.h"

#include <stdbool.h>
#include <string.h>

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

uint32_t utf8_next(const char **s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char first = (unsigned char)**s;
	size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t cp = n == 1 ? first : first & (0x7fU >> n);

	if (!first)
		return 0;
	if ((first >= 0x80 && first < 0xc2) || first > 0xf4)
		goto invalid;
	for (size_t i = 1; i < n; i++) {
		if (!continues((*s)[i]))
			goto invalid;
		cp = cp << 6 | ((unsigned char)(*s)[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		goto invalid;
	*s += n;
	return cp;

invalid:
	(*s)++;
	return UTF8_REPLACEMENT;
}

size_t utf8_put(char out[static 4], uint32_t cp)
{
	static const unsigned char mark[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (cp & 0x3f));
		cp >>= 6;
	}
	out[0] = (char)(mark[n == 1 ? 0 : n] | cp);
	return n;
}

void utf8_copy(char *out, size_t size, const char *s)
{
	size_t len = 0, n;
	char one[4];
	uint32_t cp;

	s = s ? s : "";
	while ((cp = utf8_next(&s))) {
		n = utf8_put(one, cp);
		if (len + n >= size)
			break;
		memcpy(out + len, one, n);
		len += n;
	}
	out[len] = '\0';
}
