/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/term.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *const sequences[] = {
	[TERM_PLAIN] = "\033[0m", [TERM_BOLD] = "\033[1m", [TERM_GREEN] = "\033[32m",
	[TERM_RED] = "\033[31m",  [TERM_DIM] = "\033[2m",
};
static_assert(ARRAY_SIZE(sequences) == _TERM_MAX, "every colour has its sequence");

void term_measure(struct term *t)
{
	struct winsize ws;

	t->columns = 80;
	if (t->live && ioctl(fileno(t->out), TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
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
