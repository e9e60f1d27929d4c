/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Burn CPU in some processes for a time of the wall clock.
 *
 *	spin PROCESSES MILLISECONDS
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	long end = now_ms() + (argc > 2 ? atol(argv[2]) : 1000);

	while (--n > 0 && fork() > 0)
		;
	while (now_ms() < end)
		;
	while (wait(NULL) > 0)
		;
	return 0;
}
