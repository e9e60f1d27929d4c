/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rules about system calls -> one BPF program. Used while the program is built, for the
 * policies that are shipped, and at run time for all others.
 *
 *	filter_maker_new()     what becomes of calls that no rule names
 *	filter_maker_set()     one answer for a list of names; the last word counts
 *	filter_maker_rule()    an answer that depends on arguments; the strictest counts
 *	filter_maker_floor()   refusals that nothing above can lift
 *	filter_maker_make()    the program
 */

#include <linux/filter.h>

#include "base/err.h"
#include "syscalls.h"

struct filter_maker;

/* Room for every number of this architecture; above lies only the x32 bit. */
#define FILTER_MAX_NR 1024

/**
 * filter_maker_new() - an empty set of rules
 * @answer:  SECCOMP_RET_… for every call that is not named
 * @ret:     freed by filter_maker_free()
 */
int filter_maker_new(uint32_t answer, struct filter_maker **ret);
void filter_maker_free(struct filter_maker *m);

/**
 * filter_maker_set() - one answer for each of @names, whatever was said before
 * @names:  closed by NULL, may be NULL; what this architecture does not have is skipped
 */
void filter_maker_set(struct filter_maker *m, uint32_t answer, const char *const *names);

/**
 * filter_maker_rule() - an answer where all conditions hold, or always where there are none
 *
 * Of all rules that hold for a call the strictest decides; where none holds, the answer
 * for unnamed calls does.
 *
 * Return: 0; -ENOMEM
 */
int filter_maker_rule(struct filter_maker *m, const struct syscall_rule *rule);

/**
 * filter_maker_floor() - as a rule, but asked last, of calls that would otherwise pass
 *
 * Return: 0; -ENOMEM
 */
int filter_maker_floor(struct filter_maker *m, const struct syscall_rule *rule);

/**
 * filter_maker_make() - compile
 * @ret:    instructions, freed with free()
 * @ret_n:  how many; at most BPF_MAXINSNS
 *
 * Return: 0; -ENOMEM; -E2BIG where the kernel would refuse so long a program
 */
int filter_maker_make(const struct filter_maker *m, struct sock_filter **ret,
		      unsigned short *ret_n, struct sbx_err *err);

/* The same program with every refusal by EPERM sent to a listener instead. */
void filter_count(const struct sock_filter *from, struct sock_filter *to,
		  unsigned short n);

/* What the kernel does: the stricter of two answers is the smaller one. */
int filter_compare(uint32_t a, uint32_t b);

/* The number of a call here; -1 where there is no such call; less where others have it. */
int syscall_number(const char *name);

/* The name of a call, or NULL. The caller frees it. */
char *syscall_name(int nr);

/* The version of libseccomp, whose table of names this is: "2.5.4". @size of at least 16. */
const char *filter_library(char *out, size_t size);
