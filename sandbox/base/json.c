/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/strv.h"

int json_parse(const char *text, size_t n, const char *what, json_t **ret,
	       struct sbx_err *err)
{
	json_error_t je;
	json_t *j;

	errno = 0;
	j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
	if (!j && json_error_of(0) < 0)
		return sbx_err_oom(err, "json");
	if (!j)
		return sbx_err_set(err, -EBADMSG, "json", "%s:%d:%d: %s", what, je.line,
				   je.column, je.text);
	*ret = j;
	return 0;
}

/*
 * jansson does not look whether there was memory for a key: without it the text would lack that
 * key and be none that can be read again.
 */
static char *dump(const json_t *j, size_t flags)
{
	cleanup_free char *text = NULL;

	errno = 0;
	text = json_dumps(j, flags);
	return json_error_of(0) < 0 ? NULL : TAKE_PTR(text);
}

char *json_text(const json_t *j)
{
	return dump(j, JSON_COMPACT | JSON_ENSURE_ASCII);
}

char *json_text_indented(const json_t *j)
{
	return dump(j, JSON_INDENT(1));
}

static int missing(const char *key, const char *type, const json_t *v,
		   struct sbx_err *err)
{
	return sbx_err_set(err, -EBADMSG, "json",
			   v ? "\"%s\" is not %s" : "\"%s\" (%s) is missing", key, type);
}

static bool absent(const json_t *v)
{
	return !v || json_is_null(v);
}

int json_get_str(const json_t *obj, const char *key, const char **ret,
		 struct sbx_err *err)
{
	const json_t *v = json_object_get(obj, key);

	if (!json_is_string(v))
		return missing(key, "a string", v, err);
	*ret = json_string_value(v);
	return 0;
}

int json_get_str_or(const json_t *obj, const char *key, const char *def, const char **ret,
		    struct sbx_err *err)
{
	if (!absent(json_object_get(obj, key)))
		return json_get_str(obj, key, ret, err);
	*ret = def;
	return 0;
}

int json_get_u64(const json_t *obj, const char *key, uint64_t *ret, struct sbx_err *err)
{
	const json_t *v = json_object_get(obj, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return missing(key, "a whole number from 0", v, err);
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

int json_get_u64_or(const json_t *obj, const char *key, uint64_t def, uint64_t *ret,
		    struct sbx_err *err)
{
	if (!absent(json_object_get(obj, key)))
		return json_get_u64(obj, key, ret, err);
	*ret = def;
	return 0;
}

int json_get_double(const json_t *obj, const char *key, double *ret, struct sbx_err *err)
{
	const json_t *v = json_object_get(obj, key);

	if (!json_is_number(v))
		return missing(key, "a number", v, err);
	*ret = json_number_value(v);
	return 0;
}

int json_get_bool_or(const json_t *obj, const char *key, bool def, bool *ret,
		     struct sbx_err *err)
{
	const json_t *v = json_object_get(obj, key);

	if (absent(v)) {
		*ret = def;
		return 0;
	}
	if (!json_is_boolean(v))
		return missing(key, "true or false", v, err);
	*ret = json_is_true(v);
	return 0;
}

int json_get_strv(const json_t *obj, const char *key, char ***ret, struct sbx_err *err)
{
	const json_t *v = json_object_get(obj, key), *item;
	cleanup_strv char **list = NULL;
	size_t i;

	if (!absent(v) && !json_is_array(v))
		return missing(key, "a list of strings", v, err);
	json_array_foreach(v, i, item) {
		if (!json_is_string(item))
			return missing(key, "a list of strings", item, err);
		if (strv_add(&list, json_string_value(item)) < 0)
			return sbx_err_oom(err, "json");
	}
	*ret = TAKE_PTR(list);
	return 0;
}
