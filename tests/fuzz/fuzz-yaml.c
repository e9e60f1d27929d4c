/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Text to a tree, in both notations. The first byte chooses: even is YAML, odd is JSON.
 * What was read is written as JSON and read again: the same texts in the same places.
 */

#include "base/json.h"
#include "fuzz.h"
#include "yaml-tree.h"

static void check_node(const struct yaml_node *n, const struct yaml_tree *tree,
		       unsigned depth)
{
	HOLDS(depth <= YAML_DEPTH_MAX);
	HOLDS(n->tree == tree);
	if (n->type == YAML_SCALAR) {
		HOLDS(n->text && n->n == 0);
		HOLDS(fuzz_is_utf8(n->text, strlen(n->text)));
		return;
	}
	HOLDS(n->n <= YAML_ENTRIES_MAX);
	HOLDS((n->type == YAML_MAP) == (n->keys != NULL) || n->n == 0);
	for (size_t i = 0; i < n->n; i++) {
		HOLDS(n->items[i]->parent == n && n->items[i]->index == i);
		check_node(n->items[i], tree, depth + 1);
		if (n->type != YAML_MAP)
			continue;
		check_node(n->keys[i], tree, depth + 1);
		/* No second key of this name can hide behind the first. */
		HOLDS(yaml_get(n, n->keys[i]->text) == n->items[i]);
	}
}

static json_t *as_json(const struct yaml_node *n)
{
	json_t *j = n->type == YAML_MAP    ? json_object()
		    : n->type == YAML_LIST ? json_array()
					   : json_string(n->text);

	HOLDS(j);
	for (size_t i = 0; i < n->n; i++)
		HOLDS((n->type == YAML_MAP
			       ? json_object_set_new(j, n->keys[i]->text,
						     as_json(n->items[i]))
			       : json_array_append_new(j, as_json(n->items[i]))) == 0);
	return j;
}

static void compare(const struct yaml_node *a, const struct yaml_node *b)
{
	HOLDS(a->type == b->type && a->n == b->n);
	HOLDS(a->type != YAML_SCALAR || streq(a->text, b->text));
	for (size_t i = 0; i < a->n; i++) {
		HOLDS(a->type != YAML_MAP || streq(a->keys[i]->text, b->keys[i]->text));
		compare(a->items[i], b->items[i]);
	}
}

static void check_round_trip(const struct yaml_tree *tree)
{
	cleanup_yaml struct yaml_tree *again = NULL;
	cleanup_json json_t *j = NULL;
	cleanup_free char *text = NULL;
	struct sbx_err err = { 0 };

	/* A document of jansson is a list or a mapping. */
	if (tree->root->type == YAML_SCALAR)
		return;
	j = as_json(tree->root);
	text = json_text(j);
	HOLDS(text);
	if (strlen(text) > YAML_SIZE_MAX)
		return;
	HOLDS(yaml_tree_parse(text, strlen(text), "again.json", &again, &err) == 0);
	compare(tree->root, again->root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	const char *name = fuzz_byte(&in) & 1 ? "input.json" : "input.yaml";
	cleanup_yaml struct yaml_tree *tree = NULL;
	struct sbx_err err = { 0 };
	int r;

	r = yaml_tree_parse((const char *)in.data, in.n, name, &tree, &err);
	if (r < 0) {
		HOLDS(!tree);
		fuzz_check_err(r, &err);
		HOLDS(str_after(err.msg, "input.") || r == -ENOMEM);
		return 0;
	}
	HOLDS(tree->root);
	check_node(tree->root, tree, 0);
	check_round_trip(tree);
	return 0;
}
