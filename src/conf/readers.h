/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The readers of the larger keys and what they share. Private to this folder. A reader
 * turns one node into members of the struct at base (yaml-tree.h).
 */

#include "conf/config.h"
#include "yaml-tree.h"

/* base: struct config */
int read_target(const struct yaml_node *n, const struct yaml_field *f, void *base,
		struct sbx_err *err);
int read_scratch(const struct yaml_node *n, const struct yaml_field *f, void *base,
		 struct sbx_err *err);
int read_show(const struct yaml_node *n, const struct yaml_field *f, void *base,
	      struct sbx_err *err);
int read_metrics(const struct yaml_node *n, const struct yaml_field *f, void *base,
		 struct sbx_err *err);
int read_proposer(const struct yaml_node *n, const struct yaml_field *f, void *base,
		  struct sbx_err *err);

/* "X; accepted is Y", with what was found at @n. */
int conf_refuse(const struct yaml_node *n, const struct yaml_field *f,
		struct sbx_err *err);

int conf_copy_text(const char *text, char **ret, struct sbx_err *err);

/* Letters, digits, '_' and @more, beginning with a letter or '_', at most
 * CONFIG_NAME_MAX. */
bool conf_is_word(const char *s, const char *more);

/* Compile the regex @n to see that it can be; @ret_groups: how many groups it has. */
int conf_check_regex(const struct yaml_node *n, size_t *ret_groups, struct sbx_err *err);
