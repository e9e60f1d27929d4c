/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From policy to filter: one of those that were compiled with this program where the policy
 * says the same as a shipped one, else one that is made now, in memory. There is no cache on
 * disk: whoever could write it could write the filter.
 */
#include <errno.h>
#include <sys/syscall.h>

#include <linux/seccomp.h>

#include "filter.h"
#include "policy.h"
#include "filter-rules.h"

static int make(const struct sbx_policy *p, struct filter *ret, struct sbx_err *err)
{
	struct filter_maker *m = NULL;
	struct sock_filter *insns = NULL, *both;
	struct filter f = { 0 };
	int r;

	r = filter_rules(p, &m, err);
	if (r == 0)
		r = filter_maker_make(m, &insns, &f.n, err);
	filter_maker_free(m);
	if (r < 0)
		return r;
	both = reallocarray(insns, 2 * (size_t)f.n, sizeof(*both));
	if (!both) {
		free(insns);
		return sbx_err_oom(err, "seccomp");
	}
	filter_count(both, both + f.n, f.n);
	sha256_text(both, f.n * sizeof(*both), f.sha256);
	filter_library(f.libseccomp, sizeof(f.libseccomp));
	f.own = both;
	f.plain = both;
	f.counted = both + f.n;
	*ret = f;
	return 0;
}

static const struct filter *shipped(const struct sbx_policy *p)
{
	cleanup_buf struct buf text = BUF_INIT;

	if (policy_has_default_filter(p))
		return &filter_default;
	if (p->profile)
		return NULL;
	policy_dump_filter(p, false, &text);
	for (size_t i = 0; !text.failed && i < n_filters_shipped; i++)
		if (streq(filters_shipped[i].text, buf_str(&text)))
			return &filters_shipped[i].filter;
	return NULL;
}

/* The listener leaves the command's process by sendmsg(), under the filter already. */
static bool can_hand_out(const struct filter *f)
{
	bool depends;

	return filter_ask_call(f, SYS_sendmsg, &depends) == SECCOMP_RET_ALLOW && !depends;
}

int filter_choose(const struct sbx_policy *p, struct filter *ret, struct sbx_err *err)
{
	const struct filter *ready = shipped(p);
	int r = 0;

	if (ready)
		*ret = *ready;
	else
		r = make(p, ret, err);
	if (r == 0 && (!p->count_denials || !can_hand_out(ret)))
		ret->counted = NULL;
	return r;
}

void filter_done(struct filter *f)
{
	free(f->own);
	*f = (struct filter){ 0 };
}

static bool jumps(const struct sock_filter *i, uint32_t a)
{
	uint16_t op = BPF_OP(i->code);

	return op == BPF_JEQ ? a == i->k : op == BPF_JGT ? a > i->k : a >= i->k;
}

/* Only what filter-make.c writes. @looked becomes true where the answer is up to arguments. */
static uint32_t run(const struct filter *f, const struct seccomp_data *d, bool *looked)
{
	uint32_t a = 0;

	for (unsigned pc = 0; pc < f->n; pc++) {
		const struct sock_filter *i = &f->plain[pc];

		if (i->code == (BPF_RET | BPF_K))
			return i->k;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS)) {
			memcpy(&a, (const char *)d + i->k, sizeof(a));
			*looked = *looked || i->k >= offsetof(struct seccomp_data, args);
		} else if (i->code == (BPF_ALU | BPF_AND | BPF_K)) {
			a &= i->k;
		} else if (i->code == (BPF_JMP | BPF_JA)) {
			pc += i->k;
		} else {
			pc += jumps(i, a) ? i->jt : i->jf;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

uint32_t filter_arch(const struct filter *f)
{
	return f->plain[1].k;
}

uint32_t filter_ask(const struct filter *f, const struct seccomp_data *d)
{
	bool looked = false;

	return run(f, d, &looked);
}

uint32_t filter_ask_call(const struct filter *f, int nr, bool *ret_depends)
{
	struct seccomp_data d = { .nr = nr, .arch = filter_arch(f) };

	*ret_depends = false;
	return run(f, &d, ret_depends);
}
