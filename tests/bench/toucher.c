/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Take memory as fast as it goes, or sit on some of it.
 *
 *	toucher grow THREADS MIB    write to fresh pages; a byte on standard output for each
 *	                            256 KiB, so that who reads them knows how far it came
 *	toucher crowd PROCESSES MS  as many processes that sleep, each with 1 MiB
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP (256 * 1024)

struct part {
	char *begin;
	size_t steps;
};

static void *grow(void *arg)
{
	const struct part *p = arg;

	for (size_t i = 0; i < p->steps; i++) {
		for (size_t at = 0; at < STEP; at += 4096)
			p->begin[i * STEP + at] = 1;
		if (write(1, "x", 1) != 1)
			break;
	}
	return NULL;
}

static void crowd(int n, int ms)
{
	for (int i = 0; i < n; i++) {
		if (fork() == 0) {
			memset(malloc(1 << 20), 1, 1 << 20);
			usleep((useconds_t)ms * 1000);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	size_t n = argc > 3 ? (size_t)atoi(argv[2]) : 0;
	size_t amount = argc > 3 ? (size_t)atoi(argv[3]) : 0, bytes = amount << 20;
	struct part parts[64];
	pthread_t threads[64];
	char *all;

	if (n == 0 || n > 4096)
		return 2;
	if (!strcmp(argv[1], "crowd")) {
		crowd((int)n, (int)amount);
		return 0;
	}
	all = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED || n > 64)
		return 3;
	for (size_t i = 0; i < n; i++) {
		parts[i] = (struct part){ all + bytes / n * i, bytes / n / STEP };
		if (pthread_create(&threads[i], NULL, grow, &parts[i]))
			return 4;
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
