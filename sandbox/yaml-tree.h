/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A strict subset of YAML, and JSON, as a tree that remembers where everything stood. The
 * subset is what configurations need: plain values, lists and mappings in one document.
 * Anchors, aliases, tags, directives, merge keys and duplicate keys are errors, for each
 * of them lets a file mean something other than what it seems to say.
 *
 * Every message has the form "FILE:LINE:COL: PATH: what was found; what is accepted",
 * where PATH names the key ("metrics[0].goal"). Nodes read from JSON may have no line.
 */

#include <stdint.h>

#include "base/err.h"

#define YAML_SIZE_MAX    (1U << 20)
#define YAML_DEPTH_MAX   16
#define YAML_ENTRIES_MAX 4096

enum yaml_type { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_tree;

struct yaml_node {
	enum yaml_type type;
	bool quoted;        /* a scalar in quotes or a block: text, never a number */
	unsigned line, col; /* from 1; 0 = not known */
	char *text; /* scalar: UTF-8, no NUL inside; "" where nothing was written */
	size_t n;   /* list and map: how many */
	struct yaml_node **items; /* list: entries; map: values, in the order written */
	struct yaml_node **keys;  /* map: scalars, one for each item */
	const struct yaml_node *parent; /* NULL for the root */
	size_t index;                   /* in the parent's items */
	const struct yaml_tree *tree;
};

struct yaml_tree {
	char *name; /* of the file, for messages */
	struct yaml_node *root;
};

/**
 * yaml_tree_parse() - text to a tree
 * @text:  @n bytes of UTF-8, at most YAML_SIZE_MAX
 * @name:  of the file, for messages; where it ends in ".json" the text is read as JSON
 * @ret:   freed by yaml_tree_free(); the root is never NULL
 *
 * Return: 0; -EINVAL; -ENOMEM
 */
int yaml_tree_parse(const char *text, size_t n, const char *name, struct yaml_tree **ret,
		    struct sbx_err *err);

void yaml_tree_free(struct yaml_tree *t);

static inline void cleanup_yaml_p(struct yaml_tree **t)
{
	yaml_tree_free(*t);
}

#define cleanup_yaml cleanup(cleanup_yaml_p)

/**
 * yaml_fail() - report what is wrong with a node
 * @at:   where; its position and its path stand in front of the message
 * @fmt:  what was found, and what is accepted
 *
 * Return: -EINVAL
 */
int yaml_fail(const struct yaml_node *at, struct sbx_err *err, const char *fmt, ...)
	attr_printf(3, 4);

/* "'text'", "a list", "a mapping" or "nothing": for messages. Return: @out */
const char *yaml_found(const struct yaml_node *n, char *out, size_t size);
#define YAML_FOUND_SIZE 80

/* The value of @key in a map, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/*
 * A map is read through a table of its keys. Each entry names the function that reads the
 * value, and what that function needs to know.
 */
struct yaml_field {
	const char *key;
	int (*read)(const struct yaml_node *n, const struct yaml_field *f, void *base,
		    struct sbx_err *err);
	size_t offset; /* of the member in the struct at base, where it writes one */
	const char *accepts; /* for messages: "a path such as train.py" */
	const void *arg;     /* whatever else read() wants */
	uint64_t min, max;   /* yaml_read_u64, yaml_read_unsigned */
	bool required;
};

/**
 * yaml_read_map() - every key of a map through its table
 * @n:       any node; one that is no map is an error
 * @fields:  @count of them
 * @base:    handed to each field's read()
 *
 * Keys are read in the order of the table, so that a field may rely on those above it.
 * Unknown keys are errors with the nearest name, missing required ones are errors, too.
 * An error in the middle leaves what was already read in @base.
 */
int yaml_read_map(const struct yaml_node *n, const struct yaml_field *fields,
		  size_t count, void *base, struct sbx_err *err);

/*
 * Readers for the table. Each writes the member at f->offset and fails with f->accepts.
 * Members that own memory must be empty (NULL) before.
 */

/* char *: any scalar but nothing, a plain null and a plain ~. */
int yaml_read_text(const struct yaml_node *n, const struct yaml_field *f, void *base,
		   struct sbx_err *err);

/* char **: a list, perhaps an empty one, of such scalars. */
int yaml_read_texts(const struct yaml_node *n, const struct yaml_field *f, void *base,
		    struct sbx_err *err);

/* uint64_t: decimal digits without quotes, f->min to f->max. */
int yaml_read_u64(const struct yaml_node *n, const struct yaml_field *f, void *base,
		  struct sbx_err *err);

/* unsigned: the same; f->max must fit. */
int yaml_read_unsigned(const struct yaml_node *n, const struct yaml_field *f, void *base,
		       struct sbx_err *err);

/* bool: true or false without quotes. */
int yaml_read_bool(const struct yaml_node *n, const struct yaml_field *f, void *base,
		   struct sbx_err *err);

/* double: a finite decimal number without quotes. */
int yaml_read_double(const struct yaml_node *n, const struct yaml_field *f, void *base,
		     struct sbx_err *err);

/* An enum (an int): one of the f->max names of the table f->arg, a const char *const *.
 */
int yaml_read_enum(const struct yaml_node *n, const struct yaml_field *f, void *base,
		   struct sbx_err *err);

/* Nothing is read: always an error that says what this version has instead (f->accepts).
 */
int yaml_read_later(const struct yaml_node *n, const struct yaml_field *f, void *base,
		    struct sbx_err *err);

/* Whether @n is a scalar that may serve as text (see yaml_read_text()). */
bool yaml_is_text(const struct yaml_node *n);

/* Whether @n is a scalar that was written without quotes and is not nothing. */
bool yaml_is_plain(const struct yaml_node *n);

/**
 * yaml_nearest() - the name that was probably meant
 * @names:  @n names
 *
 * Return: one of @names, or NULL where none is near
 */
const char *yaml_nearest(const char *word, const char *const *names, size_t n);
