/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A policy in memory: the built-in one, changed by what files say, and for each value where
 * it was said.
 */

#include "base/buf.h"
#include "sandbox.h"

/* Where a value was written; line 0 = built in. */
struct policy_origin {
	const char *file;
	unsigned line;
};

enum policy_key {
	POLICY_DESCRIPTION,
	POLICY_CPUSET,
	POLICY_NETWORK,
	POLICY_TARGET,
	POLICY_KILL_ON,
	POLICY_COUNT_DENIALS,
	POLICY_PROFILE,
	POLICY_SOCKETS,
	_POLICY_KEY_MAX
};

enum policy_list { POLICY_SYSTEM, POLICY_ALLOW, POLICY_DENY, _POLICY_LIST_MAX };

struct policy_origins {
	char **files; /* that were read, in this order; owns the names */
	struct policy_origin keys[_POLICY_KEY_MAX];
	struct policy_origin limits[_SBX_LIMIT_MAX];
	struct policy_origin *lists[_POLICY_LIST_MAX]; /* one for each entry */
};

extern const char *const target_names[_SBX_TARGET_MAX];
extern const char *const family_names[_SBX_FAMILY_MAX];

/**
 * policy_new() - the built-in policy, the same as policies/default.yaml
 * @ret:  freed by policy_free()
 */
int policy_new(struct sbx_policy **ret);
void policy_free(struct sbx_policy *p);

/* The member behind a list, closed by NULL or NULL. */
char ***policy_list(struct sbx_policy *p, enum policy_list which);

/* Add one entry and its origin, unless it is there already. Return: 0; -ENOMEM */
int policy_list_add(struct sbx_policy *p, enum policy_list which, const char *text,
		    struct policy_origin where);

/* Remove an entry, or with NULL all of them. */
void policy_list_drop(struct sbx_policy *p, enum policy_list which, const char *text);

/* Are system calls filtered as built in: no profile, no list, every family of sockets? */
bool policy_has_default_filter(const struct sbx_policy *p);

/* The value of a limit so that it reads back as the same; @size of at least 32. */
const char *policy_limit_text(enum sbx_limit limit, uint64_t value, char *out,
			      size_t size);

/**
 * policy_dump() - the whole effective policy as a file that reads back as the same
 * @origins:  with a comment behind each value: where it was written
 */
void policy_dump(const struct sbx_policy *p, bool origins, struct buf *out);

/* What of a policy its system call filter is made from; equal texts have equal filters. */
void policy_dump_filter(const struct sbx_policy *p, bool origins, struct buf *out);
