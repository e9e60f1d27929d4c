/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The keys of a policy file: what policy-load.c, which finds the files, has read with.
 */

#include <sys/types.h>

#include "sandbox.h"
#include "yaml-tree.h"

/*
 * While a file is read: what is read into, and the files that wait for the end of this one
 * because they extend it.
 */
struct policy_loader {
	struct sbx_policy *policy;
	const char *policy_dir; /* or NULL */
	const char *path;       /* of the file */
	const char *name;       /* the same, as the policy owns it */
	const struct policy_loader *outer;
	unsigned depth;
	dev_t dev;
	ino_t ino;
};

/* Every key of one file into the loader's policy, what it extends first. */
int policy_read_keys(const struct yaml_node *root, struct policy_loader *l,
		     struct sbx_err *err);

/* The reader of the key extends, in policy-load.c; @base is a struct policy_loader. */
int policy_read_extends(const struct yaml_node *n, const struct yaml_field *f, void *base,
			struct sbx_err *err);

/* @path, where it is relative seen from the file that names it. NULL: out of memory */
char *policy_beside(const struct policy_loader *l, const char *path);
