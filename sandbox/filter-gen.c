/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs while the program is built: prints the filters of the shipped policies as a C header.
 * Compiling a filter takes longer than starting the whole box, so it is done once here.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/sha256.h"
#include "policy-load.h"
#include "policy.h"
#include "filter-rules.h"

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

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++)
		if (*text == '\n')
			fputs("\\n", stdout);
		else
			putchar(*text);
	putchar('"');
}

/* The texts so far: policies with the same rules share one filter. */
struct known {
	char *texts[16];
	size_t n;
};

static bool is_known(const struct known *k, const char *text)
{
	for (size_t i = 0; i < k->n; i++)
		if (streq(k->texts[i], text))
			return true;
	return false;
}

/* Two arrays, and a macro that fills a struct filter with them. */
static void print_filter(const struct filter_maker *m, size_t number)
{
	char name[32], sha256[SHA256_TEXT_SIZE], library[16];
	struct sock_filter *insns, *counted;
	struct sbx_err err = { 0 };
	unsigned short n;

	if (filter_maker_make(m, &insns, &n, &err) < 0)
		die(err.msg, err.code);
	counted = calloc(n, sizeof(*counted));
	if (!counted)
		die("counted", -ENOMEM);
	filter_count(insns, counted, n);
	snprintf(name, sizeof(name), "plain_%zu", number);
	print_program(name, insns, n);
	snprintf(name, sizeof(name), "counted_%zu", number);
	print_program(name, counted, n);
	printf("#define FILTER_%zu { plain_%zu, counted_%zu, %u, \"%s\", \"%s\", NULL "
	       "}\n",
	       number, number, number, n, sha256_text(insns, n * sizeof(*insns), sha256),
	       filter_library(library, sizeof(library)));
	free(insns);
	free(counted);
}

static void add_policy(const char *path, const char *dir, struct known *k)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct sbx_policy *policy;
	struct filter_maker *m;
	struct sbx_err err = { 0 };

	if (policy_load(path, dir, &policy, &err) < 0)
		die(err.msg, err.code);
	policy_dump_filter(policy, false, &text);
	if (text.failed || k->n == ARRAY_SIZE(k->texts))
		die("too many policies", -ENOMEM);
	/* Whoever builds need not have the file of a profile. */
	if (!policy->profile && !is_known(k, buf_str(&text))) {
		if (filter_rules(policy, &m, &err) < 0)
			die(err.msg, err.code);
		print_filter(m, k->n);
		filter_maker_free(m);
		k->texts[k->n++] = buf_steal(&text);
	}
	policy_free(policy);
}

/* The folder of the policies, and their files: that of the default policy first. */
int main(int argc, char **argv)
{
	struct known k = { .n = 0 };

	printf("/* Made by filter-gen from policies and syscalls.c: do not edit. */\n");
	for (int i = 2; i < argc; i++)
		add_policy(argv[i], argv[1], &k);
	if (!k.n)
		die("usage: filter-gen FOLDER FILE...", -EINVAL);
	printf("const struct filter filter_default = FILTER_0;\n"
	       "const struct filter_shipped filters_shipped[] = {\n");
	for (size_t i = 0; i < k.n; i++) {
		printf("\t{ ");
		print_string(k.texts[i]);
		printf(", FILTER_%zu },\n", i);
		free(k.texts[i]);
	}
	printf("};\nconst size_t n_filters_shipped = %zu;\n", k.n);
	return fflush(stdout) == 0 ? 0 : 1;
}
