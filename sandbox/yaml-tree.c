/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libyaml delivers events; this file builds the tree from them with one function per kind
 * of node. Depth, size and the number of entries are capped before anything is built, so
 * neither the stack nor the search for duplicate keys can be driven up by a file. JSON
 * goes through jansson and becomes the same tree, without positions.
 *
 * The file is not called yaml.c, for its header would then hide libyaml's <yaml.h> from
 * every file that is compiled with -Isandbox.
 */

#include "yaml-tree.h"

#include <yaml.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/strv.h"

#define STAGE     "config"
#define PATH_SIZE 200

/* --- the tree --- */

static void node_free(struct yaml_node *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++) {
		node_free(n->items[i]);
		if (n->keys)
			node_free(n->keys[i]);
	}
	free(n->items);
	free(n->keys);
	free(n->text);
	free(n);
}

void yaml_tree_free(struct yaml_tree *t)
{
	if (!t)
		return;
	node_free(t->root);
	free(t->name);
	free(t);
}

static void cleanup_node_p(struct yaml_node **n)
{
	node_free(*n);
}

#define cleanup_node cleanup(cleanup_node_p)

static struct yaml_node *node_new(const struct yaml_tree *tree, enum yaml_type type,
				  const struct yaml_node *parent)
{
	struct yaml_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->tree = tree;
	n->type = type;
	n->parent = parent;
	n->index = parent ? parent->n : 0;
	return n;
}

static int grow(struct yaml_node ***v, size_t n)
{
	struct yaml_node **p;

	/* The capacity is the next power of two, so it need not be stored. */
	if (n & (n - 1))
		return 0;
	p = realloc(*v, (n ? 2 * n : 1) * sizeof(struct yaml_node *));
	if (!p)
		return -ENOMEM;
	*v = p;
	return 0;
}

/* Takes @key (of a map, else NULL) and @value, also when it fails. */
static int node_add(struct yaml_node *parent, struct yaml_node *key,
		    struct yaml_node *value, struct sbx_err *err)
{
	cleanup_node struct yaml_node *k = key, *v = value;

	if (grow(&parent->items, parent->n) < 0 ||
	    (parent->type == YAML_MAP && grow(&parent->keys, parent->n) < 0))
		return sbx_err_oom(err, STAGE);
	if (k)
		parent->keys[parent->n] = TAKE_PTR(k);
	parent->items[parent->n++] = TAKE_PTR(v);
	return 0;
}

/* The position of @key, or map->n. */
static size_t key_index(const struct yaml_node *map, const char *key)
{
	size_t i = 0;

	while (i < map->n && !streq(map->keys[i]->text, key))
		i++;
	return i;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	size_t i = map->type == YAML_MAP ? key_index(map, key) : map->n;

	return i < map->n ? map->items[i] : NULL;
}

/* --- messages --- */

static bool is_key(const struct yaml_node *n)
{
	const struct yaml_node *p = n->parent;

	return p && p->type == YAML_MAP && (n->index >= p->n || p->items[n->index] != n);
}

/* "metrics[0].goal", outermost first. A key's path is that of its map. */
static void path_add(struct buf *b, const struct yaml_node *n)
{
	const struct yaml_node *p = n->parent;

	if (!p)
		return;
	path_add(b, p);
	if (is_key(n))
		return;
	if (p->type == YAML_LIST)
		buf_printf(b, "[%zu]", n->index);
	else
		buf_printf(b, "%s%.40s", b->len ? "." : "", p->keys[n->index]->text);
}

int yaml_fail(const struct yaml_node *at, struct sbx_err *err, const char *fmt, ...)
{
	cleanup_buf struct buf path = BUF_INIT;
	char msg[sizeof(err->msg)], where[40] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);

	path_add(&path, at);
	if (at->line)
		snprintf(where, sizeof(where), "%u:%u:", at->line, at->col);
	return sbx_err_set(err, -EINVAL, STAGE, "%s:%s %.*s%s%s", at->tree->name, where,
			   PATH_SIZE, buf_str(&path), path.len ? ": " : "", msg);
}

