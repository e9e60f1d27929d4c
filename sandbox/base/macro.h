/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Small words used everywhere: attributes, array sizes, string equality.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

#define attr_printf(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#define attr_unused            __attribute__((__unused__))
#define attr_noreturn          __attribute__((__noreturn__))

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* The text after @prefix, or NULL where @s does not begin with it. */
static inline const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}
