/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The default system call policy as data. Names are libseccomp's; one that this
 * architecture does not have is skipped when the filter is made.
 *
 * What stands in neither list is answered with ENOSYS, as an older kernel would: programs
 * then fall back, and a system call invented next year is not allowed by accident.
 */

#include <stddef.h>
#include <stdint.h>

/* Harmless without privilege, or needed by ordinary compilers, interpreters and servers. */
extern const char *const syscalls_allowed[];

/* Known and refused with EPERM; grouped by why. */
extern const char *const syscalls_denied[];

enum arg_op { ARG_END, ARG_EQ, ARG_NE, ARG_GT, ARG_MASKED };

/* One condition on an argument. ARG_MASKED: (argument & mask) == value. */
struct arg_rule {
	enum arg_op op;
	unsigned index;
	uint64_t value;
	uint64_t mask;
};

/* Refuse @name with @error when all of @args hold; the call itself is allowed. */
struct syscall_rule {
	const char *name;
	int error;
	struct arg_rule args[2];
};

extern const struct syscall_rule syscall_rules[];
extern const size_t n_syscall_rules;
