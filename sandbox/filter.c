/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <errno.h>
#include <unistd.h>

#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "base/macro.h"
#include "filter-bpf.h"

/* Linux 5.19; headers may be older. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define LISTEN SECCOMP_FILTER_FLAG_NEW_LISTENER

/*
 * SECCOMP_FILTER_FLAG_SPEC_ALLOW is left out on purpose: it would switch off the kernel's
 * mitigation of speculative store bypass for untrusted code.
 */
static int install(const struct sock_filter *filter, unsigned short n,
		   unsigned long flags)
{
	struct sock_fprog prog = { .len = n, .filter = (struct sock_filter *)filter };
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

	return r < 0 ? -errno : (int)r;
}

/*
 * Best first: a call that waits for its answer is not started anew, and so counted twice, by
 * signals that do not kill.
 */
static int install_counted(const struct filter *f)
{
	int fd = install(f->counted, f->n,
			 LISTEN | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

	return fd == -EINVAL ? install(f->counted, f->n, LISTEN) : fd;
}

int filter_enter(const struct filter *f, int *ret_listener_fd, struct sbx_err *err)
{
	int fd = f->counted ? install_counted(f) : -EBUSY;
	int r = 0;

	/* EBUSY: somebody listens already. EINVAL: seccomp without listeners, as in gVisor. */
	if (fd == -EBUSY || fd == -EINVAL) {
		fd = -EBADF;
		r = install(f->plain, f->n, 0);
	} else if (fd < 0) {
		r = fd;
	}
	if (r < 0)
		return sbx_err_errno(
			err, r, "seccomp",
			"cannot install the system call filter (the kernel needs "
			"CONFIG_SECCOMP_FILTER)");
	*ret_listener_fd = fd;
	return 0;
}
