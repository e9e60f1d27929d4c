/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where can I write? Walks the tree to a depth and tries every directory (make a file) and
 * every file (open for writing); what works is printed, one path a line, and counted.
 *
 *	writes DEPTH PATH...
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long tried;

static void report(const char *what, const char *path)
{
	printf("%s %s\n", what, path);
}

static void try_directory(const char *path)
{
	char name[8192];
	int fd;

	snprintf(name, sizeof(name), "%s/.probe", path);
	tried++;
	fd = open(name, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
	if (fd >= 0) {
		report("make", path);
		close(fd);
		unlink(name);
	}
	if (mkdir(name, 0700) == 0) {
		report("mkdir", path);
		rmdir(name);
	}
	if (chmod(path, 0777) == 0)
		report("chmod", path);
}

static void try_file(const char *path)
{
	int fd;

	tried++;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0)
		return;
	report("open", path);
	close(fd);
}

static int is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

static void walk(const char *path, int depth)
{
	char below[8192];
	struct dirent *e;
	struct stat st;
	DIR *d;

	if (lstat(path, &st) < 0 || S_ISLNK(st.st_mode))
		return;
	if (!S_ISDIR(st.st_mode)) {
		try_file(path);
		return;
	}
	try_directory(path);
	d = depth > 0 ? opendir(path) : NULL;
	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		/* Processes' own files are theirs to write. */
		if (!strcmp(path, "/proc") && is_number(e->d_name))
			continue;
		snprintf(below, sizeof(below), "%s/%s", strcmp(path, "/") ? path : "",
			 e->d_name);
		walk(below, depth - 1);
	}
	if (d)
		closedir(d);
}

static void try_change(const char *from, const char *to)
{
	if (rename(from, to) == 0)
		report("rename", from);
	if (unlink(from) == 0)
		report("unlink", from);
	if (rmdir(from) == 0)
		report("rmdir", from);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOFBF, 65536);
	for (int i = 2; i < argc; i++)
		walk(argv[i], atoi(argv[1]));
	try_change("/usr", "/moved");
	try_change("/etc/passwd", "/etc/moved");
	try_change("/tmp", "/moved");
	try_change("/etc/hostname", "/tmp/moved");
	printf("tried %lu\n", tried);
	return 0;
}
