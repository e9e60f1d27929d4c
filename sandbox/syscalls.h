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

struct syscall_group {
	const char *what;         /* for people: "the clock of the machine" */
	const char *const *names; /* closed by NULL */
};

/* Known and refused with EPERM; grouped by why, closed by an empty group. */
extern const struct syscall_group syscalls_denied[];

enum arg_op {
	ARG_END,
	ARG_EQ,
	ARG_NE,
	ARG_LT,
	ARG_LE,
	ARG_GE,
	ARG_GT,
	ARG_MASKED,    /* (argument & mask) == value */
	ARG_MASKED_NE, /* (argument & mask) != value */
};

/* One condition on an argument, compared as an unsigned number of 64 bits. */
struct arg_rule {
	enum arg_op op;
	unsigned index;
	uint64_t value;
	uint64_t mask;
};

#define SYSCALL_ARGS 6

/* Give @answer (SECCOMP_RET_…) to @name where all of @args hold; the first ARG_END ends. */
struct syscall_rule {
	const char *name;
	uint32_t answer;
	struct arg_rule args[SYSCALL_ARGS];
};

/*
 * The floor: refusals that no policy and no profile can lift. Where they depend on arguments,
 * the calls themselves are allowed.
 */
extern const struct syscall_rule syscall_rules[];
extern const size_t n_syscall_rules;
