/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strv.h"
#include "conf/readers.h"

#define STAGE "config"

static int read_kind(const struct yaml_node *n, const struct yaml_field *f, void *base,
		     struct sbx_err *err)
{
	struct config_proposer *p = base;

	if (!yaml_is_text(n) || !streq(n->text, "builtin"))
		return conf_refuse(n, f, err);
	p->kind = PROPOSER_BUILTIN;
	return 0;
}

static int read_numbers(const struct yaml_node *n, const struct yaml_field *f, void *base,
			struct sbx_err *err)
{
	struct config_proposer *p = base;
	size_t groups;
	int r;

	if (!yaml_is_text(n) || !*n->text)
		return conf_refuse(n, f, err);
	if (!n->quoted && (streq(n->text, "true") || streq(n->text, "false"))) {
		p->numbers = streq(n->text, "true") ? NUMBERS_ALL : NUMBERS_NONE;
		return 0;
	}
	r = conf_check_regex(n, &groups, err);
	if (r < 0)
		return r;
	p->numbers = NUMBERS_MATCHING;
	return conf_copy_text(n->text, &p->numbers_regex, err);
}

static int read_slot(const struct yaml_node *n, const struct yaml_field *f, char ***ret,
		     struct sbx_err *err)
{
	cleanup_strv char **slot = NULL;
	const struct yaml_node *line;

	if (n->type != YAML_LIST || n->n < 2)
		return yaml_fail(n, err,
				 "a slot of the pool is a list of two lines or more, "
				 "which may stand in for each other");
	for (size_t i = 0; i < n->n; i++) {
		line = n->items[i];
		if (!yaml_is_text(line) || !*line->text || strpbrk(line->text, "\n\r"))
			return conf_refuse(line, f, err);
		if (strv_has(slot, line->text))
			return yaml_fail(line, err, "'%.80s' stands twice in its slot",
					 line->text);
		if (strv_add(&slot, line->text) < 0)
			return sbx_err_oom(err, STAGE);
	}
	*ret = TAKE_PTR(slot);
	return 0;
}

static int read_pool(const struct yaml_node *n, const struct yaml_field *f, void *base,
		     struct sbx_err *err)
{
	struct config_proposer *p = base;
	size_t lists = 0;
	int r;

	if (n->type != YAML_LIST || n->n == 0)
		return conf_refuse(n, f, err);
	for (size_t i = 0; i < n->n; i++)
		lists += n->items[i]->type == YAML_LIST;
	if (lists && lists < n->n)
		return yaml_fail(n, err, "lines and lists are mixed; accepted is %s",
				 f->accepts);
	p->pool = calloc((lists ? lists : 1) + 1, sizeof(*p->pool));
	if (!p->pool)
		return sbx_err_oom(err, STAGE);
	for (size_t i = 0; i < (lists ? lists : 1); i++) {
		r = read_slot(lists ? n->items[i] : n, f, &p->pool[i], err);
		if (r < 0)
			return r;
		p->n_slots++;
	}
	return 0;
}

static const struct yaml_field proposer_fields[] = {
	{ "kind", read_kind, .accepts = "builtin", .required = true },
	{ "seed", yaml_read_u64, offsetof(struct config_proposer, seed),
	  "a whole number from 0", .max = INT64_MAX },
	{ "numbers", read_numbers,
	  .accepts = "true, false, or a regex that the lines with such numbers match" },
	{ "pool", read_pool,
	  .accepts = "lists of lines that may stand in for each other in the target, or "
		     "one such "
		     "list; a line is text that is not empty and has no line break" },
};

/* The kind comes first: the keys of a proposer that is not there would all be unknown. */
int read_proposer(const struct yaml_node *n, const struct yaml_field *f attr_unused,
		  void *base, struct sbx_err *err)
{
	static const char *const later[] = { "llm", "agent" };
	const struct yaml_node *kind = n->type == YAML_MAP ? yaml_get(n, "kind") : NULL;
	struct config *c = base;

	for (size_t i = 0; kind && kind->type == YAML_SCALAR && i < ARRAY_SIZE(later);
	     i++)
		if (streq(kind->text, later[i]))
			return yaml_fail(
				kind, err,
				"this version of autoexp does not have the proposer "
				"'%s'; "
				"it has builtin, which changes numbers and swaps lines",
				kind->text);
	return yaml_read_map(n, proposer_fields, ARRAY_SIZE(proposer_fields),
			     &c->proposer, err);
}
