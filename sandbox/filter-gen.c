/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs while the program is built: turns the tables of syscalls.c into two BPF programs and
 * prints them as a C header. Compiling a filter takes longer than starting the whole box, so
 * it is done once here. The only user of libseccomp.
 *
 * Two filters, because one cannot say "allow this call except with these arguments" with
 * masked comparisons: the first knows names, the second arguments. The kernel takes the
 * stricter answer of both.
 */

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/filter.h>

#include "base/macro.h"
#include "syscalls.h"

static attr_noreturn void die(const char *what, int r)
{
	fprintf(stderr, "filter-gen: %s: %s\n", what, strerror(-r));
	exit(1);
}

static scmp_filter_ctx filter_new(uint32_t default_action)
{
	scmp_filter_ctx ctx = seccomp_init(default_action);
	int r;

	if (!ctx)
		die("seccomp_init", -ENOMEM);
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		die("seccomp_attr_set", r);
	return ctx;
}

static void add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names)
{
	for (; *names; names++) {
		int nr = seccomp_syscall_resolve_name(*names);
		int r;

		/* Negative numbers stand for calls that only other architectures have. */
		if (nr < 0)
			continue;
		r = seccomp_rule_add_exact(ctx, action, nr, 0);
		if (r < 0)
			die(*names, r);
	}
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

static void print_filter(scmp_filter_ctx ctx, const char *name)
{
	struct sock_filter insn;
	FILE *tmp = tmpfile();
	int r;

	if (!tmp)
		die("tmpfile", -errno);
	r = seccomp_export_bpf(ctx, fileno(tmp));
	if (r < 0)
		die("seccomp_export_bpf", r);
	rewind(tmp);
	printf("static const struct sock_filter %s[] = {\n", name);
	while (fread(&insn, sizeof(insn), 1, tmp) == 1)
		printf("\t{ 0x%04x, %u, %u, 0x%08x },\n", insn.code, insn.jt, insn.jf, insn.k);
	printf("};\n");
	fclose(tmp);
	seccomp_release(ctx);
}

int main(void)
{
	scmp_filter_ctx names = filter_new(SCMP_ACT_ERRNO(ENOSYS));
	scmp_filter_ctx args = filter_new(SCMP_ACT_ALLOW);

	add_names(names, SCMP_ACT_ALLOW, syscalls_allowed);
	add_names(names, SCMP_ACT_ERRNO(EPERM), syscalls_denied);
	for (size_t i = 0; i < n_syscall_rules; i++)
		add_rule(args, &syscall_rules[i]);

	printf("/* Made by filter-gen from syscalls.c: do not edit. */\n");
	print_filter(names, "filter_names");
	print_filter(args, "filter_args");
	return fflush(stdout) == 0 ? 0 : 1;
}
