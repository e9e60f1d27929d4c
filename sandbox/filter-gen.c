/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs while the program is built: prints the filters of the shipped policies as a C header.
 * Compiling a filter takes longer than starting the whole box, so it is done once here.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "filter-make.h"

static attr_noreturn void die(const char *what, int r)
{
	fprintf(stderr, "filter-gen: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void print_program(const char *name, const struct sock_filter *insns, unsigned n)
{
	printf("static const struct sock_filter %s[] = {\n", name);
	for (unsigned i = 0; i < n; i++)
		printf("\t{ 0x%04x, %u, %u, 0x%08x },\n", insns[i].code, insns[i].jt,
		       insns[i].jf, insns[i].k);
	printf("};\n");
}

static void print_filter(const struct filter_maker *m)
{
	struct sock_filter *insns, *counted;
	struct sbx_err err = { 0 };
	unsigned short n;

	if (filter_maker_make(m, &insns, &n, &err) < 0)
		die(err.msg, err.code);
	counted = calloc(n, sizeof(*counted));
	if (!counted)
		die("counted", -ENOMEM);
	filter_count(insns, counted, n);
	print_program("plain", insns, n);
	print_program("counted", counted, n);
	printf("const struct filter filter_default = { plain, counted, ARRAY_SIZE(plain) "
	       "};\n");
	free(insns);
	free(counted);
}

int main(void)
{
	struct filter_maker *m;
	int r = filter_maker_new(SECCOMP_RET_ERRNO | ENOSYS, &m);

	if (r < 0)
		die("rules", r);
	filter_maker_set(m, SECCOMP_RET_ALLOW, syscalls_allowed);
	filter_maker_set(m, SECCOMP_RET_ERRNO | EPERM, syscalls_denied);
	for (size_t i = 0; r == 0 && i < n_syscall_rules; i++)
		r = filter_maker_floor(m, &syscall_rules[i]);
	if (r < 0)
		die("floor", r);
	printf("/* Made by filter-gen from syscalls.c: do not edit. */\n");
	print_filter(m);
	filter_maker_free(m);
	return fflush(stdout) == 0 ? 0 : 1;
}
