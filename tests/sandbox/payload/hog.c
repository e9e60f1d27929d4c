/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Use up memory, in one of the ways there are.
 *
 *	hog self MIB     allocate and touch, then sleep
 *	hog child MIB    a child does; the parent waits for it and then exits 0
 *	hog shm MIB      a file in /dev/shm
 *	hog memfd MIB    a file without a name
 *	hog shared MIB   shared anonymous memory
 *	hog named MIB    like self, under a name that looks like a line of /proc/PID/status
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static void touch(int fd, int flags, size_t mib)
{
	for (size_t i = 0; i < mib; i++) {
		char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, flags, fd,
			       fd < 0 ? 0 : (off_t)(i * MIB));

		if (p == MAP_FAILED)
			exit(3);
		memset(p, (int)i + 1, MIB);
	}
	printf("touched %zu MiB\n", mib);
	fflush(stdout);
	sleep(60);
}

static int file(const char *mode, size_t mib)
{
	int fd = !strcmp(mode, "shm") ? open("/dev/shm/hog", O_RDWR | O_CREAT, 0600)
				      : memfd_create("hog", 0);

	if (fd < 0 || ftruncate(fd, (off_t)(mib * MIB)) < 0)
		exit(4);
	return fd;
}

int main(int argc, char **argv)
{
	size_t mib = argc == 3 ? (size_t)atoi(argv[2]) : 0;
	const char *mode = argc == 3 ? argv[1] : "";
	pid_t pid;

	if (!strcmp(mode, "named"))
		prctl(PR_SET_NAME, "RssAnon: 0");
	if (!strcmp(mode, "self") || !strcmp(mode, "named")) {
		touch(-1, MAP_PRIVATE | MAP_ANONYMOUS, mib);
	} else if (!strcmp(mode, "shared")) {
		touch(-1, MAP_SHARED | MAP_ANONYMOUS, mib);
	} else if (!strcmp(mode, "child")) {
		pid = fork();
		if (pid == 0)
			touch(-1, MAP_PRIVATE | MAP_ANONYMOUS, mib);
		waitpid(pid, NULL, 0);
	} else {
		touch(file(mode, mib), MAP_SHARED, mib);
	}
	return 0;
}
