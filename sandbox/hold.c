/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Affinity is no wall: sched_setaffinity() of oneself is allowed to everybody. And a process
 * that is not dumpable has its /proc/PID/fd owned by root, where an ordinary user's watchdog
 * cannot count the memory files that it holds. Both calls answer EPERM; a program that was
 * built for any machine lives with that.
 *
 * They stand in front of the policy's filter, in one program with it: one more filter would be
 * one more program that the kernel compiles at every start.
 */
#include "hold.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define LOAD(member) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define IF_EQUAL(value, skip_else) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip_else)
#define DENY BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

/* Both begin with the number of the call and go on with what follows, unless they refuse. */
static const struct sock_filter no_affinity[] = {
	IF_EQUAL(SYS_sched_setaffinity, 1),
	DENY,
};

/* The option is an int: the low half of the argument, which on these machines comes first. */
static const struct sock_filter no_hiding[] = {
	IF_EQUAL(SYS_prctl, 3),
	LOAD(args[0]),
	IF_EQUAL(PR_SET_DUMPABLE, 1),
	DENY,
};
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "args[0] has its low half elsewhere");

struct head {
	struct sock_filter insns[3 + ARRAY_SIZE(no_affinity) + ARRAY_SIZE(no_hiding)];
	size_t n;
};

static void add(struct head *h, const struct sock_filter *insns, size_t n)
{
	memcpy(h->insns + h->n, insns, n * sizeof(*insns));
	h->n += n;
}

/* Foreign system call tables have other numbers: they go straight on, to be killed there. */
static void make_head(struct head *h, unsigned what, uint32_t arch)
{
	*h = (struct head){ .insns = { LOAD(arch), IF_EQUAL(arch, 0), LOAD(nr) },
			    .n = 3 };
	if (what & HOLD_AFFINITY)
		add(h, no_affinity, ARRAY_SIZE(no_affinity));
	if (what & HOLD_VISIBLE)
		add(h, no_hiding, ARRAY_SIZE(no_hiding));
	h->insns[1].jf = (uint8_t)(h->n - 2);
}

static const struct sock_filter *join(const struct head *h,
				      const struct sock_filter *insns, size_t n,
				      struct sock_filter *to)
{
	memcpy(to, h->insns, h->n * sizeof(*to));
	memcpy(to + h->n, insns, n * sizeof(*to));
	return to;
}

int hold_add(unsigned what, struct filter *f, struct sbx_err *err)
{
	struct sock_filter *both;
	struct head h;
	size_t n;

	if (!what)
		return 0;
	make_head(&h, what, filter_arch(f));
	n = h.n + f->n;
	if (n > BPF_MAXINSNS)
		return sbx_err_set(
			err, -E2BIG, "seccomp",
			"the system call filter has no room for what soft limits "
			"refuse besides; use fewer rules with arguments");
	both = malloc(2 * n * sizeof(*both));
	if (!both)
		return sbx_err_oom(err, "seccomp");
	f->plain = join(&h, f->plain, f->n, both);
	if (f->counted)
		f->counted = join(&h, f->counted, f->n, both + n);
	free(f->own);
	f->own = both;
	f->n = (unsigned short)n;
	return 0;
}
