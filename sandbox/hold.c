/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Affinity is no wall: sched_setaffinity() of oneself is allowed to everybody. And a process
 * that is not dumpable has its /proc/PID/fd owned by root, where an ordinary user's watchdog
 * cannot count the memory files that it holds. Both calls answer EPERM; a program that was
 * built for any machine lives with that.
 */
#include "hold.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#define LOAD(member) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define IF_EQUAL(value, skip_else) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip_else)
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, action)
#define DENY           (SECCOMP_RET_ERRNO | EPERM)

static const struct sock_filter no_affinity[] = {
	LOAD(nr),
	IF_EQUAL(SYS_sched_setaffinity, 1),
	ANSWER(DENY),
	ANSWER(SECCOMP_RET_ALLOW),
};

/* The option is an int: the low half of the argument, which on these machines comes first. */
static const struct sock_filter no_hiding[] = {
	LOAD(nr),      IF_EQUAL(SYS_prctl, 3),
	LOAD(args[0]), IF_EQUAL(PR_SET_DUMPABLE, 1),
	ANSWER(DENY),  ANSWER(SECCOMP_RET_ALLOW),
};
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "args[0] has its low half elsewhere");

static int install(const struct sock_filter *filter, size_t n, struct sbx_err *err)
{
	const struct sock_fprog prog = {
		.len = (unsigned short)n,
		.filter = (struct sock_filter *)filter,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return sbx_err_errno(err, -errno, "seccomp",
				     "cannot install the filter for soft limits");
	return 0;
}

int hold_enter(unsigned what, struct sbx_err *err)
{
	int r = 0;

	if (what & HOLD_AFFINITY)
		r = install(no_affinity, ARRAY_SIZE(no_affinity), err);
	if (r == 0 && what & HOLD_VISIBLE)
		r = install(no_hiding, ARRAY_SIZE(no_hiding), err);
	return r;
}
