/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * `autoexp policy`: what policies there are, what one says and where it says it, what that
 * means, and what is wrong with it.
 */

#include "base/json.h"
#include "filter.h"
#include "policy.h"

int cmd_policy(int argc, char **argv);

/* A policy with what it comes to; filled by policy_open(). */
struct policy_view {
	struct sbx_policy *policy;
	struct filter filter;
	char sha256[SHA256_TEXT_SIZE]; /* of policy_dump() without origins */
};

/**
 * policy_open() - load and compile
 * @name:  of a shipped policy, or a path
 * @ret:   closed by policy_close()
 */
int policy_open(const char *name, struct policy_view *ret, struct sbx_err *err);
void policy_close(struct policy_view *v);

/* Does the filter let a call pass where all arguments are 0? Not for one that is not here. */
bool policy_allows(const struct policy_view *v, const char *call);

/* "file:line", "file" or "built in". @size of at least 64. Return: @out */
const char *policy_where(const struct policy_origin *where, char *out, size_t size);

/* {"file": …, "line": …}, both null where a value is built in. */
json_t *policy_where_json(const struct policy_origin *where);

/* The subcommands: @json as with --json. Return: exit status */
int policy_show(const struct policy_view *v, bool plain, bool json);
int policy_explain(const struct policy_view *v, bool json);

/* Appends to @all, an array, where that is not NULL, else prints. Return: exit status */
int policy_check(const struct policy_view *v, json_t *all);

/* Of a value of a policy: its bits as names. */
json_t *policy_set_json(unsigned set, const char *const *names, size_t n);

/* Indented, on standard output; consumes @j. Return: exit status */
int policy_print(json_t *j);
