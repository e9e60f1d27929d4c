/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Refused system calls without end, from several processes at once.
 *
 *	flood PROCESSES [CALLS]    without CALLS until somebody ends it
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long processes = argc > 1 ? atol(argv[1]) : 1;
	long calls = argc > 2 ? atol(argv[2]) : -1;

	for (long i = 1; i < processes; i++)
		if (fork() == 0)
			break;
	for (long i = 0; i != calls; i++)
		syscall(SYS_chroot, "/");
	while (wait(NULL) > 0)
		;
	return 0;
}
