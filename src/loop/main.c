/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The program autoexp-loop: the subcommands that need git and the journal. People start
 * it as `autoexp COMMAND`; `autoexp` runs the ones that need neither by itself.
 */

#include <fcntl.h>

#include "cmd/command.h"

static const struct command *const commands[] = {
	&command_run,  &command_try,  &command_status, &command_results, &command_show,
	&command_diff, &command_stop, &command_fsck,   &command_budget,
};

static void print_commands(FILE *out)
{
	fputs("usage: autoexp COMMAND [OPTION]...\n\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n`autoexp COMMAND --help` says more about each.\n", out);
}

/*
 * Descriptors 0 to 2 must be taken, or a file of ours would become somebody's stdout. They
 * are handed on to what is started.
 */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR); /* NOLINT(android-cloexec-open) */
	while (fd >= 0 && fd <= 2);
	fd_close(fd);
}

int main(int argc, char **argv)
{
	fill_standard_fds();
	if (argc < 2) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (streq(argv[1], commands[i]->name))
			return commands[i]->run(commands[i], argc - 2, argv + 2);
	if (streq(argv[1], "--help") || streq(argv[1], "-h")) {
		print_commands(stdout);
		return EXIT_DONE;
	}
	fprintf(stderr, "autoexp: there is no command '%s'\n", argv[1]);
	print_commands(stderr);
	return EXIT_USAGE;
}
