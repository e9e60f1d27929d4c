/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A daemon that wants to stay: forks twice, makes its own session, ignores every signal,
 * closes everything. Its first process exits 0 once the daemon runs, or, with "stay", waits.
 *
 *	daemon leave|stay
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void run_forever(int ready)
{
	sigset_t all;

	setsid();
	if (fork() > 0)
		_exit(0);
	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (write(ready, "x", 1) != 1)
		_exit(1);
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	for (;;)
		sleep(60);
}

int main(int argc, char **argv)
{
	int p[2];
	char byte;

	if (pipe(p) < 0)
		return 1;
	if (fork() == 0)
		run_forever(p[1]);
	close(p[1]);
	printf("daemon %s\n", read(p[0], &byte, 1) == 1 ? "runs" : "failed");
	fflush(stdout);
	if (argc > 1 && !strcmp(argv[1], "stay"))
		for (;;)
			sleep(60);
	return 0;
}
