/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The floor under every sandbox: one clone3 with the namespaces of the box, the id maps, exec,
 * wait. No mounts, no limits, no filter, no output.
 *
 *	bare COMMAND...
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

#define NAMESPACES                                                                  \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | \
	 CLONE_NEWUTS | CLONE_NEWCGROUP)

static void put(long pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(path);
		exit(125);
	}
	close(fd);
}

static void map_ids(long pid)
{
	char text[64];

	if (geteuid() != 0)
		put(pid, "setgroups", "deny");
	snprintf(text, sizeof(text), "1000 %u 1", geteuid() ? geteuid() : 2000000000);
	put(pid, "uid_map", text);
	snprintf(text, sizeof(text), "1000 %u 1", geteuid() ? getegid() : 2000000000);
	put(pid, "gid_map", text);
}

int main(int argc, char **argv)
{
	struct clone_args args = { .flags = NAMESPACES, .exit_signal = SIGCHLD };
	int p[2], status;
	char byte;
	long pid;

	if (argc < 2 || pipe2(p, O_CLOEXEC) < 0)
		return 2;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		close(p[1]);
		if (read(p[0], &byte, 1) == 1)
			execv(argv[1], argv + 1);
		_exit(126);
	}
	if (pid < 0) {
		perror("clone3");
		return 125;
	}
	map_ids(pid);
	if (write(p[1], "", 1) != 1 || waitpid((pid_t)pid, &status, 0) < 0)
		return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