const char *yaml_found(const struct yaml_node *n, char *out, size_t size)
{
	if (n->type == YAML_LIST)
		snprintf(out, size, "a list");
	else if (n->type == YAML_MAP)
		snprintf(out, size, "a mapping");
	else if (!n->quoted && !*n->text)
		snprintf(out, size, "nothing");
	else if (strlen(n->text) > 48)
		snprintf(out, size, "'%.45s...'", n->text);
	else
		snprintf(out, size, "'%s'", n->text);
	return out;
}

/* --- reading YAML --- */

struct reader {
	yaml_parser_t parser;
	struct yaml_tree *tree;
	const char *text;
	struct sbx_err *err;
};

static int fail_at(struct reader *rd, yaml_mark_t mark, const char *msg)
{
	return sbx_err_set(rd->err, -EINVAL, STAGE, "%s:%zu:%zu: %s", rd->tree->name,
			   mark.line + 1, mark.column + 1, msg);
}

/* The reader of libyaml counts bytes only. */
static yaml_mark_t mark_of_offset(const char *text, size_t offset)
{
	yaml_mark_t m = { .index = offset };

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			m.line++;
			m.column = 0;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			m.column++;
		}
	}
	return m;
}

/* Marks of libyaml count characters. */
static char char_at(const char *text, yaml_mark_t mark)
{
	for (size_t i = 0; *text; text++)
		if (((unsigned char)*text & 0xc0) != 0x80 && i++ == mark.index)
			break;
	return *text;
}

static int parser_failed(struct reader *rd)
{
	yaml_parser_t *p = &rd->parser;
	yaml_mark_t mark = p->problem_mark;
	const char *msg = p->problem ? p->problem : "cannot be read";
	char text[256], c;

	if (p->error == YAML_MEMORY_ERROR)
		return sbx_err_oom(rd->err, STAGE);
	if (p->error == YAML_READER_ERROR)
		return fail_at(rd, mark_of_offset(rd->text, p->problem_offset),
			       "this is not UTF-8 text, or a control character; "
			       "a configuration is plain UTF-8 text");
	c = char_at(rd->text, mark);
	if (c == '\t')
		msg = "a tab; YAML is indented with spaces";
	else if (c && strchr("@`%", c))
		msg = "text that begins with @, ` or % stands in quotes";
	if (p->context && p->problem_mark.line != p->context_mark.line)
		snprintf(text, sizeof(text), "%s (%s that begins in line %zu)", msg,
			 p->context, p->context_mark.line + 1);
	else
		snprintf(text, sizeof(text), "%s", msg);
	return fail_at(rd, mark, text);
}

/* libyaml's marks are only valid while the event lives; the caller deletes it. */
static int next_event(struct reader *rd, yaml_event_t *ev)
{
	return yaml_parser_parse(&rd->parser, ev) ? 0 : parser_failed(rd);
}

static void cleanup_event_p(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}

#define cleanup_event cleanup(cleanup_event_p)

static int read_node(struct reader *rd, const yaml_event_t *ev,
		     const struct yaml_node *parent, unsigned depth,
		     struct yaml_node **ret);

static int check_decoration(struct reader *rd, const yaml_event_t *ev,
			    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		return fail_at(rd, ev->start_mark,
			       "an anchor (&name); accepted are plain values, lists and "
			       "mappings");
	if (tag)
		return fail_at(
			rd, ev->start_mark,
			"a tag (!name); accepted are plain values, lists and mappings");
	return 0;
}

