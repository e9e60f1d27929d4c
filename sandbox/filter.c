/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <errno.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "filter-bpf.h"

/*
 * SECCOMP_FILTER_FLAG_SPEC_ALLOW is left out on purpose: it would switch off the kernel's
 * mitigation of speculative store bypass for untrusted code.
 */
static int install(const struct sock_filter *filter, size_t n)
{
	struct sock_fprog prog = {
		.len = (unsigned short)n,
		.filter = (struct sock_filter *)filter,
	};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

/* Arguments first: once the names are filtered, seccomp() itself still has to be allowed. */
int filter_enter(struct sbx_err *err)
{
	if (install(filter_args, ARRAY_SIZE(filter_args)) < 0 ||
	    install(filter_names, ARRAY_SIZE(filter_names)) < 0)
		return sbx_err_errno(
			err, -errno, "seccomp",
			"cannot install the system call filter (the kernel needs "
			"CONFIG_SECCOMP_FILTER)");
	return 0;
}
