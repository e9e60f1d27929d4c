/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Can I reach what is not mine: process 1 of the box, a process outside, other people's files?
 * Prints "name errno" or "name done" for every attempt.
 *
 *	reach OUTSIDE_PID PATH...     every PATH must not exist in here
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void say(const char *name, long r)
{
	printf("%s %s\n", name, r < 0 ? strerrorname_np(errno) : "done");
}

static void say_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	say(path, fd);
	if (fd >= 0)
		close(fd);
}

static void count_processes(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[strspn(e->d_name, "0123456789")] == '\0';
	if (d)
		closedir(d);
	printf("processes %d\n", n);
}

static int nice_of_init(void)
{
	errno = 0;
	return getpriority(PRIO_PROCESS, 1);
}

static void attack_init(void)
{
	struct rlimit none = { 0, 0 };
	struct sched_param param = { 0 };
	char byte;
	struct iovec mine = { &byte, 1 }, theirs = { (void *)0x400000, 1 };
	int before = nice_of_init(), fd;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	say_open("/proc/1/environ");
	say_open("/proc/1/mem");
	say_open("/proc/1/maps");
	say_open("/proc/1/cwd/");
	say_open("/proc/1/root/etc");
	say_open("/proc/1/fd/0");
	say_open("/proc/1/exe");
	say("ptrace_attach", ptrace(PTRACE_ATTACH, 1, 0, 0));
	say("ptrace_seize", ptrace(PTRACE_SEIZE, 1, 0, 0));
	say("vm_readv", process_vm_readv(1, &mine, 1, &theirs, 1, 0));
	say("vm_writev", process_vm_writev(1, &mine, 1, &theirs, 1, 0));
	say("prlimit_cpu", prlimit(1, RLIMIT_CPU, &none, NULL));
	say("affinity", sched_setaffinity(1, sizeof(one), &one));
	say("scheduler", sched_setscheduler(1, SCHED_IDLE, &param));
	say("priority", setpriority(PRIO_PROCESS, 1, 19));
	say("priority_user", setpriority(PRIO_USER, 0, 19));
	say("ioprio_user", syscall(SYS_ioprio_set, 3, 0, 3 << 13));
	fd = (int)syscall(SYS_pidfd_open, 1, 0);
	say("pidfd_getfd", syscall(SYS_pidfd_getfd, fd, 0, 0));
	printf("nice_changed %d\n", nice_of_init() != before);
	for (int sig = 1; sig < 65; sig++)
		kill(1, sig);
	syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	/* Landlock answers EPERM where the kernel scopes signals: refused, so it is there. */
	printf("init_alive %d\n", (kill(1, 0) == 0 || errno == EPERM) && getppid() == 1);
}

int main(int argc, char **argv)
{
	char path[64];
	struct stat st;
	int pid = argc > 1 ? atoi(argv[1]) : 1 << 22;

	/* Nobody else may be in here with us, or this ends them. */
	count_processes();
	say("kill_outside", kill(pid, SIGKILL));
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	printf("outside_environ %s\n",
	       open(path, O_RDONLY) < 0 ? strerrorname_np(errno) : "done");
	signal(SIGTERM, SIG_IGN);
	say("kill_all", kill(-1, SIGTERM));
	attack_init();
	for (int i = 2; i < argc; i++)
		printf("path %s %s\n", argv[i],
		       lstat(argv[i], &st) < 0 ? strerrorname_np(errno) : "there");
	return 0;
}
