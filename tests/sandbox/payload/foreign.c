/* SPDX-License-Identifier: Apache-2.0 */

/*
 * System calls of another ABI: the filter's numbers mean something else there.
 *
 *	foreign int80|x32
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long r = -1;

	printf("before\n");
	fflush(stdout);
	if (argc > 1 && !strcmp(argv[1], "int80"))
		__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory");
	else
		r = syscall(0x40000000L | SYS_getpid);
	printf("after %ld\n", r);
	return 0;
}
