/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Finding numbers without knowing the language: a digit begins one where no letter,
 * digit, point or hyphenated word stands before it, and what follows must end it or be a
 * known suffix. In doubt it is left alone: a number that is not changed costs an
 * improvement, one that should not have been changed costs an experiment.
 */

#include "propose/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

/* What a double holds exactly; longer ones are identifiers of something. */
#define DIGITS_MAX      15
#define KEEP_DIGITS_MAX 6

/* How far to the left of a number its name is looked for. */
#define NAME_DISTANCE 120

static const char *const suffixes[] = {
	"f",   "F",   "l",  "L",  "u",  "U",  "ul", "UL",  "ll", "LL",
	"ull", "ULL", "ns", "us", "ms", "s",  "m",  "min", "h",  "d",
	"k",   "K",   "M",  "G",  "T",  "kB", "KB", "MB",  "GB", "KiB",
	"MiB", "GiB", "Ki", "Mi", "Gi", "px", "em", "rem", "pt", "x",
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Bytes of UTF-8 letters count as letters. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

static bool is_word(char c)
{
	return is_letter(c) || is_digit(c);
}

/* Of a name as number_name() gives it: "max-unroll-times", "model.width". */
static bool is_name(char c)
{
	return is_word(c) || c == '-' || c == '.';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool begins(const char *line, size_t n, size_t i, const char *word)
{
	size_t k = strlen(word);

	return n - i >= k && memcmp(line + i, word, k) == 0;
}

/* Does the line begin with a comment? "#define" and "--param" do not. */
static bool is_comment(const char *line, size_t n)
{
	size_t i = 0;

	while (i < n && is_blank(line[i]))
		i++;
	if (i == n)
		return false;
	if (line[i] == '#')
		return i + 1 == n || !is_letter(line[i + 1]);
	return begins(line, n, i, "//") || begins(line, n, i, "/*") ||
	       begins(line, n, i, "* ") || begins(line, n, i, "-- ") ||
	       begins(line, n, i, "<!--") || begins(line, n, i, "%%");
}

/* Does a comment begin at @i, behind text? */
static bool comment_at(const char *line, size_t n, size_t i)
{
	size_t before = i;

	if (i == 0)
		return false;
	if (line[i] == '#')
		return is_blank(line[i - 1]) && i + 1 < n && is_blank(line[i + 1]);
	if (!begins(line, n, i, "//") && !begins(line, n, i, "/*"))
		return false;
	while (before > 0 && is_blank(line[before - 1]))
		before--;
	/* "n // 2" divides; "n = 2; // two" does not. */
	return before < i && before > 0 && strchr(";,{}):", line[before - 1]);
}

static size_t digits_from(const char *line, size_t n, size_t i)
{
	size_t k = i;

	while (k < n && is_digit(line[k]))
		k++;
	return k - i;
}

/* The end of the run of word characters and points that a refused number is part of. */
static size_t skip_run(const char *line, size_t n, size_t i)
{
	while (i < n && (is_word(line[i]) ||
			 (line[i] == '.' && i + 1 < n && is_word(line[i + 1]))))
		i++;
	return i;
}

/* May a number begin at @i, where a digit or point stands? */
static bool may_begin(const char *line, size_t i)
{
	if (i == 0)
		return true;
	if (is_word(line[i - 1]) || line[i - 1] == '.' || line[i - 1] == '\\')
		return false;
	return line[i - 1] != '-' || i < 2 || !is_word(line[i - 2]);
}

/* May a number end before @i? */
static bool may_end(const char *line, size_t n, size_t i)
{
	size_t k = i;

	while (k < n && is_word(line[k]))
		k++;
	if (k > i) {
		for (size_t s = 0; s < ARRAY_SIZE(suffixes); s++)
			if (strlen(suffixes[s]) == k - i &&
			    begins(line, n, i, suffixes[s]))
				return k == n || line[k] != '.';
		return false;
	}
	if (k == n)
		return true;
	if (line[k] == '.')
		return k + 1 == n || !is_word(line[k + 1]);
	/* "3-way", "2024-01-31" */
	return line[k] != '-' || k + 1 == n || !is_word(line[k + 1]);
}

static void read_exponent(const char *line, size_t n, size_t *i, struct number *ret)
{
	size_t k = *i + 1, digits;

	if (*i >= n || (line[*i] != 'e' && line[*i] != 'E'))
		return;
	if (k < n && (line[k] == '+' || line[k] == '-'))
		k++;
	digits = digits_from(line, n, k);
	if (digits == 0 || digits > 3)
		return;
	ret->exponent_char = line[*i];
	ret->exponent_plus = line[k - 1] == '+';
	ret->exponent_digits = (int)digits;
	ret->integer = false;
	*i = k + digits;
}

static int count_significant(const char *s, size_t n)
{
	int digits = 0;

	for (size_t i = 0; i < n && s[i] != 'e' && s[i] != 'E'; i++)
		if (is_digit(s[i]) && (digits || s[i] != '0'))
			digits++;
	return digits;
}

/* The number that begins at @i; *ret_end is where reading goes on in either case. */
static bool read_number(const char *line, size_t n, size_t i, size_t *ret_end,
			struct number *ret)
{
	size_t whole = digits_from(line, n, i), k = i + whole;
	char text[NUMBER_TEXT_MAX];
	struct number found = { .off = i, .integer = true };

	*ret_end = skip_run(line, n, i);
	if (whole > 1 && line[i] == '0')
		return false;
	if (k + 1 < n && line[k] == '.' && is_digit(line[k + 1])) {
		found.decimals = (int)MIN(digits_from(line, n, k + 1), (size_t)99);
		found.integer = false;
		k += 1 + digits_from(line, n, k + 1);
	}
	read_exponent(line, n, &k, &found);
	found.len = k - i;
	found.digits = count_significant(line + i, found.len);
	for (size_t t = found.len; found.integer && t > 1 && line[i + t - 1] == '0'; t--)
		found.digits--;
	if (found.len > DIGITS_MAX + 10 || found.digits > DIGITS_MAX ||
	    !may_end(line, n, k))
		return false;

	memcpy(text, line + i, found.len);
	text[found.len] = '\0';
	found.value = strtod(text, NULL);
	*ret_end = k;
	*ret = found;
	return isfinite(found.value);
}

bool number_next(const char *line, size_t n, size_t *pos, struct number *ret)
{
	size_t i = *pos, end;

	if (i == 0 && is_comment(line, n))
		i = n;
	for (; i < n; i = end) {
		end = i + 1;
		if (comment_at(line, n, i))
			break;
		if (!is_digit(line[i]) &&
		    !(line[i] == '.' && i + 1 < n && is_digit(line[i + 1])))
			continue;
		if (!may_begin(line, i)) {
			end = MAX(skip_run(line, n, i), end);
			continue;
		}
		if (read_number(line, n, i, &end, ret)) {
			*pos = end;
			return true;
		}
		end = MAX(end, i + 1);
	}
	*pos = n;
	return false;
}

static double round_to(double value, int digits)
{
	char text[NUMBER_TEXT_MAX];

	snprintf(text, sizeof(text), "%.*e", digits - 1, value);
	return strtod(text, NULL);
}

/* Remove zeros at the end of a fraction, down to @keep decimals. */
static void trim_zeros(char *s, int keep)
{
	char *point = strchr(s, '.');
	size_t n = strlen(s), least;

	if (!point)
		return;
	least = (size_t)(point - s) + 1 + (size_t)keep;
	while (n > least && s[n - 1] == '0')
		n--;
	if (s[n - 1] == '.')
		n--;
	s[n] = '\0';
}

static bool format_exponent(const struct number *n, double value, int digits,
			    char out[NUMBER_TEXT_MAX])
{
	char text[NUMBER_TEXT_MAX], *e;
	int exponent;

	snprintf(text, sizeof(text), "%.*e", digits - 1, value);
	e = strchr(text, 'e');
	if (!e)
		return false;
	exponent = atoi(e + 1);
	*e = '\0';
	trim_zeros(text, MIN(n->decimals, digits - 1));
	snprintf(out, NUMBER_TEXT_MAX, "%.16s%c%s%0*d", text, n->exponent_char,
		 exponent < 0       ? "-"
		 : n->exponent_plus ? "+"
				    : "",
		 n->exponent_digits, abs(exponent));
	return true;
}

bool number_format(const struct number *n, double value, int digits,
		   char out[NUMBER_TEXT_MAX])
{
	int decimals, keep, magnitude;

	digits = MIN(MAX(digits, MIN(n->digits, KEEP_DIGITS_MAX)), DIGITS_MAX);
	digits = MAX(digits, 1);
	if (!isfinite(value) || value < 0 ||
	    (value != 0 && (value < 1e-300 || value > 1e300)))
		return false;
	if (n->exponent_digits)
		return format_exponent(n, value, digits, out);
	if (value >= 1e15 || (value != 0 && value < 1e-12 && !n->integer))
		return false;

	value = round_to(n->integer ? round(value) : value, digits);
	if (n->integer) {
		snprintf(out, NUMBER_TEXT_MAX, "%.0f", value);
		return true;
	}
	magnitude = value == 0 ? 0 : (int)floor(log10(value));
	/* Zeros that were there are kept, up to what can be read again. */
	keep = MAX(MIN(n->decimals, DIGITS_MAX - 1 - magnitude), 1);
	decimals = MAX(digits - 1 - magnitude, keep);
	snprintf(out, NUMBER_TEXT_MAX, "%.*f", decimals, value);
	trim_zeros(out, keep);
	return true;
}

const char *number_name(const char *line, size_t off, size_t *ret_n)
{
	size_t floor_at = off > NAME_DISTANCE ? off - NAME_DISTANCE : 0, begin, end = off;

	*ret_n = 0;
	do {
		while (end > floor_at && !is_word(line[end - 1]))
			end--;
		for (begin = end; begin > floor_at && is_name(line[begin - 1]);)
			begin--;
		while (begin < end && !is_letter(line[begin]))
			begin++;
		if (begin < end)
			break;
		/* Another number of the same list: look further left. */
		while (end > floor_at && is_name(line[end - 1]))
			end--;
		begin = end;
	} while (end > floor_at);
	*ret_n = end - begin;
	return line + begin;
}
