/* SPDX-License-Identifier: Apache-2.0 */

/*
 *	attack --list                    the cases, one a line, tabs between the fields
 *	attack ID [NAME=VALUE]...        carry out one of them
 *
 * The runner gives what exists outside as NAME=VALUE: files, sockets, a victim. mark=TEXT is
 * in there too, so that the arguments of whatever is left behind give it away.
 */
#include "attack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct attack *const families[] = {
	files_attacks, target_attacks, mounts_attacks, process_attacks, memory_attacks,
	time_attacks,  output_attacks, ipc_attacks,    network_attacks, kernel_attacks,
};

static char **arguments;
static const struct attack *current;
static char wins[2048], notes[2048];

const char *given(const char *name)
{
	size_t n = strlen(name);

	for (char **a = arguments; *a; a++)
		if (!strncmp(*a, name, n) && (*a)[n] == '=')
			return *a + n + 1;
	return NULL;
}

long given_number(const char *name, long otherwise)
{
	const char *text = given(name);

	return text ? strtol(text, NULL, 10) : otherwise;
}

static void append(char *to, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void append(char *to, size_t size, const char *fmt, va_list ap)
{
	size_t n = strlen(to);

	if (n && n + 2 < size)
		n += (size_t)snprintf(to + n, size - n, ", ");
	vsnprintf(to + n, size - n, fmt, ap);
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(notes, sizeof(notes), fmt, ap);
	va_end(ap);
}

void won(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(wins, sizeof(wins), fmt, ap);
	va_end(ap);
}

void tried(const char *what, long r)
{
	const char *name = strerrorname_np(errno);

	if (r >= 0)
		won("%s worked", what);
	else
		note("%s %s", what, name ? name : "?");
}

static void say(const char *word, const char *detail)
{
	char line[2300];
	int n;

	n = snprintf(line, sizeof(line), "\ncase %s %s %s\n", current->id, word, detail);
	if (n < 0 || n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	/* At the beginning of a line, whatever was printed before. */
	for (char *p = line + 1; p < line + n - 1; p++)
		if ((unsigned char)*p < ' ')
			*p = '?';
	/* One write, on both: a case may have closed or spoilt one of them. */
	if (write(2, line, (size_t)n) < 0 && write(1, line, (size_t)n) < 0)
		_exit(3);
}

void finish(void)
{
	say(*wins ? "escaped" : "held", *wins ? wins : *notes ? notes : "-");
	_exit(0);
}

void absent(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(notes, sizeof(notes), fmt, ap);
	va_end(ap);
	say("absent", notes);
	_exit(0);
}

void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int open_for_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd;
}

bool file_contains(const char *path, const char *text)
{
	static char data[1 << 20];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n, got = 0;

	if (fd < 0)
		return false;
	while (got < (ssize_t)sizeof(data) - 1 &&
	       (n = read(fd, data + got, sizeof(data) - 1 - (size_t)got)) > 0)
		got += n;
	close(fd);
	return memmem(data, (size_t)got, text, strlen(text)) != NULL;
}

int in_child(void (*f)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		f();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return status;
}

void walk(const char *dir, int depth, void (*f)(const char *path, unsigned char type))
{
	DIR *d = opendir(dir);
	char path[PATH_MAX];
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", strcmp(dir, "/") ? dir : "",
			 e->d_name);
		f(path, e->d_type);
		if (e->d_type == DT_DIR && depth > 1)
			walk(path, depth - 1, f);
	}
	if (d)
		closedir(d);
}

static void list(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		for (const struct attack *a = families[i]; a->id; a++)
			printf("%s\t%s\t%s\t%s\n", a->id, a->title,
			       a->expect ? a->expect : "held", a->how ? a->how : "");
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		list();
		return 0;
	}
	arguments = argv + (argc > 1);
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(families); i++)
		for (const struct attack *a = families[i]; a->id; a++)
			if (!strcmp(a->id, argv[1]))
				current = a;
	if (!current) {
		fprintf(stderr, "usage: attack --list | ID [NAME=VALUE]...\n");
		return 2;
	}
	current->run();
	finish();
}
