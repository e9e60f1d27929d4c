/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From nodes to members of a struct, through tables of keys. Every reader either writes
 * its member or says what it found and what it takes.
 */

#include "yaml-tree.h"

#include "base/buf.h"
#include "base/parse.h"
#include "base/strv.h"

#define STAGE "config"

/* --- near names --- */

#define WORD_MAX 40

/* Levenshtein distance; words longer than WORD_MAX are never near. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], la = strlen(a), lb = strlen(b), diag, up;

	if (la > WORD_MAX || lb > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		diag = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			up = row[j];
			row[j] = MIN(MIN(up, row[j - 1]) + 1,
				     diag + (a[i - 1] != b[j - 1]));
			diag = up;
		}
	}
	return row[lb];
}

static bool is_part(const char *a, const char *b)
{
	return strlen(a) >= 3 && strlen(b) >= 3 && (str_after(a, b) || str_after(b, a));
}

const char *yaml_nearest(const char *word, const char *const *names, size_t n)
{
	size_t best = SIZE_MAX, d;
	const char *near = NULL;

	for (size_t i = 0; i < n; i++) {
		d = distance(word, names[i]);
		if (d > 1 && is_part(word, names[i]))
			d = 2;
		if (d < best && d <= MAX(strlen(word), strlen(names[i])) / 3 + 1 &&
		    d < MIN(strlen(word), strlen(names[i]))) {
			best = d;
			near = names[i];
		}
	}
	return near;
}

/* "a, b or c" */
static void add_names(struct buf *b, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", names[i]);
}

/* --- the table of keys --- */

static int unknown_key(const struct yaml_node *key, const struct yaml_field *fields,
		       size_t count, struct sbx_err *err)
{
	cleanup_free const char **names = calloc(count, sizeof(*names));
	cleanup_buf struct buf list = BUF_INIT;
	char found[YAML_FOUND_SIZE];
	const char *near;
	size_t kept = 0;

	if (!names)
		return sbx_err_oom(err, STAGE);
	for (size_t i = 0; i < count; i++)
		names[i] = fields[i].key;
	yaml_found(key, found, sizeof(found));
	near = yaml_nearest(key->text, names, count);
	if (near)
		return yaml_fail(key, err, "unknown key %s; did you mean '%s'?", found,
				 near);
	/* What this version does not have is not offered. */
	for (size_t i = 0; i < count; i++)
		if (fields[i].read != yaml_read_later)
			names[kept++] = fields[i].key;
	add_names(&list, names, kept);
	return yaml_fail(key, err, "unknown key %s; accepted %s %s", found,
			 kept == 1 ? "is" : "are", buf_str(&list));
}

static const struct yaml_field *field_find(const struct yaml_field *fields, size_t count,
					   const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (streq(fields[i].key, key))
			return &fields[i];
	return NULL;
}

