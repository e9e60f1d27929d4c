/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every system call number, each called in a process of its own: "number answer" a line.
 *
 *	walk ARGUMENT [NUMBER]...	ARGUMENT, -1 or 0, six times; all numbers, or these
 *
 * An answer is the name of an errno, "done", or how the process ended that made the call and
 * did not come back from it: "signal 14" for one that blocks, "exit 255" for exit(-1).
 *
 * Nothing here does harm: what works with these arguments concerns the caller alone, and
 * number 0, which with zeros would be a descriptor as well, is closed first. Outside a box
 * root is given up before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBERS    512
/* A process that waits for ever is ended; any other call is long back on the slowest machine. */
#define PATIENCE_S 2

/* In memory that parent and child share, written by the child that came back. */
struct slot {
	int back;
	int error;
};

static long call(long nr, long a)
{
#ifdef SYS_vfork
	/* The child runs on the caller's stack: only libc knows how to return from that. */
	if (nr == SYS_vfork) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(0);
		return pid;
	}
#endif
	return syscall(nr, a, a, a, a, a, a);
}

static void carry_out(struct slot *slot, long nr, long a)
{
	pid_t self = getpid();
	long r;

	close(STDIN_FILENO);
	alarm(PATIENCE_S);
	r = call(nr, a);
	/* A copy of this process, by fork or clone, has nothing to say. */
	if (getpid() == self) {
		slot->error = r == -1 ? errno : 0;
		slot->back = 1;
	}
	_exit(0);
}

static void say(const struct slot *slot, long nr, int status)
{
	const char *name = strerrorname_np(slot->error);

	if (slot->back && !slot->error)
		printf("%ld done\n", nr);
	else if (slot->back && name)
		printf("%ld %s\n", nr, name);
	else if (slot->back)
		printf("%ld errno %d\n", nr, slot->error);
	else if (WIFSIGNALED(status))
		printf("%ld signal %d\n", nr, WTERMSIG(status));
	else
		printf("%ld exit %d\n", nr, WEXITSTATUS(status));
	fflush(stdout);
}

static int step(struct slot *slot, long nr, long a)
{
	int status;
	pid_t pid;

	*slot = (struct slot){ 0 };
	pid = fork();
	if (pid == 0)
		carry_out(slot, nr, a);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	say(slot, nr, status);
	return 0;
}

int main(int argc, char **argv)
{
	struct slot *slot = mmap(NULL, sizeof(*slot), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long a = argc > 1 ? strtol(argv[1], NULL, 10) : -1;
	int r = 0;

	if (slot == MAP_FAILED)
		return 1;
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 1;
	for (int i = 2; r == 0 && i < argc; i++)
		r = step(slot, strtol(argv[i], NULL, 10), a);
	for (long nr = 0; r == 0 && argc <= 2 && nr < NUMBERS; nr++)
		r = step(slot, nr, a);
	if (r < 0)
		perror("walk");
	return r < 0;
}
