/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The system call filter of a box: one BPF program, in two forms that differ in the answer
 * to what is refused with EPERM. The plain form lets the kernel refuse; the counted one asks
 * a listener, so that refusals can be counted, and refused.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base/sha256.h"
#include "sandbox.h"

struct filter {
	const struct sock_filter *plain;
	const struct sock_filter *counted; /* NULL = refusals are not counted */
	unsigned short n;                  /* instructions of each */
	char sha256[SHA256_TEXT_SIZE];     /* of the policy's own plain form */
	char libseccomp[16];               /* version whose names it was made with */
	struct sock_filter *own;           /* what filter_done() frees */
};

/* That of the default policy. */
extern const struct filter filter_default;

/* Those of the shipped policies, compiled when the program was built. */
struct filter_shipped {
	const char *text; /* policy_dump_filter() of the policies that have it */
	struct filter filter;
};
extern const struct filter_shipped filters_shipped[];
extern const size_t n_filters_shipped;

/**
 * filter_choose() - the filter of a policy
 * @ret:  freed by filter_done(); made anew where it is none of those that are shipped
 *
 * Return: 0; -EINVAL for a profile that cannot be used; other negative errno
 */
int filter_choose(const struct sbx_policy *p, struct filter *ret, struct sbx_err *err);
void filter_done(struct filter *f);

/* The native architecture, as the program knows it: its second instruction compares that. */
uint32_t filter_arch(const struct filter *f);

/* What the plain form answers, SECCOMP_RET_…; for explanations and tests. */
uint32_t filter_ask(const struct filter *f, const struct seccomp_data *d);

/* The same for one call where all arguments are 0. @ret_depends: others may be answered otherwise */
uint32_t filter_ask_call(const struct filter *f, int nr, bool *ret_depends);

/**
 * filter_enter() - put the calling process under the filter, for good
 * @f:                borrowed
 * @ret_listener_fd:  where refusals are asked for, close-on-exec, the caller closes it; or
 *                    -EBADF: nothing is counted, by the filter's wish or because a
 *                    supervisor around us has a listener already and there can only be one
 * @err:              filled on failure
 *
 * As soon as the listener is closed what is counted fails with ENOSYS. Needs no_new_privs.
 * Async-signal-safe: called between clone3 and exec.
 *
 * Source: seccomp(2); seccomp_unotify(2); kernel
 * Documentation/userspace-api/seccomp_filter.rst
 * Return: 0; negative errno
 */
int filter_enter(const struct filter *f, int *ret_listener_fd, struct sbx_err *err);