static int read_scalar(struct reader *rd, const yaml_event_t *ev, struct yaml_node *n)
{
	const char *value = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	int r;

	r = check_decoration(rd, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	if (r < 0)
		return r;
	if (memchr(value, '\0', len))
		return fail_at(rd, ev->start_mark, "text with a NUL character inside");
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->text = strdup(value);
	return n->text ? 0 : sbx_err_oom(rd->err, STAGE);
}

/* One key and, in @ev, the event that begins it. */
static int read_key(struct reader *rd, const yaml_event_t *ev,
		    const struct yaml_node *map, struct yaml_node **ret)
{
	cleanup_node struct yaml_node *key = NULL;
	char found[YAML_FOUND_SIZE];
	size_t twin;
	int r;

	if (ev->type != YAML_SCALAR_EVENT && ev->type != YAML_ALIAS_EVENT)
		return fail_at(rd, ev->start_mark,
			       "a list or mapping as a key; accepted is a word");
	r = read_node(rd, ev, map, 0, &key);
	if (r < 0)
		return r;
	if (!*key->text)
		return yaml_fail(key, rd->err, "a value without a key");
	twin = key_index(map, key->text);
	if (twin < map->n)
		return yaml_fail(
			key, rd->err, "duplicate key %s; it stands in line %u already",
			yaml_found(key, found, sizeof(found)), map->keys[twin]->line);
	*ret = TAKE_PTR(key);
	return 0;
}

static int check_entries(const struct yaml_node *n, struct sbx_err *err)
{
	if (n->n >= YAML_ENTRIES_MAX)
		return yaml_fail(n, err, "more than %u entries",
				 (unsigned)YAML_ENTRIES_MAX);
	return 0;
}

static int read_list(struct reader *rd, struct yaml_node *list, unsigned depth)
{
	struct yaml_node *item = NULL;
	int r;

	for (;;) {
		cleanup_event yaml_event_t ev = { 0 };

		r = next_event(rd, &ev);
		if (r < 0 || ev.type == YAML_SEQUENCE_END_EVENT)
			return r;
		r = check_entries(list, rd->err);
		if (r < 0)
			return r;
		r = read_node(rd, &ev, list, depth, &item);
		if (r < 0)
			return r;
		r = node_add(list, NULL, item, rd->err);
		if (r < 0)
			return r;
	}
}

static int read_map(struct reader *rd, struct yaml_node *map, unsigned depth)
{
	struct yaml_node *value = NULL;
	int r;

	for (;;) {
		cleanup_event yaml_event_t kev = { 0 }, vev = { 0 };
		cleanup_node struct yaml_node *key = NULL;

		r = next_event(rd, &kev);
		if (r < 0 || kev.type == YAML_MAPPING_END_EVENT)
			return r;
		r = check_entries(map, rd->err);
		if (r < 0)
			return r;
		r = read_key(rd, &kev, map, &key);
		if (r < 0)
			return r;
		r = next_event(rd, &vev);
		if (r < 0)
			return r;
		r = read_node(rd, &vev, map, depth, &value);
		if (r < 0)
			return r;
		r = node_add(map, TAKE_PTR(key), value, rd->err);
		if (r < 0)
			return r;
	}
}

static int read_collection(struct reader *rd, const yaml_event_t *ev, struct yaml_node *n,
			   unsigned depth)
{
	bool map = n->type == YAML_MAP;
	int r;

	r = check_decoration(
		rd, ev,
		map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor,
		map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag);
	if (r < 0)
		return r;
	if (depth >= YAML_DEPTH_MAX)
		return fail_at(rd, ev->start_mark, "nested too deeply");
	return map ? read_map(rd, n, depth + 1) : read_list(rd, n, depth + 1);
}

static int read_node(struct reader *rd, const yaml_event_t *ev,
		     const struct yaml_node *parent, unsigned depth,
		     struct yaml_node **ret)
{
	cleanup_node struct yaml_node *n = NULL;
	int r;

	if (ev->type == YAML_ALIAS_EVENT)
		return fail_at(
			rd, ev->start_mark,
			"an alias (*name); text that begins with * stands in quotes");
	assert(ev->type == YAML_SCALAR_EVENT || ev->type == YAML_SEQUENCE_START_EVENT ||
	       ev->type == YAML_MAPPING_START_EVENT);

	n = node_new(rd->tree,
		     ev->type == YAML_SCALAR_EVENT          ? YAML_SCALAR
		     : ev->type == YAML_MAPPING_START_EVENT ? YAML_MAP
							    : YAML_LIST,
		     parent);
	if (!n)
		return sbx_err_oom(rd->err, STAGE);
	n->line = (unsigned)ev->start_mark.line + 1;
	n->col = (unsigned)ev->start_mark.column + 1;
	r = n->type == YAML_SCALAR ? read_scalar(rd, ev, n)
				   : read_collection(rd, ev, n, depth);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(n);
	return 0;
}

static int expect(struct reader *rd, yaml_event_type_t type, const char *otherwise)
{
	cleanup_event yaml_event_t ev = { 0 };
	int r;

	r = next_event(rd, &ev);
	if (r < 0)
		return r;
	if (ev.type != type)
		return fail_at(rd, ev.start_mark, otherwise);
	if (type == YAML_DOCUMENT_START_EVENT &&
	    (ev.data.document_start.version_directive ||
	     ev.data.document_start.tag_directives.start !=
		     ev.data.document_start.tag_directives.end))
		return fail_at(rd, ev.start_mark, "a directive (%); none is accepted");
	return 0;
}

static int read_document(struct reader *rd)
{
	cleanup_event yaml_event_t ev = { 0 };
	int r;

	r = expect(rd, YAML_STREAM_START_EVENT, "cannot be read");
	if (r < 0)
		return r;
	r = expect(rd, YAML_DOCUMENT_START_EVENT, "the file is empty");
	if (r < 0)
		return r;
	r = next_event(rd, &ev);
	if (r < 0)
		return r;
	r = read_node(rd, &ev, NULL, 0, &rd->tree->root);
	if (r < 0)
		return r;
	r = expect(rd, YAML_DOCUMENT_END_EVENT, "cannot be read");
	if (r < 0)
		return r;
	return expect(rd, YAML_STREAM_END_EVENT, "a second document; one is accepted");
}

static int read_yaml(struct yaml_tree *tree, const char *text, size_t n,
		     struct sbx_err *err)
{
	const char *bom = str_after(text, "\xef\xbb\xbf");
	struct reader rd = { .tree = tree, .text = bom ? bom : text, .err = err };
	int r;

	if (!yaml_parser_initialize(&rd.parser))
		return sbx_err_oom(err, STAGE);
	yaml_parser_set_encoding(&rd.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&rd.parser, (const unsigned char *)rd.text,
				     n - (size_t)(rd.text - text));
	r = read_document(&rd);
	yaml_parser_delete(&rd.parser);
	return r;
}

/* --- reading JSON --- */

/* The shortest text that reads back as the same number: 0.1, not 0.10000000000000001. */
static char *real_text(double v)
{
	char out[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, sizeof(out), "%.*g", digits, v);
		if (strtod(out, NULL) == v)
			break;
	}
	return strdup(out);
}

