/* SPDX-License-Identifier: Apache-2.0 */

/*
 * outer ERRNO NAME... -- COMMAND...: a seccomp filter as an outer container has one, which
 * answers these calls with this errno, and below it the command.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#define CALLS_MAX 16

static const struct {
	const char *name;
	long number;
} calls[] = {
	{ "clone3", SYS_clone3 },         { "mount", SYS_mount },
	{ "fsopen", SYS_fsopen },         { "move_mount", SYS_move_mount },
	{ "pivot_root", SYS_pivot_root },
};

static const struct {
	const char *name;
	int number;
} errors[] = { { "EPERM", EPERM }, { "ENOSYS", ENOSYS } };

static struct sock_filter program[2 * CALLS_MAX + 2] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
};
static unsigned short length = 1;

static void add(const char *name, unsigned error)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0 && length < 2 * CALLS_MAX) {
			program[length++] = (struct sock_filter)BPF_JUMP(
				BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, 0,
				1);
			program[length++] = (struct sock_filter)BPF_STMT(
				BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
			return;
		}
	fprintf(stderr, "outer: no call %s\n", name);
	_exit(99);
}

int main(int argc, char **argv)
{
	struct sock_fprog filter = { .filter = program };
	unsigned error = 0;
	int i;

	for (size_t k = 0; argc > 1 && k < sizeof(errors) / sizeof(errors[0]); k++)
		if (strcmp(errors[k].name, argv[1]) == 0)
			error = (unsigned)errors[k].number;
	for (i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		add(argv[i], error);
	program[length++] =
		(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter.len = length;
	if (!error || i + 1 >= argc || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) {
		perror("outer");
		return 99;
	}
	execv(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 99;
}
