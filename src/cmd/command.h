/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The subcommands of autoexp-loop as one table, and the way they read their arguments.
 * Commands print and choose the exit status; everything left of them only returns errors.
 */

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"
#include "conf/config.h"

/* The exit statuses that mean the same for every command. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	const char *summary; /* one line, for the list of commands */
	const char *help;    /* all of --help */
	int (*run)(const struct command *cmd, int argc, char **argv); /* exit status */
};

extern const struct command command_run;
extern const struct command command_try;
extern const struct command command_status;
extern const struct command command_results;
extern const struct command command_show;
extern const struct command command_diff;
extern const struct command command_stop;
extern const struct command command_fsck;
extern const struct command command_budget;

enum opt_kind { OPT_FLAG /* bool */, OPT_TEXT /* const char * */ };

struct opt {
	const char *name; /* without the dashes */
	char letter;      /* or 0 */
	enum opt_kind kind;
	void *ret;
};

/* Answer of opts_parse() besides 0: the command is over and ends with status 0. */
#define OPTS_DONE 1

/**
 * opts_parse() - options in any order, "--name value" or "--name=value", "--" ends them
 * @opts:     closed by an entry without a name; --help and -h are understood by themselves
 * @argv:     behind the command's name; what is no option is moved to the front
 * @ret_rest: how many those are; NULL for a command that takes none, and one is an error
 *
 * Says on stderr what is wrong. Return: 0; OPTS_DONE after printing the help; -EINVAL
 */
int opts_parse(const struct command *cmd, const struct opt *opts, int argc, char **argv,
	       int *ret_rest);

/* Where @message says that the host is out of something: what to do, as a line on stderr. */
void command_remedy(const struct command *cmd, const char *message);

/* "autoexp NAME: MESSAGE" on stderr, and the remedy. Return: EXIT_USAGE for -EINVAL, else EXIT_FAILED */
int command_fail(const struct command *cmd, const struct sbx_err *err);

/* As command_fail(), for arguments: the sentence, and where to read more. */
int command_usage(const struct command *cmd, const char *fmt, ...) attr_printf(2, 3);

/* "7", "0007". Return: 0; -EINVAL */
int command_number(const char *text, unsigned *ret);

/* What was printed must have arrived. Return: the exit status */
int command_flush(const struct command *cmd);

/* A document on stdout, indented. Return: the exit status */
int command_print_json(const struct command *cmd, const json_t *j);

/* Caps by their keys, each in its unit, or "unlimited"; the caller frees it. */
json_t *command_caps_json(const uint64_t caps[static _CAP_MAX]);
