/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The program autoexp: runs exec, doctor and policy itself, for they need neither git nor the
 * network and have to start quickly; for everything else it becomes autoexp-loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/self.h"
#include "cmd/doctor.h"
#include "cmd/exec.h"
#include "cmd/policy-cmd.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* NULL: autoexp-loop's */
	const char *summary;
};

static const struct command commands[] = {
	{ "run", NULL, "start or continue a campaign" },
	{ "try", NULL, "one experiment on the target as it stands" },
	{ "status", NULL, "where a campaign stands" },
	{ "results", NULL, "the table of experiments" },
	{ "show", NULL, "everything about one experiment" },
	{ "diff", NULL, "what one experiment changed" },
	{ "stop", NULL, "ask a running campaign to stop" },
	{ "budget", NULL, "a budget that several campaigns share" },
	{ "fsck", NULL, "check what is kept of a campaign, and mend it" },
	{ "exec", cmd_exec, "run one command in a box" },
	{ "policy", cmd_policy, "what runs may do: list, show, explain, check" },
	{ "doctor", cmd_doctor, "what this host can enforce, and how to get the rest" },
};

static void print_help(FILE *to)
{
	fputs("usage: autoexp COMMAND [OPTIONS]\n"
	      "\n"
	      "Hill-climb on any project with a number to improve: propose an edit to "
	      "one file,\n"
	      "commit it, run the harness in a box, keep what is better, until a cap is "
	      "reached.\n"
	      "\n",
	      to);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-10s%s\n", commands[i].name, commands[i].summary);
	fputs("\nautoexp COMMAND --help explains one; autoexp --version prints the "
	      "version.\n",
	      to);
}

/* Helpers live beside the running program, or in ../libexec/autoexp where it is installed. */
static int become_loop(char **argv)
{
	struct sbx_err err = { 0 };
	char *path;

	if (self_path("autoexp-loop", "../libexec/autoexp/autoexp-loop", &path, &err) <
	    0) {
		fprintf(stderr, "autoexp: %s\n", err.msg);
		return 1;
	}
	execv(path, argv);
	fprintf(stderr, "autoexp: cannot start %s: %s\n", path, strerror(errno));
	free(path);
	return 1;
}

/*
 * No file of ours may become somebody's stdout. As the C library does for setuid programs: what
 * was closed stays of no use, but is taken.
 */
static void take_standard_fds(void)
{
	static const int mode[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode[fd]) < 0)
			_exit(1);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (streq(name, "--help") || streq(name, "-h") || streq(name, "help")) {
		print_help(stdout);
		return 0;
	}
	if (streq(name, "--version")) {
		puts("autoexp " AUTOEXP_VERSION);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (streq(commands[i].name, name)) {
			if (!commands[i].run)
				return become_loop(argv);
			take_standard_fds();
			return commands[i].run(argc - 1, argv + 1);
		}
	if (*name)
		fprintf(stderr, "autoexp: '%s' is not a command\n", name);
	print_help(stderr);
	return 2;
}
