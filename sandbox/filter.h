/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The system call filter of a box: one BPF program, in two forms that differ in the answer
 * to what is refused with EPERM. The plain form lets the kernel refuse; the counted one asks
 * a listener, so that refusals can be counted, and refused.
 */

#include <linux/filter.h>

#include "base/err.h"

struct filter {
	const struct sock_filter *plain;
	const struct sock_filter *counted; /* NULL = refusals are not counted */
	unsigned short n;                  /* instructions of each */
};

/* That of the default policy, compiled when the program was built. */
extern const struct filter filter_default;

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
