/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Ways of changing a file, and of putting something else in its place. Prints "way errno" or
 * "way done" for each one named.
 *
 *	target FILE WAY...
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *file;
static char other[4096];

static long put(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | flags, 0644);
	long r = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return r;
}

static long in_place(void)
{
	return put(file, "in place\n", O_TRUNC);
}

static long same(void)
{
	char text[65536];
	int fd = open(file, O_RDWR);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	return n < 0 || lseek(fd, 0, SEEK_SET) < 0 ? -1 : write(fd, text, (size_t)n);
}

static long append(void)
{
	return put(file, "appended\n", O_APPEND);
}

static long replace(void)
{
	return put(other, "replaced\n", O_CREAT | O_EXCL) < 0 ? -1 : rename(other, file);
}

/* A file from a writable place over the target. */
static long move_over(void)
{
	return put("/tmp/over", "moved over\n", O_CREAT) < 0 ? -1
							     : rename("/tmp/over", file);
}

static long move_away(void)
{
	return rename(file, other);
}

static long remove_file(void)
{
	return unlink(file);
}

static long link_to(const char *to)
{
	unlink(file);
	return symlink(to, file);
}

static long link_out(void)
{
	return link_to("/etc/passwd");
}

static long fifo(void)
{
	unlink(file);
	return mkfifo(file, 0600);
}

static long directory(void)
{
	unlink(file);
	return mkdir(file, 0700);
}

static long hard_link(void)
{
	return link(file, other);
}

static long no_access(void)
{
	return chmod(file, 0);
}

static long set_uid(void)
{
	return chmod(file, 04777);
}

static long empty(void)
{
	return truncate(file, 0);
}

static long sparse(void)
{
	return truncate(file, 100L << 20);
}

static long beside(void)
{
	return put(other, "beside\n", O_CREAT);
}

static const struct {
	const char *name;
	long (*run)(void);
} ways[] = {
	{ "in_place", in_place },   { "same", same },
	{ "append", append },       { "replace", replace },
	{ "move_over", move_over }, { "move_away", move_away },
	{ "remove", remove_file },  { "symlink", link_out },
	{ "fifo", fifo },           { "directory", directory },
	{ "hard_link", hard_link }, { "no_access", no_access },
	{ "set_uid", set_uid },     { "empty", empty },
	{ "sparse", sparse },       { "beside", beside },
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	file = argv[1];
	snprintf(other, sizeof(other), "%s.new", file);
	for (int a = 2; a < argc; a++)
		for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
			if (!strcmp(argv[a], ways[i].name))
				printf("%s %s\n", argv[a],
				       ways[i].run() < 0 ? strerrorname_np(errno)
							 : "done");
	return 0;
}
