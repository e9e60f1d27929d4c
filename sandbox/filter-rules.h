/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a policy says about system calls -> the rules of its filter.
 *
 *	built-in table, or profile      what is allowed, refused, unknown
 *	allow, deny                     the policy's own lists
 *	floor                           refusals that nothing above lifts (syscalls.c), and
 *	                                the families of sockets that the policy leaves out
 *
 * Each layer is asked only of what the one above lets pass, so the floor can only make a
 * profile stricter.
 */

#include "filter-make.h"
#include "sandbox.h"
#include "yaml-tree.h"

/**
 * filter_rules() - everything that a filter of this policy is made from
 * @ret:  freed by filter_maker_free()
 *
 * Reads the profile, where there is one. Return: 0; -EINVAL; other negative errno
 */
int filter_rules(const struct sbx_policy *p, struct filter_maker **ret,
		 struct sbx_err *err);

/* Is @n the name of a system call of some architecture? The message offers the nearest. */
int syscall_check_name(const struct yaml_node *n, struct sbx_err *err);

/* The same, and may a policy allow it at all? */
int syscall_check_allowed(const struct yaml_node *n, struct sbx_err *err);
