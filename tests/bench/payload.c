/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What tests/bench/run lets every sandbox do. What takes time measures itself, from inside, so
 * that the start of the sandbox is not in it.
 *
 *	payload calls N          nanoseconds for each of N getpid(), read() and openat()+close()
 *	payload read PATH        microseconds to read a file, or all files in a directory
 *	payload spin N           microseconds, then those of CPU, of N rounds over 8 MiB
 *	payload crowd N          N processes more that wait; a line when all are there
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 21
#define WORDS   (1 << 20)

static long long now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int zero_fd;

static long call_getpid(void)
{
	return syscall(SYS_getpid);
}

static long call_read(void)
{
	char byte;

	return read(zero_fd, &byte, 1);
}

static long call_open(void)
{
	return close(openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int compare(const void *a, const void *b)
{
	const long long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Of many short batches the median: one that was interrupted does not count. */
static int calls(int n)
{
	static const struct {
		const char *name;
		long (*call)(void);
	} kinds[] = { { "getpid", call_getpid },
		      { "read", call_read },
		      { "open", call_open } };
	long long took[BATCHES];

	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (zero_fd < 0)
		return fail("/dev/zero");
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		for (int b = 0; b < BATCHES; b++) {
			long long begin = now_ns(CLOCK_MONOTONIC);

			for (int i = 0; i < n / BATCHES; i++)
				if (kinds[k].call() < 0)
					return fail(kinds[k].name);
			took[b] = now_ns(CLOCK_MONOTONIC) - begin;
		}
		qsort(took, BATCHES, sizeof(*took), compare);
		printf("%s %lld\n", kinds[k].name,
		       took[BATCHES / 2] / (n / BATCHES ? n / BATCHES : 1));
	}
	return 0;
}

static int read_file(int dir_fd, const char *name)
{
	static char chunk[1 << 16];
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		;
	close(fd);
	return n < 0 ? -1 : 0;
}

static int read_path(const char *path)
{
	long long begin = now_ns(CLOCK_MONOTONIC);
	struct dirent *e;
	struct stat st;
	DIR *d;

	if (stat(path, &st) < 0)
		return fail(path);
	if (S_ISDIR(st.st_mode)) {
		d = opendir(path);
		if (!d)
			return fail(path);
		while ((e = readdir(d)))
			if (e->d_name[0] != '.' && read_file(dirfd(d), e->d_name) < 0)
				return fail(e->d_name);
		closedir(d);
	} else if (read_file(AT_FDCWD, path) < 0) {
		return fail(path);
	}
	printf("%lld\n", (now_ns(CLOCK_MONOTONIC) - begin) / 1000);
	return 0;
}

/* Arithmetic in the order of a linear congruence, so that most steps leave the caches. */
static int spin(int rounds)
{
	uint64_t *words = calloc(WORDS, sizeof(*words)), sum = 0;
	long long begin, cpu;
	uint32_t at = 1;

	if (!words)
		return fail("calloc");
	memset(words, 1, WORDS * sizeof(*words));
	begin = now_ns(CLOCK_MONOTONIC);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (int r = 0; r < rounds; r++)
		for (int i = 0; i < WORDS; i++) {
			at = at * 1664525 + 1013904223;
			sum += words[at % WORDS] * 31 + (sum >> 7);
			words[at % WORDS] = sum;
		}
	begin = now_ns(CLOCK_MONOTONIC) - begin;
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("%lld %lld %d\n", begin / 1000, cpu / 1000, (int)(sum & 1));
	free(words);
	return 0;
}

static int crowd(int n)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return fail("fork");
		if (pid == 0)
			for (;;)
				pause();
	}
	printf("%d\n", n);
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "calls"))
		return calls(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "read"))
		return read_path(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "spin"))
		return spin(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "crowd"))
		return crowd(atoi(argv[2]));
	fprintf(stderr, "usage: payload calls|read|spin|crowd ARGUMENT\n");
	return 2;
}
