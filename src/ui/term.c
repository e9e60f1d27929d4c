/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/term.h"

#include <sys/ioctl.h>

static const char *const sequences[] = {
	[TERM_PLAIN] = "\033[0m", [TERM_BOLD] = "\033[1m", [TERM_GREEN] = "\033[32m",
	[TERM_RED] = "\033[31m",  [TERM_DIM] = "\033[2m",
};
static_assert(ARRAY_SIZE(sequences) == _TERM_MAX, "every colour has its sequence");

void term_measure(struct term *t)
{
	struct winsize ws;

	t->columns = 80;
	if (t->live && ioctl(fileno(t->out), TIOCGWINSZ, &ws) == 0 && ws.ws_col >= 20)
		t->columns = ws.ws_col;
}

void term_init(struct term *t, FILE *out)
{
	const char *type = getenv("TERM"), *no = getenv("NO_COLOR");

	*t = (struct term){ .out = out };
	t->live = isatty(fileno(out)) && type && *type && !streq(type, "dumb");
	t->colours = t->live && !(no && *no);
	term_measure(t);
}

const char *term_colour(const struct term *t, enum term_colour c)
{
	return t->colours ? sequences[c] : "";
}

/* One UTF-8 sequence at @s. Return: its length, 0 where it is not a valid one */
static size_t decode(const unsigned char *s, size_t n, unsigned *ret)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	unsigned c;

	if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4 || len > n)
		return 0;
	c = len == 1 ? s[0] : s[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return len;
}

/* Controls of both sets, and what moves or hides text without being seen. */
static bool printable(unsigned c)
{
	return c >= 0x20 && !(c >= 0x7f && c < 0xa0) && c != 0xad &&
	       !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff && !(c >= 0xfff0 && c <= 0xfffb) &&
	       !(c >= 0xe0000 && c <= 0xe0fff);
}

void term_escape(const char *text, size_t n, struct buf *out)
{
	const unsigned char *s = (const unsigned char *)text;

	while (n) {
		unsigned c = 0;
		size_t len = decode(s, n, &c);

		if (len && printable(c)) {
			buf_add(out, s, len);
		} else if (len && c == '\t') {
			buf_puts(out, " ");
		} else {
			len = len ? len : 1;
			for (size_t i = 0; i < len; i++)
				buf_printf(out, "\\x%02x", s[i]);
		}
		s += len;
		n -= len;
	}
}

char *term_escaped(const char *text)
{
	struct buf b = BUF_INIT;

	term_escape(text, strlen(text), &b);
	buf_add(&b, "", 0);
	return buf_steal(&b);
}

size_t term_fit(const char *s, unsigned columns)
{
	size_t i = 0;

	for (unsigned used = 0; s[i]; i++) {
		if (((unsigned char)s[i] & 0xc0) == 0x80)
			continue;
		if (used++ == columns)
			break;
	}
	return i;
}
