/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A repository to throw away, made by the git command line in a temporary directory, with
 * a home of its own so that nobody's configuration plays a part.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/strv.h"
#include "repo/repo.h"

static char scratch_top[PATH_MAX];      /* temporary directory, without links */
static char scratch_repo[PATH_MAX + 8]; /* the repository in it */

/* libgit2 1.5 forgets its matches when it opens a repository with format extensions. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libpcre2\n";
}

/*
 * Run a shell command in the repository; it must succeed. Return: what it printed, good
 * until the sixteenth call after this one.
 */
static const char *sh(const char *fmt, ...) attr_printf(1, 2);

static const char *sh(const char *fmt, ...)
{
	static char *answers[16];
	static unsigned next;
	char **text = &answers[next++ % ARRAY_SIZE(answers)];
	char command[8192];
	struct buf out = BUF_INIT;
	va_list ap;
	int n, status;
	FILE *f;

	n = snprintf(command, sizeof(command), "cd '%s' && (", scratch_repo);
	va_start(ap, fmt);
	n += vsnprintf(command + n, sizeof(command) - (size_t)n, fmt, ap);
	va_end(ap);
	assert_true((size_t)n + 2 < sizeof(command));
	strcpy(command + n, "\n)");
	f = popen(command, "re");
	assert_non_null(f);
	assert_int_equal(fd_read_all(fileno(f), 64 << 20, &out), 0);
	status = pclose(f);
	if (status != 0)
		fail_msg("exit %d of: %s", WEXITSTATUS(status), command);
	while (out.len && out.data[out.len - 1] == '\n')
		out.data[--out.len] = '\0';
	free(*text);
	*text = buf_steal(&out);
	assert_non_null(*text);
	return *text;
}

static int scratch_setup(void **state)
{
	char name[] = "/tmp/autoexp-unit-XXXXXX";
	char home[PATH_MAX + 8];

	(void)state;
	if (!mkdtemp(name) || !realpath(name, scratch_top))
		return -1;
	snprintf(home, sizeof(home), "%s/home", scratch_top);
	snprintf(scratch_repo, sizeof(scratch_repo), "%s/repo", scratch_top);
	if (mkdir(home, 0700) < 0 || mkdir(scratch_repo, 0755) < 0)
		return -1;
	setenv("HOME", home, 1);
	setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
	setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("GIT_DIR");
	sh("git init -q -b main . && git config user.name Ada && "
	   "git config user.email ada@example.org");
	return 0;
}

static int scratch_teardown(void **state)
{
	(void)state;
	return dir_remove(AT_FDCWD, scratch_top);
}

/* A first commit with a target at the top, a nested one and a program. */
static void scratch_commit(void)
{
	sh("printf 'x = 1\\n' > train.py && mkdir -p src/deep/er && "
	   "printf 'lr: 0.1\\n' > src/deep/er/conf.yaml && "
	   "printf '#!/bin/sh\\necho score: 1\\n' > eval.sh && chmod +x eval.sh && "
	   "git add -A && git commit -q -m start");
}

static struct repo *scratch_open(void)
{
	struct repo *repo = NULL;
	struct sbx_err err = { 0 };

	if (repo_open(scratch_repo, &repo, &err) < 0)
		fail_msg("%s", err.msg);
	return repo;
}

/* @call failed with @want, and its message names every word. */
#define assert_err(call, want, ...)                                                    \
	do {                                                                           \
		static const char *const _words[] = { __VA_ARGS__ };                   \
		memset(&err, 0, sizeof(err));                                          \
		assert_int_equal(call, want);                                          \
		assert_int_equal(err.code, want);                                      \
		for (size_t _i = 0; _i < ARRAY_SIZE(_words); _i++)                     \
			if (!strstr(err.msg, _words[_i]))                              \
				fail_msg("\"%s\" is not in: %s", _words[_i], err.msg); \
	} while (0)

/* @call succeeded; else its message is the failure. */
#define assert_ok(call)                                     \
	do {                                                \
		memset(&err, 0, sizeof(err));               \
		if ((call) != 0)                            \
			fail_msg("%s: %s", #call, err.msg); \
	} while (0)
