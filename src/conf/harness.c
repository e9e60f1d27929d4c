/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A shell command is split only as far as it can be done without being a shell: words,
 * plain quotes, operators, comments. What holds a variable, a substitution or a pattern
 * is known to be a word and nothing more. A mistake here is never a silent one: a word
 * wrongly taken for a file does not exist in the repository and is passed over there.
 */

#include "conf/harness.h"

#include "base/buf.h"
#include "base/strv.h"
#include "conf/paths.h"

/* What a word is for. */
enum place { PLACE_COMMAND, PLACE_ARGUMENT, PLACE_OUTPUT };

/* Called for each word; @plain: it stands for itself. Return: 0; negative errno stops */
typedef int (*word_fn)(const char *word, enum place place, bool plain, void *user);

struct splitter {
	struct buf word;
	bool inside; /* of a word, perhaps an empty one in quotes */
	bool plain;
	enum place place;
	word_fn fn;
	void *user;
};

static int end_word(struct splitter *s)
{
	enum place place = s->place;
	int r;

	if (!s->inside)
		return 0;
	if (s->word.failed)
		return -ENOMEM;
	r = s->fn(buf_str(&s->word), place, s->plain, s->user);
	/* The words behind a redirection are those of the command before it. */
	s->place = PLACE_ARGUMENT;
	s->inside = false;
	s->plain = true;
	buf_clear(&s->word);
	return r;
}

/* Return: how many characters of @p the quoted part has, its quotes included */
static size_t take_quoted(struct splitter *s, const char *p)
{
	char quote = *p;
	size_t i = 1;

	for (; p[i] && p[i] != quote; i++) {
		if (quote == '"' && p[i] == '\\' && p[i + 1])
			i++;
		else if (quote == '"' && strchr("$`", p[i]))
			s->plain = false;
		buf_add(&s->word, p + i, 1);
	}
	s->inside = true;
	return p[i] ? i + 1 : i;
}

static void take_char(struct splitter *s, char c)
{
	if (strchr("$`*?[]{}~", c))
		s->plain = false;
	s->inside = true;
	buf_add(&s->word, &c, 1);
}

/* Blanks, operators and comments; sets *@p behind them. */
static int take_operator(struct splitter *s, const char **p)
{
	char c = **p;
	int r;

	r = end_word(s);
	if (r < 0)
		return r;
	if (c == '#')
		*p += strcspn(*p, "\n");
	else
		++*p;
	if (strchr(";&|()\n", c))
		s->place = PLACE_COMMAND;
	else if (c == '>')
		s->place = PLACE_OUTPUT;
	return 0;
}

static int split_shell(const char *text, word_fn fn, void *user)
{
	struct splitter s = { .plain = true, .fn = fn, .user = user };
	const char *p = text;
	int r = 0;

	while (*p && r == 0) {
		if (strchr(" \t\n;&|()<>", *p) || (*p == '#' && !s.inside)) {
			r = take_operator(&s, &p);
		} else if (*p == '\'' || *p == '"') {
			p += take_quoted(&s, p);
		} else if (*p == '\\' && p[1]) {
			if (p[1] != '\n')
				take_char(&s, p[1]);
			p += 2;
		} else {
			take_char(&s, *p++);
		}
	}
	if (r == 0)
		r = end_word(&s);
	buf_done(&s.word);
	return r;
}

static int each_word(char *const *argv, word_fn fn, void *user)
{
	static const char *const shells[] = { "sh", "bash", "dash", "/bin/sh",
					      "/bin/bash" };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(shells) && strv_len(argv) == 3; i++)
		if (streq(argv[0], shells[i]) && streq(argv[1], "-c"))
			return split_shell(argv[2], fn, user);
	for (size_t i = 0; argv[i]; i++) {
		r = fn(argv[i], i ? PLACE_ARGUMENT : PLACE_COMMAND, true, user);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- files that are named --- */

/* "evaluate.py", "bin/run", "./x"; not "-O2", "3.14", "a=b", "https://x", "python3.11" */
static bool looks_like_file(const char *word, enum place place)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char others[] = "0123456789._/+@,-";

	if (place == PLACE_OUTPUT || strchr("-/~", *word))
		return false;
	if (!strpbrk(word, letters) ||
	    !strpbrk(word, place == PLACE_COMMAND ? "/" : "./"))
		return false;
	for (const char *p = word; *p; p++)
		if (!strchr(letters, *p) && !strchr(others, *p))
			return false;
	return true;
}

