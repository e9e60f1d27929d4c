/* SPDX-License-Identifier: Apache-2.0 */

/* Processes: more than allowed, longer than allowed, and those of others. */
#include "attack.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/ioprio.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- more than allowed ------------------------------------------------------------------ */

static void judge_count(long n, const char *what)
{
	long cap = given_number("pids", 32);

	if (n > 2 * cap)
		won("%ld %s where %ld were allowed", n, what, cap);
	else
		note("%ld %s, then %s", n, what, strerrorname_np(errno));
}

static void bomb_count(void)
{
	long most = 4 * given_number("pids", 32), n = 0;
	pid_t pid;

	while (n < most && (pid = fork()) >= 0) {
		if (pid == 0)
			for (;;)
				pause();
		n++;
	}
	judge_count(n, "processes");
}

/* Every child is a session of its own and an orphan: no group and no parent to count by. */
static void bomb_orphans(void)
{
	long most = 4 * given_number("pids", 32), n = 0;
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		return;
	for (long i = 0; i < most; i++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			setsid();
			if (fork() == 0 && write(ready[1], "x", 1) == 1)
				for (;;)
					pause();
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	errno = EAGAIN;
	fcntl(ready[0], F_SETFL, O_NONBLOCK);
	sleep_ms(200);
	while (read(ready[0], &byte, 1) == 1)
		n++;
	judge_count(n, "orphans");
}

static void bomb_endless(void)
{
	for (int i = 0; i < 255; i++)
		signal(i, SIG_IGN);
	for (;;)
		if (fork() < 0)
			sched_yield();
}

static void *wait_here(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void thread_bomb(void)
{
	long most = 4 * given_number("pids", 32), n = 0;
	pthread_attr_t attr;
	pthread_t id;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	while (n < most && (errno = pthread_create(&id, &attr, wait_here, NULL)) == 0)
		n++;
	judge_count(n, "threads");
}

static void zombie_flood(void)
{
	long most = 4 * given_number("pids", 32), n = 0;
	pid_t pid;

	while (n < most && (pid = fork()) >= 0) {
		if (pid == 0)
			_exit(0);
		n++;
	}
	judge_count(n, "zombies");
}

static void vfork_holders(void)
{
	long most = 4 * given_number("pids", 32), n = 0;

	/* A child of vfork stops its parent: only a chain of them grows. */
	while (n < most) {
		pid_t pid = vfork();

		if (pid < 0)
			break;
		if (pid > 0)
			_exit(0);
		n++;
	}
	judge_count(n, "vforks");
}

/* --- longer than allowed ---------------------------------------------------------------- */

static void ignore_all(void)
{
	sigset_t all;

	for (int i = 1; i < 65; i++)
		signal(i, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

static void daemonise(void)
{
	if (fork() != 0)
		return;
	setsid();
	if (fork() != 0)
		_exit(0);
	ignore_all();
	prctl(PR_SET_PDEATHSIG, 0);
	if (chdir("/") < 0)
		_exit(1);
	close_range(0, ~0U, 0);
	for (;;)
		sleep_ms(1000);
}

static void leave_daemon(void)
{
	daemonise();
	sleep_ms(30);
	note("left a daemon");
}

/* With standard output open: who waits for its end waits for ever. */
static void hold_output(void)
{
	if (fork() == 0) {
		setsid();
		ignore_all();
		for (;;)
			sleep_ms(1000);
	}
	note("a daemon holds the output");
}

/* Never the same process for long: whoever lists and kills comes too late. */
static void comet(void)
{
	if (fork() == 0) {
		setsid();
		ignore_all();
		signal(SIGCHLD, SIG_IGN);
		for (;;)
			if (fork() > 0)
				_exit(0);
	}
	sleep_ms(20);
	note("a chain of forks goes on");
}

static void subreaper(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	daemonise();
	sleep_ms(20);
	if (fork() == 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		daemonise();
		for (;;)
			sleep_ms(1000);
	}
	note("adopted daemons");
}

static void stop_self(void)
{
	kill(getpid(), SIGSTOP);
	won("went on");
}

static void stop_tree(void)
{
	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			for (;;)
				pause();
	kill(-1, SIGSTOP);
	kill(0, SIGSTOP);
	won("went on");
}

static void ignore_and_wait(void)
{
	daemonise();
	ignore_all();
	for (;;)
		sleep_ms(1000);
}

static void spin_in_handler(void)
{
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	ignore_all();
	setrlimit(RLIMIT_CPU, &none);
	prctl(PR_SET_TIMERSLACK, 1);
	for (;;)
		getppid();
}

/* --- processes of others ---------------------------------------------------------------- */

/* Numbers of processes outside may be those of the box's own, if the host is young. */
static bool is_own(pid_t pid)
{
	return pid <= 1 || pid == getpid() || pid == getppid() || pid == getpgrp();
}

static void kill_victim(void)
{
	pid_t victim = (pid_t)given_number("victim", 0);
	siginfo_t info = { .si_code = SI_QUEUE };

	if (is_own(victim)) {
		note("%d is somebody else in here", victim);
		return;
	}
	tried("kill", kill(victim, SIGKILL));
	tried("stop", kill(victim, SIGSTOP));
	tried("tgkill", (long)syscall(SYS_tgkill, victim, victim, SIGKILL));
	tried("tkill", (long)syscall(SYS_tkill, victim, SIGKILL));
	tried("sigqueue", syscall(SYS_rt_sigqueueinfo, victim, SIGKILL, &info));
	tried("pidfd_open", syscall(SYS_pidfd_open, victim, 0));
	tried("group", kill(-victim, SIGKILL));
}

static void kill_all(void)
{
	int r = kill(-1, SIGKILL);

	note("kill -1 %s",
	     r < 0 ? strerrorname_np(errno) : "reached somebody of the box");
	r = kill(-1, SIGSTOP);
	note("stop -1 %s",
	     r < 0 ? strerrorname_np(errno) : "reached somebody of the box");
}

static void signal_parent(void)
{
	pid_t parent = getppid();

	for (int i = 1; i < 65; i++)
		if (i != SIGCHLD && i != SIGCONT) {
			kill(1, i);
			if (parent)
				kill(parent, i);
		}
	sleep_ms(50);
	if (kill(1, 0) < 0 && errno == ESRCH)
		won("process 1 is gone");
	note("process 1 has had every signal");
}

static void kill_runner(void)
{
	pid_t group = (pid_t)given_number("runner-group", 0);
	pid_t runner = (pid_t)given_number("runner", 0);

	if (!is_own(group))
		tried("the runner's group", kill(-group, SIGKILL));
	if (is_own(runner))
		return;
	tried("the runner", kill(runner, SIGKILL));
	tried("its session", getsid(runner));
}

static void search_pids(void)
{
	long found = 0;

	for (pid_t pid = 1; pid < 40000; pid++)
		if (kill(pid, 0) == 0 || errno == EPERM)
			found++;
	/* Itself, and one or two of the box's own. */
	if (found > 4)
		won("%ld processes can be named", found);
	else
		note("%ld processes", found);
}

static void trace(void)
{
	pid_t victim = (pid_t)given_number("victim", 0);

	tried("attach to 1", ptrace(PTRACE_ATTACH, 1, 0, 0));
	tried("seize 1", ptrace(PTRACE_SEIZE, 1, 0, 0));
	tried("attach to the parent", ptrace(PTRACE_ATTACH, getppid(), 0, 0));
	tried("attach to the victim", ptrace(PTRACE_ATTACH, victim, 0, 0));
}

static void foreign_memory(void)
{
	pid_t victim = (pid_t)given_number("victim", 0);
	char bytes[16] = "attack";
	struct iovec mine = { bytes, 8 }, theirs = { (void *)0x400000, 8 };

	tried("write 1", process_vm_writev(1, &mine, 1, &theirs, 1, 0));
	tried("read 1", process_vm_readv(1, &mine, 1, &theirs, 1, 0));
	tried("read the victim", process_vm_readv(victim, &mine, 1, &theirs, 1, 0));
	tried("/proc/1/mem", open("/proc/1/mem", O_RDWR | O_CLOEXEC));
	tried("/proc/1/maps", open("/proc/1/maps", O_RDONLY | O_CLOEXEC));
}

static void foreign_descriptors(void)
{
	long fd = syscall(SYS_pidfd_open, 1, 0);

	if (fd < 0)
		note("pidfd_open %s", strerrorname_np(errno));
	for (int i = 0; i < 16; i++) {
		long got = syscall(SYS_pidfd_getfd, fd, i, 0);

		if (got >= 0)
			won("took descriptor %d of process 1", i);
	}
	note("pidfd_getfd %s", strerrorname_np(errno));
	tried("/proc/1/fd", open("/proc/1/fd/0", O_RDWR | O_CLOEXEC));
	tried("kcmp", syscall(SYS_kcmp, getpid(), 1, KCMP_FILES, 0, 0));
}

static void foreign_madvise(void)
{
	long fd = syscall(SYS_pidfd_open, 1, 0);
	struct iovec all = { (void *)0x400000, 1 << 20 };
	unsigned long nodes = 1;

	tried("process_madvise", syscall(SYS_process_madvise, fd, &all, 1, 21, 0));
	tried("process_mrelease", syscall(SYS_process_mrelease, fd, 0));
	tried("move_pages", syscall(SYS_move_pages, 1, 0, NULL, NULL, NULL, 0));
	tried("migrate_pages", syscall(SYS_migrate_pages, 1, 8, &nodes, &nodes));
	tried("robust list", syscall(SYS_get_robust_list, 1, &all, &nodes));
}

/* --- priorities and limits ---------------------------------------------------------------- */

static void own_priority(void)
{
	struct sched_param fifo = { .sched_priority = 50 };
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} deadline = { 48, 6, 0, 0, 0, 10000000, 20000000, 20000000 };

	tried("nice -20", setpriority(PRIO_PROCESS, 0, -20));
	tried("FIFO", sched_setscheduler(0, SCHED_FIFO, &fifo));
	tried("RR", sched_setscheduler(0, SCHED_RR, &fifo));
	tried("DEADLINE", syscall(SYS_sched_setattr, 0, &deadline, 0));
	tried("ioprio real time", syscall(SYS_ioprio_set, 1, 0, 1 << 13));
	tried("rtprio limit", setrlimit(RLIMIT_RTPRIO, &(struct rlimit){ 50, 50 }));
	tried("nice limit", setrlimit(RLIMIT_NICE, &(struct rlimit){ 40, 40 }));
}

static void starve_init(void)
{
	struct rlimit none = { 0, 0 };
	struct sched_param idle = { 0 };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	tried("CPU limit", prlimit(1, RLIMIT_CPU, &none, NULL));
	tried("file limit", prlimit(1, RLIMIT_NOFILE, &none, NULL));
	tried("memory limit", prlimit(1, RLIMIT_AS, &none, NULL));
	tried("idle", sched_setscheduler(1, SCHED_IDLE, &idle));
	tried("batch", sched_setscheduler(1, SCHED_BATCH, &idle));
	tried("affinity", sched_setaffinity(1, sizeof(one), &one));
	tried("nice", setpriority(PRIO_PROCESS, 1, 19));
	tried("io idle", syscall(SYS_ioprio_set, 1, 1, 3 << 13));
}

static void starve_user(void)
{
	errno = 0;
	tried("nice of the user", setpriority(PRIO_USER, 0, 19));
	tried("nice of the user's id", setpriority(PRIO_USER, getuid(), 19));
	tried("high bits", syscall(SYS_setpriority, (1L << 32) | PRIO_USER, 0, 19));
	tried("nice of group 1", setpriority(PRIO_PGRP, 1, 19));
	tried("io of the user",
	      syscall(SYS_ioprio_set, IOPRIO_WHO_USER, getuid(), 3 << 13));
	tried("io high bits",
	      syscall(SYS_ioprio_set, (1L << 32) | IOPRIO_WHO_USER, 0, 3 << 13));
}

static void more_cpus(void)
{
	cpu_set_t before, all, after;
	int was;

	sched_getaffinity(0, sizeof(before), &before);
	was = CPU_COUNT(&before);
	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
	sched_getaffinity(0, sizeof(after), &after);
	if (was < sysconf(_SC_NPROCESSORS_CONF) && CPU_COUNT(&after) > was)
		won("%d CPUs instead of %d", CPU_COUNT(&after), was);
	else
		note("%d of %d CPUs", was, CPU_COUNT(&after));
}

static void raise_limits(void)
{
	static const int limits[] = { RLIMIT_NOFILE,   RLIMIT_NPROC, RLIMIT_SIGPENDING,
				      RLIMIT_MSGQUEUE, RLIMIT_CORE,  RLIMIT_MEMLOCK };
	struct rlimit now, more = { RLIM_INFINITY, RLIM_INFINITY };
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		getrlimit(limits[i], &now);
		if (now.rlim_max == RLIM_INFINITY)
			continue;
		snprintf(name, sizeof(name), "limit %d", limits[i]);
		tried(name, setrlimit(limits[i], &more));
	}
}

/* --- more rights -------------------------------------------------------------------------- */

static unsigned long status_word(const char *name)
{
	char line[256];
	unsigned long found = ~0UL;
	FILE *f = fopen("/proc/self/status", "re");
	size_t n = strlen(name);

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, n) && line[n] == ':')
			found = strtoul(line + n + 1, NULL, 16);
	if (f)
		fclose(f);
	return found;
}

