/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line is copied once and taken apart in the copy: an escape is never shorter than
 * what it stands for, and the character behind a string, number or word is a mark that
 * has been read when the NUL takes its place.
 */
#include "ledger/flat.h"

#include "ledger/text.h"

static bool take(char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* Four hexadecimal digits, or -1. */
static int hex4(const char *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (c - 'A' + 10);
		else
			return -1;
	}
	return v;
}

/* *@p is behind the "\u". Return: the code point, or 0 where it is none (or NUL) */
static uint32_t unicode(char **p)
{
	int high = hex4(*p), low;

	if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
		return 0;
	*p += 4;
	if (high < 0xd800 || high > 0xdbff)
		return (uint32_t)high;
	if ((*p)[0] != '\\' || (*p)[1] != 'u')
		return 0;
	low = hex4(*p + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	*p += 6;
	return 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

/* *@p is behind the backslash. Return: bytes put at @out, 0 where it is no escape */
static size_t escape(char **p, char *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *at = **p ? strchr(names, **p) : NULL;
	uint32_t cp;

	if (at) {
		(*p)++;
		*out = values[at - names];
		return 1;
	}
	if (!take(p, 'u'))
		return 0;
	cp = unicode(p);
	return cp ? utf8_put(out, cp) : 0;
}

/* *@p is behind the opening quote. Return: the text, or NULL */
static char *string(char **p)
{
	char *start = *p, *out = *p;
	size_t n;

	for (;;) {
		if (**p == '"') {
			(*p)++;
			*out = '\0';
			return start;
		}
		if ((unsigned char)**p < 0x20)
			return NULL;
		if (**p != '\\') {
			*out++ = *(*p)++;
			continue;
		}
		(*p)++;
		n = escape(p, out);
		if (!n)
			return NULL;
		out += n;
	}
}

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' ||
	       c == '.' || c == 'E';
}

static struct flat_value *new_value(struct flat *f, const char *key)
{
	struct flat_value *v = f->n < FLAT_MAX ? &f->values[f->n++] : NULL;

	if (v)
		*v = (struct flat_value){ .key = key };
	return v;
}

/*
 * A string, number or word. @ret_mark is the character behind it, which a NUL may have
 * replaced.
 */
static bool scalar(struct flat *f, const char *key, char **p, char *ret_mark)
{
	struct flat_value *v = new_value(f, key);

	if (!v)
		return false;
	if (take(p, '"')) {
		v->type = FLAT_STRING;
		v->text = string(p);
		*ret_mark = **p;
		(*p)++;
		return v->text;
	}
	v->text = *p;
	v->type = **p == '-' || (**p >= '0' && **p <= '9') ? FLAT_NUMBER : FLAT_WORD;
	while (is_plain(**p))
		(*p)++;
	*ret_mark = **p;
	if (v->text == *p || !**p)
		return false;
	*(*p)++ = '\0';
	return true;
}

static bool list(struct flat *f, const char *key, char **p, char *ret_mark)
{
	struct flat_value *v = new_value(f, key);
	char mark = ',';

	if (!v)
		return false;
	v->type = FLAT_LIST;
	if (take(p, ']'))
		mark = ']';
	while (mark == ',') {
		if (!scalar(f, NULL, p, &mark))
			return false;
		v->n++;
	}
	*ret_mark = **p;
	(*p)++;
	return mark == ']';
}

int flat_parse(struct flat *f, const char *line, size_t n)
{
	char *p, *key, mark = ',';

	/* Two more than a NUL: a value cut off at the end steps over one mark. */
	if (f->size < n + 3) {
		p = realloc(f->text, n + 3);
		if (!p)
			return -ENOMEM;
		f->text = p;
		f->size = n + 3;
	}
	memcpy(f->text, line, n);
	memset(f->text + n, 0, 3);
	f->n = 0;
	p = f->text;
	if (!take(&p, '{'))
		return -EBADMSG;
	while (mark == ',') {
		if (!take(&p, '"') || !(key = string(&p)) || !take(&p, ':'))
			return -EBADMSG;
		if (take(&p, '[') ? !list(f, key, &p, &mark) : !scalar(f, key, &p, &mark))
			return -EBADMSG;
	}
	return mark == '}' && p == f->text + n ? 0 : -EBADMSG;
}

const struct flat_value *flat_get(const struct flat *f, const char *key)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->values[i].key && streq(f->values[i].key, key))
			return &f->values[i];
	return NULL;
}

void flat_done(struct flat *f)
{
	free(f->text);
	*f = (struct flat){ 0 };
}
