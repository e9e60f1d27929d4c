/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fill directories, first with bytes, then with empty files; for each the count and the errno
 * that ended it.
 *
 *	fill bytes DIR...    into one file each
 *	fill inodes DIR...
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILES 2000000

static void bytes(const char *dir)
{
	static char block[65536];
	char path[4096];
	long long total = 0;
	ssize_t n;
	int fd;

	memset(block, 'x', sizeof(block));
	snprintf(path, sizeof(path), "%s/fill", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	while (fd >= 0 && (n = write(fd, block, sizeof(block))) > 0)
		total += n;
	printf("%s %lld %s\n", dir, total, strerrorname_np(errno));
}

static void inodes(const char *dir)
{
	char path[4096];
	long n = 0;
	int fd;

	for (; n < MAX_FILES; n++) {
		snprintf(path, sizeof(path), "%s/%ld", dir, n);
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	printf("%s %ld %s\n", dir, n, n < MAX_FILES ? strerrorname_np(errno) : "all");
}

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[1], "bytes"))
			bytes(argv[i]);
		else
			inodes(argv[i]);
	}
	return 0;
}
