/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who am I, and what was I given? One line a fact: "name value".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static void print_status(void)
{
	static const char *const keys[] = {
		"Uid:",    "Gid:",    "Groups:", "CapInh:",     "CapPrm:",
		"CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:",
		"SigBlk:", "SigIgn:", "NSpid:",
	};
	FILE *f = fopen("/proc/self/status", "r");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0)
				printf("%.*s %s", (int)strlen(keys[i]) - 1, line,
				       line + strlen(keys[i]) + 1);
	if (f)
		fclose(f);
}

static void print_limit(const char *name, int resource)
{
	struct rlimit l;

	if (getrlimit(resource, &l) == 0)
		printf("%s %llu %llu\n", name, (unsigned long long)l.rlim_cur,
		       (unsigned long long)l.rlim_max);
}

static void print_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	char target[256];
	ssize_t n;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || atoi(e->d_name) == dirfd(d))
			continue;
		n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		printf("fd%s %s\n", e->d_name, target);
	}
	if (d)
		closedir(d);
}

/* A program with a set-user-ID bit that root owns, seen from inside. */
static void print_setuid(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		printf("setuid_mode %s\n", strerrorname_np(errno));
	else
		printf("setuid_mode %o %u\n", st.st_mode & 07777, st.st_uid);
}

int main(int argc, char **argv)
{
	struct utsname u;
	char cwd[4096];
	int fd;

	print_status();
	print_limit("core", RLIMIT_CORE);
	print_limit("nofile", RLIMIT_NOFILE);
	print_limit("sigpending", RLIMIT_SIGPENDING);
	print_limit("msgqueue", RLIMIT_MSGQUEUE);
	print_limit("as", RLIMIT_AS);
	print_descriptors();

	uname(&u);
	printf("host %s\n", u.nodename);
	printf("pid %d\nppid %d\nsession %d\n", getpid(), getppid(),
	       getsid(0) == getpid());
	printf("cwd %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : "?");
	printf("dumpable_init %d\n", access("/proc/1/fd/0", F_OK) == 0);

	fd = open("/dev/tty", O_RDWR);
	printf("tty %s\n", fd < 0 ? strerrorname_np(errno) : "open");
	if (argc > 1)
		print_setuid(argv[1]);
	printf("setuid0 %s\n", setuid(0) < 0 ? strerrorname_np(errno) : "done");
	return 0;
}