static char *json_scalar(const json_t *j)
{
	if (json_is_string(j))
		return strdup(json_string_value(j));
	if (json_is_integer(j))
		return str_printf("%" JSON_INTEGER_FORMAT, json_integer_value(j));
	if (json_is_real(j))
		return real_text(json_real_value(j));
	return strdup(json_is_null(j) ? "" : json_is_true(j) ? "true" : "false");
}

static int tree_of_json(const struct yaml_tree *tree, const json_t *j,
			const struct yaml_node *parent, unsigned depth,
			struct yaml_node **ret, struct sbx_err *err);

static int json_children(const struct yaml_tree *tree, const json_t *j,
			 struct yaml_node *n, unsigned depth, struct sbx_err *err)
{
	json_t *item, *obj = (json_t *)j; /* the iterators of jansson want it writable */
	struct yaml_node *value = NULL;
	const char *name;
	size_t i;
	int r;

	if (depth >= YAML_DEPTH_MAX)
		return yaml_fail(n, err, "nested too deeply");
	if ((json_is_array(j) ? json_array_size(j) : json_object_size(j)) >
	    YAML_ENTRIES_MAX)
		return yaml_fail(n, err, "more than %u entries",
				 (unsigned)YAML_ENTRIES_MAX);
	json_array_foreach(obj, i, item) {
		r = tree_of_json(tree, item, n, depth + 1, &value, err);
		if (r < 0 || (r = node_add(n, NULL, value, err)) < 0)
			return r;
	}
	json_object_foreach(obj, name, item) {
		cleanup_node struct yaml_node *key = node_new(tree, YAML_SCALAR, n);

		if (!key || !(key->text = strdup(name)))
			return sbx_err_oom(err, STAGE);
		r = tree_of_json(tree, item, n, depth + 1, &value, err);
		if (r < 0 || (r = node_add(n, TAKE_PTR(key), value, err)) < 0)
			return r;
	}
	return 0;
}

