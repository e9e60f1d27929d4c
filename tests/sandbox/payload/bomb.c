/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Processes without end.
 *
 *	bomb endless    every process forks for ever; nobody exits
 *	bomb count MAX  forks sleeping children until it is refused; prints how many there were
 *	                and the errno, then exits 0
 *	bomb threads MAX
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

int main(int argc, char **argv)
{
	int max = argc > 2 ? atoi(argv[2]) : 0, n = 0, r = 0;
	pthread_attr_t small;
	pthread_t thread;
	pid_t pid;

	if (argc < 2)
		return 2;
	if (!strcmp(argv[1], "endless"))
		for (;;)
			fork();
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (; n < max; n++) {
		if (!strcmp(argv[1], "threads")) {
			r = pthread_create(&thread, &small, sleeper, NULL);
			if (r)
				break;
			continue;
		}
		pid = fork();
		if (pid < 0) {
			r = errno;
			break;
		}
		if (pid == 0) {
			pause();
			_exit(0);
		}
	}
	printf("started %d %s\n", n, r ? strerrorname_np(r) : "all");
	return 0;
}
