/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lists of strings as libc likes them: an allocated array of allocated strings, closed by
 * NULL. A NULL list is an empty one.
 */

#include "base/cleanup.h"
#include "base/macro.h"

void strv_free(char **v);
size_t strv_len(char *const *v);
bool strv_has(char *const *v, const char *s);

/**
 * strv_add() - append a copy of @s
 * @v:  list, grown in place
 *
 * Return: 0; -ENOMEM, the list unchanged
 */
int strv_add(char ***v, const char *s);

/* As strv_add(), with the string made by printf. */
int strv_addf(char ***v, const char *fmt, ...) attr_printf(2, 3);

/**
 * strv_copy() - a copy of the whole list
 * @ret:  set on success only; the caller frees it with strv_free()
 */
int strv_copy(char *const *v, char ***ret);

/* In the order of bytes; NULL is fine. */
void strv_sort(char **v);

/* A string made by printf; NULL when memory ran out. The caller frees it. */
char *str_printf(const char *fmt, ...) attr_printf(1, 2);

static inline void cleanup_strv_p(char ***v)
{
	strv_free(*v);
}

#define cleanup_strv cleanup(cleanup_strv_p)
