/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Use up memory, in one of the ways there are.
 *
 *	hog self MIB     allocate and touch, then sleep
 *	hog child MIB    a child does; the parent waits for it and then exits 0
 *	hog shm MIB      a file in /dev/shm
 *	hog memfd MIB    a file without a name
 *	hog shared MIB   shared anonymous memory
 *	hog held MIB     a file without a name that is written and mapped by nobody
 *	hog many MIB     such files of 1 MiB each
 *	hog table MIB    the same in a thread with a table of descriptors of its own
 *	hog sysv MIB     System V memory of 1 MiB segments, each detached once it is written
 *	hog closed MIB   shared memory of which only a page stays mapped and nothing open
 *	hog cousins MIB  in as many processes of 8 MiB each, whose parents are all dead
 *	hog forked MIB   like self, then four children that share it: no more than MIB in all
 *	hog named MIB    like self, under a name that looks like a line of /proc/PID/status
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
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

static void done(size_t mib)
{
	printf("touched %zu MiB\n", mib);
	fflush(stdout);
	sleep(60);
}

static void fill(int fd, size_t mib)
{
	static char block[MIB];

	memset(block, 1, sizeof(block));
	for (size_t i = 0; i < mib; i++)
		if (write(fd, block, sizeof(block)) != sizeof(block))
			exit(5);
}

static int many(void *arg)
{
	size_t mib = *(size_t *)arg;

	for (size_t i = 0; i < mib; i++)
		fill(memfd_create("many", 0), 1);
	done(mib);
	return 0;
}

/* A thread that shares everything but the table of descriptors. */
static void table(size_t mib)
{
	static char stack[1 << 16] __attribute__((aligned(16)));

	clone(many, stack + sizeof(stack),
	      CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, &mib);
	sleep(60);
}

static void sysv(size_t mib)
{
	for (size_t i = 0; i < mib; i++) {
		int id = shmget(IPC_PRIVATE, MIB, IPC_CREAT | 0600);
		void *p = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

		if (p == (void *)-1)
			exit(6);
		memset(p, 1, MIB);
		shmdt(p);
	}
	done(mib);
}

static void closed(size_t mib)
{
	char *p = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		exit(3);
	/* What was written is let go of at once, so that never much of it is mapped. */
	for (size_t i = 0; i < mib; i++) {
		memset(p + i * MIB, 1, MIB);
		madvise(p + i * MIB, MIB, MADV_DONTNEED);
	}
	munmap(p + 4096, mib * MIB - 4096);
	done(mib);
}

static void cousins(size_t mib)
{
	for (size_t i = 0; i < mib; i += 8) {
		pid_t pid = fork();
		char *p;

		if (pid == 0) {
			if (fork() > 0)
				_exit(0);
			p = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			memset(p, 1, 8 * MIB);
			sleep(60);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	done(mib);
}

static void forked(size_t mib)
{
	char *p = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, mib * MIB);
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			sleep(2);
			_exit(p[mib]);
		}
	while (wait(NULL) > 0)
		;
	printf("touched %zu MiB\n", mib);
	exit(0);
}

static const struct {
	const char *mode;
	void (*run)(size_t mib);
} others[] = {
	{ "table", table },   { "sysv", sysv },       { "closed", closed },
	{ "forked", forked }, { "cousins", cousins },
};

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

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(mode, others[i].mode))
			others[i].run(mib);
	if (!strcmp(mode, "many"))
		many(&mib);
	if (!strcmp(mode, "held")) {
		fill(memfd_create("held", 0), mib);
		done(mib);
	}
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
