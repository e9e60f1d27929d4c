/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a text becomes as a tree, written back in one line: plain scalars as they are,
 * quoted ones in quotes, [lists] and {maps}; and what is refused, with its position.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "yaml-tree.h"

static void dump(struct buf *b, const struct yaml_node *n)
{
	if (n->type == YAML_SCALAR) {
		buf_printf(b, n->quoted ? "'%s'" : "%s", n->text);
		return;
	}
	buf_puts(b, n->type == YAML_LIST ? "[" : "{");
	for (size_t i = 0; i < n->n; i++) {
		buf_puts(b, i ? ", " : "");
		if (n->type == YAML_MAP)
			buf_printf(b, "%s: ", n->keys[i]->text);
		dump(b, n->items[i]);
	}
	buf_puts(b, n->type == YAML_LIST ? "]" : "}");
}

static void trees_are_as_written(void **state attr_unused)
{
	static const struct {
		const char *name, *text, *want;
	} cases[] = {
		{ "a.yaml", "a: 1\nb: x y\n", "{a: 1, b: x y}" },
		{ "a.yaml", "a: '1'\nb: \"x\\ty\"\n", "{a: '1', b: 'x\ty'}" },
		{ "a.yaml", "- a\n- [b, c]\n- {d: e}\n-\n", "[a, [b, c], {d: e}, ]" },
		{ "a.yaml", "a: |\n  one\n  two\n", "{a: 'one\ntwo\n'}" },
		{ "a.yaml", "a: >-\n  one\n  two\n", "{a: 'one two'}" },
		{ "a.yaml", "# comment\n---\na: b # c\n", "{a: b}" },
		{ "a.yaml",
		  "\xef\xbb\xbf"
		  "a: b\r\nc: d\r\n",
		  "{a: b, c: d}" },
		{ "a.yaml", "a: \xc3\xa9\n", "{a: \xc3\xa9}" },
		{ "a.yaml", "just text", "just text" },
		{ "a.yaml", "{}", "{}" },
		{ "a.json", "{\"a\": [1, 0.1, true, null, \"x\"]}",
		  "{a: [1, 0.1, true, , 'x']}" },
		{ "a.json", "{\"b\": -3, \"a\": 1e-7}", "{b: -3, a: 1e-07}" },
		{ "a.json", "[]", "[]" },
		/* The name decides, not the content. */
		{ "json", "{\"a\": 1}", "{a: 1}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_yaml struct yaml_tree *t = NULL;
		cleanup_buf struct buf b = BUF_INIT;
		struct sbx_err err = { 0 };
		int r;

		r = yaml_tree_parse(cases[i].text, strlen(cases[i].text), cases[i].name,
				    &t, &err);
		if (r < 0)
			fail_msg("%s: %s", cases[i].text, err.msg);
		dump(&b, t->root);
		assert_string_equal(buf_str(&b), cases[i].want);
	}
}

static void nodes_know_where_they_stand(void **state attr_unused)
{
	static const char text[] = "# first\na: 1\nb:\n  - \xc3\xa9\xc3\xa9: {c: d}\n";
	cleanup_yaml struct yaml_tree *t = NULL;
	const struct yaml_node *n;
	struct sbx_err err = { 0 };

	assert_int_equal(yaml_tree_parse(text, strlen(text), "f.yaml", &t, NULL), 0);
	n = yaml_get(t->root, "b")->items[0];
	n = yaml_get(n, "\xc3\xa9\xc3\xa9");
	assert_int_equal(n->line, 4);
	assert_int_equal(n->col, 9); /* in characters, not in bytes */
	assert_null(yaml_get(n, "d"));
	n = yaml_get(n, "c");
	assert_int_equal(yaml_fail(n, &err, "is %s", "bad"), -EINVAL);
	assert_string_equal(err.msg, "f.yaml:4:13: b[0].\xc3\xa9\xc3\xa9.c: is bad");
}

static void what_is_no_plain_yaml_is_refused(void **state attr_unused)
{
	static const struct {
		const char *name, *text, *want;
	} cases[] = {
		{ "a.yaml", "", "a.yaml:1:1: the file is empty" },
		{ "a.yaml", "# nothing\n", "a.yaml:2:1: the file is empty" },
		{ "a.yaml", "a: &x 1\n",
		  "a.yaml:1:4: an anchor (&name); accepted are plain "
		  "values, lists and mappings" },
		{ "a.yaml", "a: &x [1]\n",
		  "a.yaml:1:4: an anchor (&name); accepted are plain "
		  "values, lists and mappings" },
		{ "a.yaml", "a: b\nc: *x\n",
		  "a.yaml:2:4: an alias (*name); text that begins "
		  "with * stands in quotes" },
		{ "a.yaml", "a: !!str 1\n",
		  "a.yaml:1:4: a tag (!name); accepted are plain "
		  "values, lists and mappings" },
		{ "a.yaml", "a: !!map {}\n",
		  "a.yaml:1:4: a tag (!name); accepted are plain "
		  "values, lists and mappings" },
		{ "a.yaml", "%YAML 1.1\n---\na: b\n",
		  "a.yaml:1:1: a directive (%); none is "
		  "accepted" },
		{ "a.yaml", "a: b\n---\nc: d\n",
		  "a.yaml:2:1: a second document; one is "
		  "accepted" },
		{ "a.yaml", "a: b\nc: d\na: e\n",
		  "a.yaml:3:1: duplicate key 'a'; it stands in "
		  "line 1 already" },
		{ "a.yaml", "x: {a: b, a: c}\n",
		  "a.yaml:1:11: duplicate key 'a'; it stands in "
		  "line 1 already" },
		{ "a.yaml", "? [a]\n: b\n",
		  "a.yaml:1:3: a list or mapping as a key; accepted is "
		  "a word" },
		{ "a.yaml", "\"\": b\n", "a.yaml:1:1: a value without a key" },
		{ "a.yaml", "a: \"x\\0y\"\n",
		  "a.yaml:1:4: text with a NUL character inside" },
		{ "a.yaml", "a: b\nc: \xff\n",
		  "a.yaml:2:4: this is not UTF-8 text, or a control "
		  "character; a configuration is plain UTF-8 text" },
		{ "a.yaml", "a: \x01\n",
		  "a.yaml:1:4: this is not UTF-8 text, or a control "
		  "character; a configuration is plain UTF-8 text" },
		{ "a.yaml", "a:\n\tb: c\n",
		  "a.yaml:2:1: a tab; YAML is indented with spaces" },
		{ "a.yaml", "a: \xc3\xa9\nb: @c\n",
		  "a.yaml:2:4: text that begins with @, ` or % "
		  "stands in quotes" },
		{ "a.yaml", "a: b: c\n",
		  "a.yaml:1:5: mapping values are not allowed in this "
		  "context" },
		{ "a.yaml", "a: [b\n",
		  "a.yaml:2:1: did not find expected ',' or ']' (while "
		  "parsing a flow sequence that begins in line 1)" },
		{ "a.json", "{\"a\": 1,}",
		  "a.json:1:9: string or '}' expected near '}'" },
		{ "a.json", "{\"a\": 1, \"a\": 2}",
		  "a.json:1:12: duplicate object key near "
		  "'\"a\"'" },
		{ "a.json", "", "a.json:1:0: '[' or '{' expected near end of file" },
		{ "a.json", "a: b", "a.json:1:1: '[' or '{' expected near 'a'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct yaml_tree *t = NULL;
		struct sbx_err err = { 0 };
		int r;

		r = yaml_tree_parse(cases[i].text, strlen(cases[i].text), cases[i].name,
				    &t, &err);
		assert_string_equal(err.msg, cases[i].want);
		assert_int_equal(r, -EINVAL);
		assert_null(t);
	}
}

static void refused(const char *text, size_t n, const char *name, const char *want)
{
	struct yaml_tree *t = NULL;
	struct sbx_err err = { 0 };

	assert_int_equal(yaml_tree_parse(text, n, name, &t, &err), -EINVAL);
	assert_string_equal(err.msg, want);
}

static void size_depth_and_entries_are_capped(void **state attr_unused)
{
	cleanup_buf struct buf b = BUF_INIT;
	cleanup_yaml struct yaml_tree *t = NULL;

	for (unsigned i = 0; i < YAML_DEPTH_MAX; i++)
		buf_puts(&b, "[");
	for (unsigned i = 0; i < YAML_DEPTH_MAX; i++)
		buf_puts(&b, "]");
	assert_int_equal(yaml_tree_parse(b.data, b.len, "a.yaml", &t, NULL), 0);

	buf_clear(&b);
	for (unsigned i = 0; i < 100000; i++)
		buf_puts(&b, "[");
	refused(b.data, b.len, "a.yaml", "a.yaml:1:17: nested too deeply");
	buf_clear(&b);
	for (unsigned i = 0; i < 1000; i++)
		buf_puts(&b, "[");
	for (unsigned i = 0; i < 1000; i++)
		buf_puts(&b, "]");
	refused(b.data, b.len, "a.json",
		"a.json: [0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested too "
		"deeply");

	buf_clear(&b);
	for (unsigned i = 0; i <= YAML_ENTRIES_MAX; i++)
		buf_puts(&b, "- x\n");
	refused(b.data, b.len, "a.yaml", "a.yaml:1:1: more than 4096 entries");
	b.data[b.len - 4] = '\n'; /* one entry fewer is fine */
	b.len -= 3;
	yaml_tree_free(TAKE_PTR(t));
	assert_int_equal(yaml_tree_parse(b.data, b.len, "a.yaml", &t, NULL), 0);
	assert_int_equal(t->root->n, YAML_ENTRIES_MAX);

	buf_clear(&b);
	while (b.len <= YAML_SIZE_MAX)
		buf_puts(&b, "# a long comment that says nothing\n");
	refused(b.data, b.len, "a.yaml",
		"a.yaml: larger than 1 MiB; a configuration is a small text file");
}

struct thing {
	char *text;
	char **texts;
	uint64_t big;
	unsigned small;
	double real;
	int word;
};

static const char *const words[] = { "red", "green" };

static const struct yaml_field thing_fields[] = {
	{ "text", yaml_read_text, offsetof(struct thing, text), "some text" },
	{ "texts", yaml_read_texts, offsetof(struct thing, texts), "a list of words" },
	{ "big", yaml_read_u64, offsetof(struct thing, big), "a number to 9", .max = 9 },
	{ "small", yaml_read_unsigned, offsetof(struct thing, small), "a number from 2",
	  .min = 2, .max = UINT32_MAX },
	{ "real", yaml_read_double, offsetof(struct thing, real), "a number" },
	{ "word", yaml_read_enum, offsetof(struct thing, word), .arg = words,
	  .max = ARRAY_SIZE(words) },
	{ "later", yaml_read_later, .accepts = "nothing like it" },
	{ "must", yaml_read_text, offsetof(struct thing, text), "text",
	  .required = true },
};

static int read_thing(const char *text, size_t n_fields, struct thing *ret,
		      struct sbx_err *err)
{
	cleanup_yaml struct yaml_tree *t = NULL;

	assert_int_equal(yaml_tree_parse(text, strlen(text), "f", &t, NULL), 0);
	return yaml_read_map(t->root, thing_fields, n_fields, ret, err);
}

static void thing_done(struct thing *t)
{
	free(t->text);
	for (size_t i = 0; t->texts && t->texts[i]; i++)
		free(t->texts[i]);
	free(t->texts);
}

static void readers_take_what_they_say(void **state attr_unused)
{
	struct thing t = { 0 };

	assert_int_equal(
		read_thing("text: 3\ntexts: [true, 'x y', \"\"]\nbig: 9\nsmall: 2\n"
			   "real: -1e3\nword: green\n",
			   7, &t, NULL),
		0);
	assert_string_equal(t.text, "3");
	assert_string_equal(t.texts[0], "true");
	assert_string_equal(t.texts[1], "x y");
	assert_string_equal(t.texts[2], "");
	assert_null(t.texts[3]);
	assert_int_equal(t.big, 9);
	assert_int_equal(t.small, 2);
	assert_true(t.real == -1000);
	assert_int_equal(t.word, 1);
	thing_done(&t);
}

static void readers_say_what_they_take(void **state attr_unused)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "text:", "f:1:6: text: nothing; accepted is some text" },
		{ "text: null", "f:1:7: text: 'null'; accepted is some text" },
		{ "text: ~", "f:1:7: text: '~'; accepted is some text" },
		{ "text: []", "f:1:7: text: a list; accepted is some text" },
		{ "texts: x", "f:1:8: texts: 'x'; accepted is a list of words" },
		{ "texts: [x, {}]",
		  "f:1:12: texts[1]: a mapping; accepted is a list of words" },
		{ "big: 10", "f:1:6: big: '10'; accepted is a number to 9" },
		{ "big: '1'", "f:1:6: big: the text '1'; accepted is a number to 9" },
		{ "big: -1", "f:1:6: big: '-1'; accepted is a number to 9" },
		{ "big: 0x1", "f:1:6: big: '0x1'; accepted is a number to 9" },
		{ "small: 1", "f:1:8: small: '1'; accepted is a number from 2" },
		{ "small: 4294967296",
		  "f:1:8: small: '4294967296'; accepted is a number from 2" },
		{ "real: nan", "f:1:7: real: 'nan'; accepted is a number" },
		{ "real: .inf", "f:1:7: real: '.inf'; accepted is a number" },
		{ "real: 1_000", "f:1:7: real: '1_000'; accepted is a number" },
		{ "word: blue", "f:1:7: word: 'blue'; accepted is red or green" },
		{ "later: 1",
		  "f:1:8: later: this version of autoexp does not have 'later'; it "
		  "has nothing like it" },
		{ "tex: 1", "f:1:1: unknown key 'tex'; did you mean 'text'?" },
		{ "wrod: 1", "f:1:1: unknown key 'wrod'; did you mean 'word'?" },
		{ "xyzzy: 1",
		  "f:1:1: unknown key 'xyzzy'; accepted are text, texts, big, small, "
		  "real, word or must" },
		{ "text: a", "f:1:1: the key 'must' is missing; accepted is text" },
		{ "- a", "f:1:1: a list; accepted is a mapping of keys to values" },
		{ "text: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]",
		  "f:1:7: text: a list; accepted is some text" },
		{ "word: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee",
		  "f:1:7: word: 'aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeee...'; "
		  "accepted is "
		  "red or green" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct thing t = { 0 };
		struct sbx_err err = { 0 };

		assert_int_equal(
			read_thing(cases[i].text, ARRAY_SIZE(thing_fields), &t, &err),
			-EINVAL);
		assert_string_equal(err.msg, cases[i].want);
		thing_done(&t);
	}
}

