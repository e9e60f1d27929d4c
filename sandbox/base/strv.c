/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strv.h"

#include <stdarg.h>

void strv_free(char **v)
{
	int saved = errno;

	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
	errno = saved;
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

bool strv_has(char *const *v, const char *s)
{
	for (size_t i = 0; v && v[i]; i++)
		if (streq(v[i], s))
			return true;
	return false;
}

/* Takes @s whatever happens; NULL stands for a string that could not be made. */
static int add_take(char ***v, char *s)
{
	size_t n = strv_len(*v);
	char **p;

	p = s ? realloc(*v, (n + 2) * sizeof(*p)) : NULL;
	if (!p) {
		free(s);
		return -ENOMEM;
	}
	p[n] = s;
	p[n + 1] = NULL;
	*v = p;
	return 0;
}

int strv_add(char ***v, const char *s)
{
	return add_take(v, strdup(s));
}

int strv_addf(char ***v, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return add_take(v, n < 0 ? NULL : s);
}

int strv_copy(char *const *v, char ***ret)
{
	cleanup_strv char **copy = NULL;

	for (size_t i = 0; v && v[i]; i++)
		if (strv_add(&copy, v[i]) < 0)
			return -ENOMEM;
	*ret = TAKE_PTR(copy);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **v)
{
	if (v)
		qsort(v, strv_len(v), sizeof(*v), compare);
}

char *str_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}