static int tree_of_json(const struct yaml_tree *tree, const json_t *j,
			const struct yaml_node *parent, unsigned depth,
			struct yaml_node **ret, struct sbx_err *err)
{
	cleanup_node struct yaml_node *n = NULL;
	int r;

	n = node_new(tree,
		     json_is_array(j)    ? YAML_LIST
		     : json_is_object(j) ? YAML_MAP
					 : YAML_SCALAR,
		     parent);
	if (!n)
		return sbx_err_oom(err, STAGE);
	if (n->type == YAML_SCALAR) {
		n->quoted = json_is_string(j);
		n->text = json_scalar(j);
		if (!n->text)
			return sbx_err_oom(err, STAGE);
	} else {
		r = json_children(tree, j, n, depth, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(n);
	return 0;
}

/* Numbers and null may be spelled in two ways, text and structure may not. */
static bool same_node(const struct yaml_node *a, const struct yaml_node *b)
{
	if (a->type != b->type || a->quoted != b->quoted || a->n != b->n ||
	    (a->quoted && !streq(a->text, b->text)))
		return false;
	for (size_t i = 0; i < a->n; i++)
		if ((a->keys && !streq(a->keys[i]->text, b->keys[i]->text)) ||
		    !same_node(a->items[i], b->items[i]))
			return false;
	return true;
}

static void take_positions(struct yaml_node *to, const struct yaml_node *from)
{
	to->line = from->line;
	to->col = from->col;
	for (size_t i = 0; i < to->n; i++) {
		take_positions(to->items[i], from->items[i]);
		if (to->keys)
			take_positions(to->keys[i], from->keys[i]);
	}
}

/*
 * jansson alone says what JSON is and means, but not where it stood. Nearly all JSON is YAML as
 * well: what reads the same there gets its positions from there.
 */
static void find_positions(struct yaml_tree *tree, const char *text, size_t n)
{
	cleanup_yaml struct yaml_tree *other = calloc(1, sizeof(*other));

	if (other && (other->name = strdup("")) && read_yaml(other, text, n, NULL) == 0 &&
	    same_node(tree->root, other->root))
		take_positions(tree->root, other->root);
}

static int read_json(struct yaml_tree *tree, const char *text, size_t n,
		     struct sbx_err *err)
{
	cleanup_json json_t *j = NULL;
	int r;

	r = json_parse(text, n, tree->name, &j, err);
	if (r < 0)
		return -EINVAL;
	r = tree_of_json(tree, j, NULL, 0, &tree->root, err);
	if (r == 0)
		find_positions(tree, text, n);
	return r;
}

static bool ends_in_json(const char *name)
{
	size_t n = strlen(name);

	return n >= 5 && streq(name + n - 5, ".json");
}

int yaml_tree_parse(const char *text, size_t n, const char *name, struct yaml_tree **ret,
		    struct sbx_err *err)
{
	cleanup_yaml struct yaml_tree *t = calloc(1, sizeof(*t));
	cleanup_free char *copy = NULL;
	int r;

	if (n > YAML_SIZE_MAX)
		return sbx_err_set(
			err, -EINVAL, STAGE,
			"%s: larger than 1 MiB; a configuration is a small text file",
			name);
	/* Positions of errors are looked up in the text: one byte behind it must be
	 * there. */
	copy = calloc(1, n + 1);
	if (!t || !copy || !(t->name = strdup(name)))
		return sbx_err_oom(err, STAGE);
	if (n)
		memcpy(copy, text, n);
	r = ends_in_json(name) ? read_json(t, copy, n, err) : read_yaml(t, copy, n, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}
