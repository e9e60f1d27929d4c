/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Names of enum values. TABLE_CHECK next to a table makes an incomplete one a compile error.
 */

#include "base/macro.h"

#define TABLE_CHECK(table, max)                           \
	static_assert(ARRAY_SIZE(table) == (size_t)(max), \
		      #table " does not name every value")

/* The index of @name in @table, or -1. */
static inline int table_find(const char *const *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (table[i] && streq(table[i], name))
			return (int)i;
	return -1;
}