static void capabilities(void)
{
	struct {
		uint32_t version;
		int pid;
	} header = { 0x20080522, 0 };
	struct {
		uint32_t effective, permitted, inheritable;
	} all[2] = { { ~0U, ~0U, ~0U }, { ~0U, ~0U, ~0U } };

	if (status_word("CapEff") || status_word("CapPrm"))
		won("capabilities %lx", status_word("CapEff"));
	tried("capset", syscall(SYS_capset, &header, all));
	tried("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
	tried("drop no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	if (status_word("CapEff"))
		won("capabilities afterwards %lx", status_word("CapEff"));
}

static void identities(void)
{
	gid_t groups[2] = { 0, 6 };
	uid_t was = getuid();

	tried("setgroups", syscall(SYS_setgroups, 2, groups));
	tried("setgid 0", setgid(0) < 0 ? -1 : was ? 0 : -1);
	if (was && setuid(0) == 0)
		won("became root");
	if (setresuid(1, 1, 1) == 0)
		won("became user 1");
	setfsuid(0);
	if (was && setfsuid(0) == 0)
		won("files as root");
	note("still %u", getuid());
}

static void set_id_programs(void)
{
	static const char *const programs[] = {
		"/usr/bin/su",          "/usr/bin/passwd", "/usr/bin/mount",
		"/usr/bin/newgrp",      "/usr/bin/chsh",   "/usr/bin/sudo",
		"/usr/bin/fusermount3", "/usr/bin/gpasswd"
	};
	char path[64], line[256];
	int tested = 0;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		note("no_new_privs is not set");
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		int in[2];
		pid_t pid;
		unsigned euid = getuid();
		FILE *f;

		if (access(programs[i], X_OK) < 0 || pipe(in) < 0)
			continue;
		tested++;
		pid = fork();
		if (pid == 0) {
			/* It waits for input that does not come. */
			dup2(in[0], 0);
			close(in[1]);
			execl(programs[i], programs[i], (char *)NULL);
			_exit(127);
		}
		sleep_ms(20);
		snprintf(path, sizeof(path), "/proc/%d/status", pid);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			sscanf(line, "Uid: %*u %u", &euid);
		if (f)
			fclose(f);
		if (euid != getuid())
			won("%s runs as %u", programs[i], euid);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(in[0]);
		close(in[1]);
	}
	note("tried %d", tested);
}

static void copy_to(int to)
{
	char block[65536];
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while ((n = read(from, block, sizeof(block))) > 0)
		if (write(to, block, (size_t)n) != n)
			break;
	close(from);
}

/* A program from memory is allowed; it must not be any freer than the one before. */
static void memory_program(void)
{
	int fd = memfd_create("attack", 0);
	char *const argv[] = { (char *)"attack", (char *)"P30c", NULL };
	pid_t pid;
	int status;

	if (fd < 0) {
		note("memfd_create %s", strerrorname_np(errno));
		return;
	}
	copy_to(fd);
	pid = fork();
	if (pid == 0) {
		/* Its line is the one that counts: standard error goes nowhere else. */
		dup2(open("/tmp/line", O_RDWR | O_CREAT | O_CLOEXEC, 0600), 2);
		fexecve(fd, argv, environ);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	if (file_contains("/tmp/line", "escaped"))
		won("a program in memory has capabilities");
	else
		note("status %x", status);
}

static void own_set_id_program(void)
{
	int fd = open("/tmp/copy", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	copy_to(fd);
	if (fchmod(fd, 06755) < 0)
		note("chmod %s", strerrorname_np(errno));
	tried("owner root", fchown(fd, 0, 0) < 0 || getuid() == 0 ? -1 : 0);
	close(fd);
	tried("file capability",
	      syscall(SYS_setxattr, "/tmp/copy", "security.capability",
		      "\1\0\0\2\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\0\0\0\0", 20, 0));
}

/* --- the end of one's own ----------------------------------------------------------------- */

static void exit_137(void)
{
	_exit(137);
}

static void exit_139(void)
{
	_exit(139);
}

static void exit_124(void)
{
	_exit(124);
}

static void exit_125(void)
{
	_exit(125);
}

static void kill_self(void)
{
	raise(SIGKILL);
}

static void kill_child(void)
{
	in_child(kill_self);
	note("a child killed itself");
}

static void system_signal(void)
{
	raise(SIGSYS);
}

static void segfault(void)
{
	volatile uintptr_t nowhere = 8;

	*(volatile int *)nowhere = 1;
}

static void core_limit(void)
{
	struct rlimit core, more = { RLIM_INFINITY, RLIM_INFINITY };

	getrlimit(RLIMIT_CORE, &core);
	if (core.rlim_cur != 1 || core.rlim_max != 1)
		won("the core limit is %ld, %ld: a helper would run", (long)core.rlim_cur,
		    (long)core.rlim_max);
	tried("raise", setrlimit(RLIMIT_CORE, &more));
	tried("lower", setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
	tried("by prlimit", prlimit(0, RLIMIT_CORE, &(struct rlimit){ 0, 0 }, NULL));
	tried("high bits", syscall(SYS_setrlimit, (1L << 32) | RLIMIT_CORE, &more));
}

static void core_dump(void)
{
	prctl(PR_SET_DUMPABLE, 1);
	if (chdir("/tmp") < 0)
		return;
	in_child(segfault);
	if (access("/tmp/core", F_OK) == 0)
		note("a core file in /tmp");
	note("crashed");
}

const struct attack process_attacks[] = {
	{ "P22a", "fork bomb", "held+hit:pids|held+soft", "needs:pids dangerous",
	  bomb_count },
	{ "P22b", "fork bomb of orphans in sessions of their own", NULL,
	  "needs:pids dangerous", bomb_orphans },
	{ "P22c", "fork bomb that never stops", "timeout|pids-limit",
	  "needs:wall,pids dangerous wall=1s", bomb_endless },
	{ "P23a", "daemon that closed everything outlives its parent", NULL, "needs:tree",
	  leave_daemon },
	{ "P23b", "daemon that keeps the output open", NULL, "needs:tree", hold_output },
	{ "P23c", "chain of forks, never the same process for long", NULL,
	  "needs:tree dangerous", comet },
	{ "P23d", "daemons adopted by subreapers", NULL, "needs:tree", subreaper },
	{ "P24a", "stop itself", "timeout", "needs:wall wall=1s", stop_self },
	{ "P24b", "stop the whole tree", "timeout", "needs:wall wall=1s dangerous",
	  stop_tree },
	{ "P25a", "ignore and block every signal", "timeout", "needs:wall wall=1s",
	  ignore_and_wait },
	{ "P25b", "spin with every signal blocked", "timeout", "needs:wall wall=1s",
	  spin_in_handler },
	{ "P26a", "kill a process of the host", NULL, "dangerous", kill_victim },
	{ "P26b", "kill -1", NULL, "dangerous", kill_all },
	{ "P26c", "send every signal to process 1", NULL, "dangerous", signal_parent },
	{ "P26d", "kill the runner and its group", NULL, "dangerous", kill_runner },
	{ "P26e", "count the processes that can be named", NULL, NULL, search_pids },
	{ "P27a", "ptrace process 1, the parent, a process outside", NULL, "dangerous",
	  trace },
	{ "P27b", "read and write foreign memory", NULL, "dangerous", foreign_memory },
	{ "P27c", "take descriptors of process 1", NULL, NULL, foreign_descriptors },
	{ "P27d", "process_madvise, mrelease, move_pages on process 1", NULL, NULL,
	  foreign_madvise },
	{ "P28a", "real-time and higher priorities", NULL, "dangerous", own_priority },
	{ "P28b", "more CPUs than the affinity allows", NULL, "cpus=1", more_cpus },
	{ "P28c", "raise the own limits", NULL, NULL, raise_limits },
	{ "PID1a", "limits, priority and affinity of process 1", NULL, "dangerous",
	  starve_init },
	{ "PID1b", "priority of all processes of the user", NULL, "dangerous",
	  starve_user },
	{ "P29a", "threads beyond the limit", NULL, "needs:pids dangerous", thread_bomb },
	{ "P29b", "zombies beyond the limit", NULL, "needs:pids dangerous",
	  zombie_flood },
	{ "P29c", "vfork children that never execute", NULL, "needs:pids dangerous",
	  vfork_holders },
	{ "P30a", "run set-user-ID programs of the system", NULL, NULL, set_id_programs },
	{ "P30b", "make a set-user-ID program, give it capabilities", NULL, NULL,
	  own_set_id_program },
	{ "P30c", "raise capabilities", NULL, NULL, capabilities },
	{ "P30d", "become another user or group", NULL, NULL, identities },
	{ "P30e", "run a program from memory", NULL, NULL, memory_program },
	{ "P31a", "exit 137 to look like out of memory", "exit:137", "needs:verdict",
	  exit_137 },
	{ "P31b", "exit 139 to look like a crash", "exit:139", "needs:verdict",
	  exit_139 },
	{ "P31c", "exit 124 to look like a time-out", "exit:124", "needs:verdict",
	  exit_124 },
	{ "P31d", "exit 125 to look like a broken box", "exit:125", "needs:verdict",
	  exit_125 },
	{ "P32a", "SIGKILL by itself is not out of memory", "signal:9", "needs:verdict",
	  kill_self },
	{ "P32b", "SIGKILL of a child is the parent's business", NULL, "needs:verdict",
	  kill_child },
	{ "P32c", "SIGSYS by itself", "violation|signal:31", "needs:verdict",
	  system_signal },
	{ "P32d", "crash", "signal:11", "needs:verdict", segfault },
	{ "COREa", "a core limit with which the host's helper runs", NULL, NULL,
	  core_limit },
	{ "COREb", "crash on a host with a core dump helper", NULL, "core-helper",
	  core_dump },
	{ 0 },
};