static void the_nearest_name_is_found(void **state attr_unused)
{
	static const char *const names[] = {
		"target", "harness", "metrics", "env", "max_wall_clock_hours", "limits"
	};
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "metric", "metrics" },
		{ "Target", "target" },
		{ "harnes", "harness" },
		{ "limit", "limits" },
		{ "max_wall", "max_wall_clock_hours" },
		{ "environment", "env" },
		{ "zzz", NULL },
		{ "e", NULL },
		{ "", NULL },
		{ "a_word_that_is_far_too_long_to_be_compared_with_any_of_them", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *near = yaml_nearest(cases[i].word, names, ARRAY_SIZE(names));

		if (!cases[i].want != !near || (near && !streq(near, cases[i].want)))
			fail_msg("'%s' is near '%s'", cases[i].word,
				 near ? near : "nothing");
	}
}

/* jansson says what is meant, and libyaml where it stood; where they differ there is no place. */
static void json_has_positions_where_it_is_yaml_too(void **state attr_unused)
{
	static const char text[] = "{\n\t\"a\": [1e2, null,\n\t\t\"x\"]\n}\n";
	static const char odd[] = "{\"a\": \"\\ud83d\\ude00\"}";
	cleanup_yaml struct yaml_tree *t = NULL, *u = NULL;
	const struct yaml_node *a;

	assert_int_equal(yaml_tree_parse(text, strlen(text), "a.json", &t, NULL), 0);
	a = yaml_get(t->root, "a");
	assert_int_equal(a->items[2]->line, 3);
	assert_int_equal(a->items[2]->col, 3);
	assert_string_equal(a->items[0]->text, "100");
	assert_int_equal(t->root->keys[0]->line, 2);

	assert_int_equal(yaml_tree_parse(odd, strlen(odd), "a.json", &u, NULL), 0);
	assert_int_equal(yaml_get(u->root, "a")->line, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_positions_where_it_is_yaml_too),
		cmocka_unit_test(trees_are_as_written),
		cmocka_unit_test(nodes_know_where_they_stand),
		cmocka_unit_test(what_is_no_plain_yaml_is_refused),
		cmocka_unit_test(size_depth_and_entries_are_capped),
		cmocka_unit_test(readers_take_what_they_say),
		cmocka_unit_test(readers_say_what_they_take),
		cmocka_unit_test(the_nearest_name_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
