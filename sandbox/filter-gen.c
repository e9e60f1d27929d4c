/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs while the program is built: turns the tables of syscalls.c into two BPF programs and
 * prints them as a C header. Compiling a filter takes longer than starting the whole box, so
 * it is done once here. The only user of libseccomp.
 *
 * Two filters, because one cannot say "allow this call except with these arguments" with
 * masked comparisons: the first knows names, the second arguments. The kernel takes the
 * stricter answer of both.
 *
 * The first is a binary search over ranges of system call numbers with the same answer. There
 * are far fewer ranges than calls, so the kernel has less to check and compile at each start
 * than with one comparison per call. The second is libseccomp's own.
 */

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base/macro.h"
#include "syscalls.h"

static attr_noreturn void die(const char *what, int r)
{
	fprintf(stderr, "filter-gen: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* Room for every number of this architecture; above lies only the x32 bit. */
#define MAX_NR  1024
#define X32_BIT 0x40000000U

struct range {
	uint32_t first; /* the range ends where the next one begins */
	uint32_t answer;
};

static void set_answers(uint32_t *answers, uint32_t answer, const char *const *names)
{
	for (; *names; names++) {
		int nr = seccomp_syscall_resolve_name(*names);

		/* Negative numbers stand for calls that only other architectures have. */
		if (nr >= MAX_NR)
			die(*names, -ERANGE);
		if (nr >= 0)
			answers[nr] = answer;
	}
}

static size_t make_ranges(const uint32_t *answers, struct range *ranges)
{
	size_t n = 0;

	for (uint32_t nr = 0; nr < MAX_NR; nr++)
		if (!n || ranges[n - 1].answer != answers[nr])
			ranges[n++] = (struct range){ nr, answers[nr] };
	/* Calls of the x32 interface, which this box does not speak, and everything above. */
	ranges[n++] = (struct range){ X32_BIT, SECCOMP_RET_KILL_PROCESS };
	return n;
}

static void emit(unsigned code, unsigned jt, unsigned jf, uint32_t k)
{
	printf("\t{ 0x%04x, %u, %u, 0x%08x },\n", code, jt, jf, k);
}

/* Instructions that emit_search() makes for @n ranges: a comparison for each but one. */
static unsigned search_size(size_t n)
{
	return (unsigned)(2 * n - 1);
}

/*
 * Left half, right half, in this order behind the comparison. A conditional jump reaches 255
 * instructions at most, which a search over 128 ranges never exceeds.
 */
static void emit_search(const struct range *ranges, size_t n)
{
	size_t half = n / 2;

	if (n == 1) {
		emit(BPF_RET | BPF_K, 0, 0, ranges->answer);
		return;
	}
	if (search_size(half) > 255)
		die("too many ranges", -ERANGE);
	emit(BPF_JMP | BPF_JGE | BPF_K, search_size(half), 0, ranges[half].first);
	emit_search(ranges, half);
	emit_search(ranges + half, n - half);
}

static void print_names(void)
{
	static uint32_t answers[MAX_NR];
	static struct range ranges[MAX_NR + 1];
	size_t n;

	for (size_t i = 0; i < MAX_NR; i++)
		answers[i] = SECCOMP_RET_ERRNO | ENOSYS;
	set_answers(answers, SECCOMP_RET_ALLOW, syscalls_allowed);
	set_answers(answers, SECCOMP_RET_ERRNO | EPERM, syscalls_denied);
	n = make_ranges(answers, ranges);

	printf("static const struct sock_filter filter_names[] = {\n");
	emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
	emit(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, seccomp_arch_native());
	emit(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
	emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	emit_search(ranges, n);
	printf("};\n");
}

static scmp_filter_ctx filter_new(uint32_t default_action)
{
	scmp_filter_ctx ctx = seccomp_init(default_action);
	int r;

	if (!ctx)
		die("seccomp_init", -ENOMEM);
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r < 0)
		die("seccomp_attr_set", r);
	return ctx;
}

static struct scmp_arg_cmp compare(const struct arg_rule *a)
{
	switch (a->op) {
	case ARG_EQ:
		return SCMP_CMP(a->index, SCMP_CMP_EQ, a->value);
	case ARG_NE:
		return SCMP_CMP(a->index, SCMP_CMP_NE, a->value);
	case ARG_GT:
		return SCMP_CMP(a->index, SCMP_CMP_GT, a->value);
	case ARG_MASKED:
	case ARG_END:
		break;
	}
	return SCMP_CMP(a->index, SCMP_CMP_MASKED_EQ, a->mask, a->value);
}

static void add_rule(scmp_filter_ctx ctx, const struct syscall_rule *rule)
{
	int nr = seccomp_syscall_resolve_name(rule->name);
	struct scmp_arg_cmp cmp[ARRAY_SIZE(rule->args)];
	unsigned n = 0;
	int r;

	if (nr < 0)
		return;
	while (n < ARRAY_SIZE(cmp) && rule->args[n].op != ARG_END) {
		cmp[n] = compare(&rule->args[n]);
		n++;
	}
	r = seccomp_rule_add_exact_array(ctx, SCMP_ACT_ERRNO(rule->error), nr, n, cmp);
	if (r < 0)
		die(rule->name, r);
}

static void print_args(void)
{
	scmp_filter_ctx ctx = filter_new(SCMP_ACT_ALLOW);
	struct sock_filter insn;
	FILE *tmp = tmpfile();
	int r;

	if (!tmp)
		die("tmpfile", -errno);
	for (size_t i = 0; i < n_syscall_rules; i++)
		add_rule(ctx, &syscall_rules[i]);
	r = seccomp_export_bpf(ctx, fileno(tmp));
	if (r < 0)
		die("seccomp_export_bpf", r);
	rewind(tmp);
	printf("static const struct sock_filter filter_args[] = {\n");
	while (fread(&insn, sizeof(insn), 1, tmp) == 1)
		emit(insn.code, insn.jt, insn.jf, insn.k);
	printf("};\n");
	fclose(tmp);
	seccomp_release(ctx);
}

int main(void)
{
	printf("/* Made by filter-gen from syscalls.c: do not edit. */\n");
	print_names();
	print_args();
	return fflush(stdout) == 0 ? 0 : 1;
}
