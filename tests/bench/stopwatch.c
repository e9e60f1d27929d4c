/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long commands take, from fork to reaped, taken in turns so that whatever else the
 * machine does hits all of them alike. One line a run: number of the command, microseconds of
 * wall clock, microseconds of CPU, exit status.
 *
 *	stopwatch ROUNDS COMMAND... , COMMAND... , ...
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_COMMANDS 32

extern char **environ;

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static long long us(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

static void run_once(int number, char **command, const posix_spawn_file_actions_t *quiet)
{
	long long begin = now_us(), end;
	struct rusage usage;
	int status = 127 << 8;
	pid_t pid;

	if (posix_spawnp(&pid, command[0], quiet, NULL, command, environ) == 0)
		wait4(pid, &status, 0, &usage);
	else
		memset(&usage, 0, sizeof(usage));
	end = now_us();
	printf("%d %lld %lld %d\n", number, end - begin,
	       us(usage.ru_utime) + us(usage.ru_stime),
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t quiet;
	char **commands[MAX_COMMANDS];
	int n = 0, rounds = argc > 2 ? atoi(argv[1]) : 0;

	for (int i = 2, first = 1; i < argc; i++) {
		if (first && n < MAX_COMMANDS)
			commands[n++] = argv + i;
		first = !strcmp(argv[i], ",");
		if (first)
			argv[i] = NULL;
	}
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			run_once(i, commands[i], &quiet);
	return 0;
}
