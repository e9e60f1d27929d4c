/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

#include <stdarg.h>

#include "base/parse.h"

static const struct opt *find(const struct opt *opts, const char *name, size_t n)
{
	for (; opts->name; opts++)
		if (strlen(opts->name) == n && strncmp(opts->name, name, n) == 0)
			return opts;
	return NULL;
}

static const struct opt *find_letter(const struct opt *opts, char letter)
{
	for (; opts->name; opts++)
		if (opts->letter && opts->letter == letter)
			return opts;
	return NULL;
}

/* One option at argv[i]. Return: how many arguments it took; -EINVAL */
static int take(const struct command *cmd, const struct opt *opts, char **argv, int left)
{
	const char *arg = argv[0], *value = NULL;
	const struct opt *o;

	if (arg[1] == '-') {
		size_t n = strcspn(arg + 2, "=");

		o = find(opts, arg + 2, n);
		value = arg[2 + n] ? arg + 2 + n + 1 : NULL;
	} else {
		o = find_letter(opts, arg[1]);
		value = arg[2] ? arg + 2 : NULL;
	}
	if (!o) {
		command_usage(cmd, "unknown option '%s'", arg);
		return -EINVAL;
	}
	if (o->kind == OPT_FLAG) {
		if (value) {
			command_usage(cmd, "--%s takes no value", o->name);
			return -EINVAL;
		}
		*(bool *)o->ret = true;
		return 1;
	}
	if (!value && left < 2) {
		command_usage(cmd, "--%s needs a value", o->name);
		return -EINVAL;
	}
	*(const char **)o->ret = value ? value : argv[1];
	return value ? 1 : 2;
}

int opts_parse(const struct command *cmd, const struct opt *opts, int argc, char **argv,
	       int *ret_rest)
{
	int rest = 0, n;

	for (int i = 0; i < argc; i += n) {
		n = 1;
		if (streq(argv[i], "--")) {
			while (++i < argc)
				argv[rest++] = argv[i];
			break;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			argv[rest++] = argv[i];
			continue;
		}
		if (streq(argv[i], "--help") || streq(argv[i], "-h")) {
			fputs(cmd->help, stdout);
			return OPTS_DONE;
		}
		n = take(cmd, opts, argv + i, argc - i);
		if (n < 0)
			return n;
	}
	if (!ret_rest && rest) {
		command_usage(cmd, "unexpected argument '%s'", argv[0]);
		return -EINVAL;
	}
	if (ret_rest)
		*ret_rest = rest;
	return 0;
}

#define REPOSITORY "check the repository (git fsck), its disk and memory (dmesg)"

/* What to do where the host is out of something, or broken. */
static const struct {
	const char *words;
	const char *remedy;
} remedies[] = {
	{ "No space left on device", "make room on that disk" },
	{ "Disk quota exceeded", "make room on that disk: your quota is used up" },
	{ "Too many open files in system", "end programs that hold files open" },
	{ "Too many open files", "allow more open files (ulimit -n)" },
	{ "Resource temporarily unavailable", "allow more processes (ulimit -u)" },
	{ "Cannot allocate memory", "end something that uses memory" },
	{ "ut of memory", "end something that uses memory" },
	{ "Input/output error", "check that disk (dmesg)" },
	/* libgit2 says no more than that, and that also where there was no memory. */
	{ "object not found", REPOSITORY },
	{ "target OID", REPOSITORY },
};

/*
 * By the system's own words: libgit2 passes nothing else on, and our codes also stand for
 * failures that are none of the host's.
 */
static const char *find_remedy(const char *message)
{
	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (strstr(message, remedies[i].words))
			return remedies[i].remedy;
	return NULL;
}

static void print_remedy(const struct command *cmd, const char *remedy)
{
	if (remedy)
		fprintf(stderr, "autoexp %s: %s, then start the same command again\n",
			cmd->name, remedy);
}

void command_remedy(const struct command *cmd, const char *message)
{
	print_remedy(cmd, find_remedy(message));
}

int command_fail(const struct command *cmd, const struct sbx_err *err)
{
	const char *remedy = find_remedy(err->msg);

	fprintf(stderr, "autoexp %s: %s\n", cmd->name, err->msg);
	/* libgit2 often says nothing of the kind. */
	if (!remedy && err->code == -EIO && streq(err->stage, "repo"))
		remedy = REPOSITORY;
	print_remedy(cmd, remedy);
	return err->code == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}

int command_usage(const struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "autoexp %s: ", cmd->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see `autoexp %s --help`\n", cmd->name);
	return EXIT_USAGE;
}

int command_number(const char *text, unsigned *ret)
{
	uint64_t v;
	int r = parse_u64(text, &v);

	if (r < 0 || v > 99999999)
		return -EINVAL;
	*ret = (unsigned)v;
	return 0;
}

int command_flush(const struct command *cmd)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	fprintf(stderr, "autoexp %s: cannot write the output\n", cmd->name);
	return EXIT_FAILED;
}

int command_print_json(const struct command *cmd, const json_t *j)
{
	if (json_dumpf(j, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII) < 0) {
		fprintf(stderr, "autoexp %s: cannot write the output\n", cmd->name);
		return EXIT_FAILED;
	}
	putchar('\n');
	return command_flush(cmd);
}

json_t *command_caps_json(const uint64_t caps[static _CAP_MAX])
{
	static const double unit[] = { 1, 1e9, 3600e6 };
	json_t *j = json_object();

	for (int i = 0; i < _CAP_MAX; i++)
		json_object_set_new(j, cap_names[i],
				    caps[i] == CONFIG_UNLIMITED ? json_string("unlimited")
				    : i == CAP_EXPERIMENTS
					    ? json_integer((json_int_t)caps[i])
					    : json_real((double)caps[i] / unit[i]));
	return j;
}
