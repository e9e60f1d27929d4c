/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The door to jansson: the only header that includes it. Documents that come from outside
 * refuse duplicate keys. Lookups name the key that is missing or has the wrong type.
 */

#include <jansson.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

static inline void cleanup_json_p(json_t **j)
{
	json_decref(*j);
}

#define cleanup_json cleanup(cleanup_json_p)

/**
 * json_parse() - one document from memory
 * @what:  names the document in messages ("journal line 7", a path)
 * @ret:   owned by the caller
 *
 * Return: 0; -EBADMSG where it is no JSON; -ENOMEM
 */
int json_parse(const char *text, size_t n, const char *what, json_t **ret,
	       struct sbx_err *err);

/*
 * Why jansson made no value, where @code is what else it can have been. It does not tell, but the
 * allocator does: set errno to 0 before.
 */
static inline int json_error_of(int code)
{
	return errno == ENOMEM ? -ENOMEM : code;
}

/* Compact text with keys in the order they were set; the caller frees it. NULL: no memory. */
char *json_text(const json_t *j);

/* The same for people to read, one member a line. */
char *json_text_indented(const json_t *j);

/*
 * Members of @obj. The plain forms require the key; the _or forms return a default where the
 * key is absent or null, and still fail on a wrong type. Strings are borrowed from @obj.
 */
int json_get_str(const json_t *obj, const char *key, const char **ret,
		 struct sbx_err *err);
int json_get_str_or(const json_t *obj, const char *key, const char *def, const char **ret,
		    struct sbx_err *err);
int json_get_u64(const json_t *obj, const char *key, uint64_t *ret, struct sbx_err *err);
int json_get_u64_or(const json_t *obj, const char *key, uint64_t def, uint64_t *ret,
		    struct sbx_err *err);
int json_get_double(const json_t *obj, const char *key, double *ret, struct sbx_err *err);
int json_get_bool_or(const json_t *obj, const char *key, bool def, bool *ret,
		     struct sbx_err *err);

/* Array of strings to an allocated list (strv_free()); an absent key is an empty list. */
int json_get_strv(const json_t *obj, const char *key, char ***ret, struct sbx_err *err);