int yaml_read_map(const struct yaml_node *n, const struct yaml_field *fields,
		  size_t count, void *base, struct sbx_err *err)
{
	const struct yaml_node *value;
	char found[YAML_FOUND_SIZE];
	int r;

	if (n->type != YAML_MAP)
		return yaml_fail(n, err, "%s; accepted is a mapping of keys to values",
				 yaml_found(n, found, sizeof(found)));
	for (size_t i = 0; i < n->n; i++)
		if (!field_find(fields, count, n->keys[i]->text))
			return unknown_key(n->keys[i], fields, count, err);
	for (size_t i = 0; i < count; i++) {
		value = yaml_get(n, fields[i].key);
		if (!value && fields[i].required)
			return yaml_fail(n, err,
					 "the key '%s' is missing; accepted is %s",
					 fields[i].key, fields[i].accepts);
		if (!value)
			continue;
		r = fields[i].read(value, &fields[i], base, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void *member(const struct yaml_field *f, void *base)
{
	return (char *)base + f->offset;
}

static int wrong(const struct yaml_node *n, const struct yaml_field *f,
		 struct sbx_err *err)
{
	char found[YAML_FOUND_SIZE];

	return yaml_fail(n, err, "%s%s; accepted is %s",
			 n->type == YAML_SCALAR && n->quoted ? "the text " : "",
			 yaml_found(n, found, sizeof(found)), f->accepts);
}

bool yaml_is_plain(const struct yaml_node *n)
{
	return n->type == YAML_SCALAR && !n->quoted && *n->text && !streq(n->text, "~") &&
	       !streq(n->text, "null");
}

bool yaml_is_text(const struct yaml_node *n)
{
	return yaml_is_plain(n) || (n->type == YAML_SCALAR && n->quoted);
}

int yaml_read_text(const struct yaml_node *n, const struct yaml_field *f, void *base,
		   struct sbx_err *err)
{
	char **ret = member(f, base);

	if (!yaml_is_text(n) || !*n->text)
		return wrong(n, f, err);
	*ret = strdup(n->text);
	return *ret ? 0 : sbx_err_oom(err, STAGE);
}

int yaml_read_texts(const struct yaml_node *n, const struct yaml_field *f, void *base,
		    struct sbx_err *err)
{
	cleanup_strv char **list = NULL;
	char ***ret = member(f, base);

	if (n->type != YAML_LIST)
		return wrong(n, f, err);
	for (size_t i = 0; i < n->n; i++) {
		if (!yaml_is_text(n->items[i]))
			return wrong(n->items[i], f, err);
		if (strv_add(&list, n->items[i]->text) < 0)
			return sbx_err_oom(err, STAGE);
	}
	*ret = TAKE_PTR(list);
	return 0;
}

int yaml_read_u64(const struct yaml_node *n, const struct yaml_field *f, void *base,
		  struct sbx_err *err)
{
	uint64_t v, *ret = member(f, base);

	if (!yaml_is_plain(n) || parse_u64(n->text, &v) < 0 || v < f->min || v > f->max)
		return wrong(n, f, err);
	*ret = v;
	return 0;
}

int yaml_read_unsigned(const struct yaml_node *n, const struct yaml_field *f, void *base,
		       struct sbx_err *err)
{
	struct yaml_field wide = *f;
	unsigned *ret = member(f, base);
	uint64_t v = 0;
	int r;

	assert(f->max <= UINT32_MAX);
	wide.offset = 0;
	r = yaml_read_u64(n, &wide, &v, err);
	if (r < 0)
		return r;
	*ret = (unsigned)v;
	return 0;
}

int yaml_read_bool(const struct yaml_node *n, const struct yaml_field *f, void *base,
		   struct sbx_err *err)
{
	bool *ret = member(f, base);

	if (!yaml_is_plain(n) || (!streq(n->text, "true") && !streq(n->text, "false")))
		return wrong(n, f, err);
	*ret = streq(n->text, "true");
	return 0;
}

int yaml_read_double(const struct yaml_node *n, const struct yaml_field *f, void *base,
		     struct sbx_err *err)
{
	double v, *ret = member(f, base);

	if (!yaml_is_plain(n) || parse_finite(n->text, &v) < 0)
		return wrong(n, f, err);
	*ret = v;
	return 0;
}

int yaml_read_enum(const struct yaml_node *n, const struct yaml_field *f, void *base,
		   struct sbx_err *err)
{
	const char *const *names = f->arg;
	cleanup_buf struct buf list = BUF_INIT;
	char found[YAML_FOUND_SIZE];
	int *ret = member(f, base);

	if (yaml_is_text(n)) {
		for (size_t i = 0; i < f->max; i++) {
			if (!streq(names[i], n->text))
				continue;
			*ret = (int)i;
			return 0;
		}
	}
	add_names(&list, names, f->max);
	return yaml_fail(n, err, "%s; accepted is %s",
			 yaml_found(n, found, sizeof(found)), buf_str(&list));
}

int yaml_read_later(const struct yaml_node *n, const struct yaml_field *f,
		    void *base attr_unused, struct sbx_err *err)
{
	return yaml_fail(n, err, "this version of autoexp does not have '%s'; it has %s",
			 f->key, f->accepts);
}