static int collect(const char *word, enum place place, bool plain, void *user)
{
	cleanup_free char *path = NULL;
	char ***list = user;
	const char *problem;
	int r;

	if (!*word || !plain || !looks_like_file(word, place))
		return 0;
	r = path_normal(word, &path, &problem);
	if (r == -EINVAL || (r == 0 && strv_has(*list, path)))
		return 0;
	return r < 0 ? r : strv_add(list, path);
}

int config_harness_words(const struct config *c, char ***ret)
{
	cleanup_strv char **list = NULL;
	int r;

	r = each_word(c->harness, collect, &list);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}

/* --- the program that is started --- */

enum expects { EXPECTS_PROGRAM, EXPECTS_SCRIPT, EXPECTS_NOTHING };

struct search {
	const char *path;
	enum expects expects;
	bool found;
};

static const char *base_name(const char *word)
{
	const char *slash = strrchr(word, '/');

	return slash ? slash + 1 : word;
}

/* Programs that start the one named behind them. */
static bool is_wrapper(const char *word)
{
	static const char *const names[] = { "env",     "exec",  "nice",   "time",
					     "command", "uv",    "poetry", "pdm",
					     "run",     "nohup", "stdbuf", "setsid",
					     "timeout" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(base_name(word), names[i]))
			return true;
	return false;
}

/* "python" stands for "python3.11", too. */
static bool is_interpreter(const char *word)
{
	static const char *const names[] = { "python", "pypy",  "perl",  "ruby",
					     "node",   "sh",    "bash",  "dash",
					     "zsh",    "ksh",   "lua",   "Rscript",
					     "php",    "julia", "source" };
	const char *rest;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		rest = str_after(base_name(word), names[i]);
		if (rest && rest[strspn(rest, "0123456789.")] == '\0')
			return true;
	}
	return streq(word, ".");
}

static void compare(struct search *s, const char *word)
{
	cleanup_free char *path = NULL;
	const char *problem;

	s->expects = EXPECTS_NOTHING;
	if (path_normal(word, &path, &problem) == 0 && streq(path, s->path))
		s->found = true;
}

static int look(const char *word, enum place place, bool plain, void *user)
{
	struct search *s = user;

	if (place == PLACE_COMMAND)
		s->expects = EXPECTS_PROGRAM;
	if (place == PLACE_OUTPUT || s->expects == EXPECTS_NOTHING)
		return 0;
	if (*word == '-') {
		if (s->expects == EXPECTS_SCRIPT &&
		    (streq(word, "-c") || streq(word, "-m")))
			s->expects = EXPECTS_NOTHING;
		return 0;
	}
	/* The 10 of "timeout 10 ./run". */
	if (s->expects == EXPECTS_PROGRAM && *word >= '0' && *word <= '9')
		return 0;
	if (s->expects == EXPECTS_SCRIPT || !plain) {
		compare(s, plain ? word : "");
	} else if (is_interpreter(word)) {
		s->expects = EXPECTS_SCRIPT;
	} else if (!strchr(word, '=') && !is_wrapper(word)) {
		/* A bare word is looked up in PATH: only behind a wrapper may it be a
		 * file. */
		compare(s, strchr(word, '/') || place != PLACE_COMMAND ? word : "");
	}
	return 0;
}

bool harness_runs(char *const *argv, const char *path)
{
	struct search s = { .path = path };

	each_word(argv, look, &s);
	return s.found;
}
