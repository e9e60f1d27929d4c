/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Memory: seen and unseen by who looks at processes. Each hog stops a little above the limit:
 * enough to show that nothing held it, too little to hurt the host.
 */
#include "attack.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long limit(void)
{
	return given_number("memory", 64 * MIB);
}

static long goal(void)
{
	return 2 * limit() + limit() / 2;
}

/* Held for a while: a watchdog has to have its chance to look. */
static void judge_hog(long bytes, const char *what)
{
	long cap = limit();

	if (bytes > cap + cap / 2) {
		sleep_ms(300);
		won("%ld MiB of %s where %ld were allowed", bytes / MIB, what, cap / MIB);
	} else
		note("%ld KiB of %s, then %s", bytes / 1024, what,
		     strerrorname_np(errno));
}

static void touch(char *p, long bytes)
{
	for (long i = 0; i < bytes; i += 4096)
		p[i] = 1;
}

static char *anonymous(long bytes, int flags)
{
	char *p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags,
		       -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void hog(void)
{
	long n = 0;
	char *p;

	while (n < goal() && (p = anonymous(MIB, MAP_PRIVATE))) {
		touch(p, MIB);
		n += MIB;
	}
	judge_hog(n, "private memory");
}

/* Each of ten processes takes a part of its own: no single one has much. A part counts when its
 * process says that it has all of it, which may take a busy machine some time. */
static void hog_in_parts(int flags, const char *what)
{
	long part = limit() / 4;
	int done[2], n = 0;

	if (pipe(done) < 0)
		absent("no pipe: %s", strerrorname_np(errno));
	for (int i = 0; i < 10; i++) {
		if (fork() == 0) {
			char *p = anonymous(part, flags);

			if (p) {
				touch(p, part);
				dprintf(done[1], "x");
			}
			for (;;)
				pause();
		}
	}
	while (n < 10 &&
	       poll(&(struct pollfd){ .fd = done[0], .events = POLLIN }, 1, 5000) > 0)
		n += read(done[0], &(char){ 0 }, 1) == 1;
	judge_hog(part * n, what);
}

static void hog_children(void)
{
	hog_in_parts(MAP_PRIVATE, "children's memory");
}

static void hog_in_child(void)
{
	/* The parent waits and exits with 0: the death of the child must not be overlooked. */
	in_child(hog);
}

static void hog_shared(void)
{
	long n = goal();
	char *p = anonymous(n, MAP_SHARED);

	if (p)
		touch(p, n);
	judge_hog(p ? n : 0, "shared memory");
}

static void hog_shared_parts(void)
{
	hog_in_parts(MAP_SHARED, "shared parts");
}

static long write_to(int fd, long bytes)
{
	static char block[1 << 16];
	long n = 0, r;

	memset(block, 'x', sizeof(block));
	while (n < bytes && (r = write(fd, block, sizeof(block))) > 0)
		n += r;
	return n;
}

static void hog_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		note("%s %s", path, strerrorname_np(errno));
	else
		judge_hog(write_to(fd, goal()), path);
}

static void hog_tmp(void)
{
	hog_file("/tmp/hog");
}

static void hog_shm_file(void)
{
	hog_file("/dev/shm/hog");
}

static void hog_memfd(void)
{
	judge_hog(write_to(memfd_create("hog", 0), goal()), "a file in memory");
}

static void hog_memfds(void)
{
	long n = 0, part = 4 * MIB;

	while (n < goal()) {
		long got = write_to(memfd_create("hog", MFD_CLOEXEC), part);

		n += got;
		if (got < part)
			break;
	}
	judge_hog(n, "many files in memory");
}

static void hog_sysv(void)
{
	long n = 0;

	while (n < goal()) {
		int id = shmget(IPC_PRIVATE, 8 * MIB, IPC_CREAT | 0600);
		char *p = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

		if (p == (void *)-1)
			break;
		touch(p, 8 * MIB);
		/* Detached it stays, and no process maps it. */
		shmdt(p);
		n += 8 * MIB;
	}
	judge_hog(n, "System V memory");
}

static void hog_locked(void)
{
	long n = goal();
	char *p = anonymous(n, MAP_PRIVATE);

	mlockall(MCL_FUTURE);
	if (!p || mlock(p, (size_t)n) < 0)
		judge_hog(0, "locked memory");
	else
		judge_hog(n, "locked memory");
}

static void hog_populate(void)
{
	long n = goal();

	judge_hog(anonymous(n, MAP_PRIVATE | MAP_POPULATE) ? n : 0, "populated memory");
}

static void hog_huge_pages(void)
{
	char *p = anonymous(2 * MIB, MAP_PRIVATE | MAP_HUGETLB);

	if (p) {
		touch(p, 2 * MIB);
		won("a page of the host's pool");
	} else
		note("mmap %s", strerrorname_np(errno));
	tried("memfd", memfd_create("huge", MFD_HUGETLB));
	tried("shmget", shmget(IPC_PRIVATE, 2 * MIB, SHM_HUGETLB | IPC_CREAT | 0600));
	tried("1 GiB", memfd_create("huge", MFD_HUGETLB | 30U << 26));
}

static void hog_transparent(void)
{
	long n = goal();
	char *p = anonymous(n, MAP_PRIVATE);

	madvise(p, (size_t)n, MADV_HUGEPAGE);
	touch(p, n);
	judge_hog(n, "transparent huge pages");
}

static void hog_secret(void)
{
	long fd = syscall(SYS_memfd_secret, 0);
	long n = goal();
	char *p;

	if (fd < 0 || ftruncate((int)fd, n) < 0) {
		note("memfd_secret %s", strerrorname_np(errno));
		return;
	}
	p = mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
	if (p == MAP_FAILED) {
		note("map %s", strerrorname_np(errno));
		return;
	}
	touch(p, n);
	judge_hog(n, "secret memory");
}

static void hog_stack_at(int depth)
{
	volatile char frame[65536];

	for (size_t i = 0; i < sizeof(frame); i += 4096)
		frame[i] = 1;
	if (depth > 0)
		hog_stack_at(depth - 1);
	frame[0] = 2;
}

static void stack(void)
{
	hog_stack_at((int)(goal() / 65536));
	judge_hog(goal(), "stack");
}

/* The limit's other half: reserved and untouched costs nothing and has to work. */
static void reserve(void)
{
	char *p = mmap(NULL, 1UL << 40, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	note("1 TiB reserved: %s", p == MAP_FAILED ? strerrorname_np(errno) : "yes");
}

/* A name that looks like fields of /proc/PID/stat and status. */
static void hog_behind_a_name(void)
{
	prctl(PR_SET_NAME, "x) S 1 1 1 0\nRss");
	hog();
}

static void page_cache(void)
{
	static char block[1 << 16];
	long n = 0;

	/* Clean pages are dropped under pressure: this may be slow, and must not be killed. */
	for (int i = 0; i < 2; i++) {
		int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		ssize_t r;

		while ((r = read(fd, block, sizeof(block))) > 0)
			n += r;
		close(fd);
	}
	note("read %ld KiB", n / 1024);
}

static void adjust_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (write(fd, "-1000", 5) == 5)
		won("spared from the killer");
	else
		note("oom_score_adj %s", strerrorname_np(errno));
	hog();
}

/* --- the kernel's memory ------------------------------------------------------------------ */

static void most_descriptors(void)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

/*
 * One process may have few descriptors, so children help. Each does @f(bytes), says how much
 * it got and waits.
 */
static long spread(long (*f)(long bytes), long bytes, int children)
{
	int said[2];
	long sum = 0, got;

	if (pipe(said) < 0)
		return 0;
	for (int i = 0; i < children; i++) {
		if (fork() == 0) {
			most_descriptors();
			got = f(bytes / children);
			if (write(said[1], &got, sizeof(got)) < 0)
				_exit(1);
			for (;;)
				pause();
		}
	}
	for (int i = 0; i < children; i++) {
		struct pollfd p = { .fd = said[0], .events = POLLIN };

		if (poll(&p, 1, 4000) <= 0 ||
		    read(said[0], &got, sizeof(got)) != sizeof(got))
			break;
		sum += got;
	}
	return sum;
}

static long fill_pipes(long bytes)
{
	long n = 0;

	while (n < bytes) {
		int p[2];
		long r;

		if (pipe2(p, O_NONBLOCK) < 0)
			break;
		fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
		r = write_to(p[1], 1 << 20);
		n += r;
		if (r == 0)
			break;
	}
	return n;
}

static void hog_pipes(void)
{
	judge_hog(spread(fill_pipes, goal(), 8), "pipe buffers");
}

static long fill_sockets(long bytes)
{
	long n = 0;

	while (n < bytes) {
		int s[2], big = 1 << 20;

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) < 0)
			break;
		setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
		n += write_to(s[0], 1 << 20);
	}
	return n;
}

static void hog_sockets(void)
{
	judge_hog(spread(fill_sockets, goal(), 8), "socket buffers");
}

/* One page of data in each 2 MiB: the page tables are the memory. */
static void hog_page_tables(void)
{
	long most = goal() / 4096, n;
	char *p = mmap(NULL, (size_t)most << 21, PROT_READ,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	volatile char sum = 0;

	if (p == MAP_FAILED) {
		note("map %s", strerrorname_np(errno));
		return;
	}
	/* Read only: every page is the zero page. */
	for (n = 0; n < most; n++)
		sum = (char)(sum + p[n << 21]);
	judge_hog(n * 4096, "page tables");
}

static void hog_inotify(void)
{
	long n = 0, most = 200000;
	int fd = inotify_init1(0);
	char path[64];

	if (mkdir("/tmp/i", 0755) < 0)
		note("mkdir %s", strerrorname_np(errno));
	for (n = 0; n < most; n++) {
		snprintf(path, sizeof(path), "/tmp/i/%ld", n % 2000);
		if (n < 2000)
			close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		if (n && n % 2000 == 0)
			fd = inotify_init1(0);
		if (fd < 0 || inotify_add_watch(fd, path, IN_ALL_EVENTS) < 0)
			break;
	}
	if (n == most)
		won("%ld watches", n);
	else
		note("%ld watches, then %s", n, strerrorname_np(errno));
}

static void hog_epoll(void)
{
	long n = 0, most = 2000000;
	struct epoll_event e = { .events = EPOLLIN };
	int files[1024];

	most_descriptors();
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		files[i] = eventfd(0, 0);
	while (n < most) {
		int ep = epoll_create1(0);

		if (ep < 0)
			break;
		for (size_t i = 0; i < ARRAY_SIZE(files) && n < most; i++, n++)
			if (epoll_ctl(ep, EPOLL_CTL_ADD, files[i], &e) < 0)
				goto end;
	}
end:
	/* About 128 bytes each. */
	judge_hog(n * 128, "epoll entries");
}

static void hog_timers(void)
{
	long n = 0, most = 100000;
	struct sigevent e = { .sigev_notify = SIGEV_NONE };
	timer_t id;

	while (n < most && timer_create(CLOCK_MONOTONIC, &e, &id) == 0)
		n++;
	if (n == most)
		won("%ld timers", n);
	else
		note("%ld timers, then %s", n, strerrorname_np(errno));
}

static void hog_signals(void)
{
	long n = 0, most = 100000;
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &block, NULL);
	while (n < most && sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }) == 0)
		n++;
	if (n == most)
		won("%ld queued signals", n);
	else
		note("%ld signals, then %s", n, strerrorname_np(errno));
}

static void hog_mqueues(void)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = 8192 };
	char name[32];
	long n;

	for (n = 0; n < 256; n++) {
		snprintf(name, sizeof(name), "/attack%ld", n);
		if (mq_open(name, O_RDWR | O_CREAT, 0600, &attr) < 0)
			break;
	}
	if (n == 256)
		won("%ld message queues", n);
	else
		note("%ld queues, then %s", n, strerrorname_np(errno));
	while (n-- > 0) {
		snprintf(name, sizeof(name), "/attack%ld", n);
		mq_unlink(name);
	}
}

static void hog_messages(void)
{
	static struct {
		long type;
		char text[8000];
	} m = { .type = 1 };
	long n = 0;

	while (n < goal()) {
		int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

		if (id < 0)
			break;
		while (msgsnd(id, &m, sizeof(m.text), IPC_NOWAIT) == 0)
			n += (long)sizeof(m.text);
	}
	judge_hog(n, "System V messages");
}

static void hog_semaphores(void)
{
	long n = 0;

	while (n < goal() && semget(IPC_PRIVATE, 32000, IPC_CREAT | 0600) >= 0)
		n += 32000L * 64;
	judge_hog(n, "System V semaphores");
}

/* In a list for each file, which is searched from its beginning: few in each of many. */
static void hog_locks(void)
{
	long n = 0, most = goal() / 200;
	char path[64];

	most_descriptors();
	while (n < most) {
		int fd;

		snprintf(path, sizeof(path), "/tmp/lock%ld", n / 400);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			break;
		for (int i = 0; i < 400; i++, n++) {
			struct flock l = { .l_type = F_WRLCK,
					   .l_start = 2 * i,
					   .l_len = 1 };

			if (fcntl(fd, F_SETLK, &l) < 0)
				goto end;
		}
	}
end:
	judge_hog(n * 200, "file locks");
}

static void hog_terminals(void)
{
	long n = 0, most = 2000;

	most_descriptors();
	while (n < most && open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0)
		n++;
	if (n > 256)
		won("%ld pseudo terminals of the host's", n);
	else
		note("%ld terminals, then %s", n, strerrorname_np(errno));
}

/* Contexts for asynchronous input and output are one number for the whole host. */
static void hog_aio(void)
{
	unsigned long context;
	long events = 0, most = 65536;

	most_descriptors();
	while (events < 4 * most) {
		context = 0;
		if (syscall(SYS_io_setup, 1024, &context) < 0)
			break;
		events += 1024;
	}
	if (events >= most / 2)
		won("%ld events of the host's %ld", events, most);
	else
		note("%ld events, then %s", events, strerrorname_np(errno));
}

static void hog_descriptors(void)
{
	long n = 0, most = 200000;

	most_descriptors();
	while (n < most && dup(0) >= 0)
		n++;
	if (n == most)
		won("%ld descriptors", n);
	else
		note("%ld descriptors, then %s", n, strerrorname_np(errno));
}

/* Descriptors under way in a socket are held by no process. */
static void hog_flying_descriptors(void)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * 200)];
	} control;
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	long n = 0, most = 100000;

	most_descriptors();
	memset(&control, 0, sizeof(control));
	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * 200),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS };
	while (n < most) {
		int s[2];

		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s) < 0)
			break;
		while (sendmsg(s[0], &m, 0) > 0)
			n += 200;
		if (errno == ETOOMANYREFS)
			break;
		close(s[0]);
		if (n % 4000 == 0 && n > 4 * 4096 * 8)
			break;
	}
	if (n > 65536)
		won("%ld descriptors under way", n);
	else
		note("%ld descriptors, then %s", n, strerrorname_np(errno));
}

#define HOG  "needs:memory dangerous"
#define HARD "needs:memory dangerous hard"

const struct attack memory_attacks[] = {
	{ "M34a", "touch more memory than allowed", "oom", HOG, hog },
	{ "M34b", "many children with a part each", "oom", HOG, hog_children },
	{ "M34c", "locked memory", "oom|held", HOG, hog_locked },
	{ "M34d", "populated map", "oom", HOG, hog_populate },
	{ "M34e", "transparent huge pages", "oom", HOG, hog_transparent },
	{ "M34f", "behind a name that imitates the kernel's fields", "oom", HOG,
	  hog_behind_a_name },
	{ "M34g", "secret memory", "held|oom", HOG, hog_secret },
	{ "M35", "a child runs out of memory, its parent exits 0", "oom", HOG,
	  hog_in_child },
	{ "M36a", "files in /tmp, more than memory allows", "oom|oom+hit:memory",
	  HOG " scratch=512M", hog_tmp },
	{ "M36b", "files in /dev/shm, more than memory allows", "oom",
	  HOG " scratch=512M", hog_shm_file },
	{ "M36c", "one unmapped file in memory", "oom", HARD, hog_memfd },
	{ "M36d", "many unmapped files in memory", "oom", HARD, hog_memfds },
	{ "M36e", "detached System V shared memory", "oom", HARD, hog_sysv },
	{ "M36f", "one shared map", "oom", HOG, hog_shared },
	{ "M36g", "a shared map in each of many processes", "oom", HARD,
	  hog_shared_parts },
	{ "M36h", "huge pages of the host's pool", NULL, "dangerous", hog_huge_pages },
	{ "M36i", "page cache", NULL, NULL, page_cache },
	{ "M37a", "pipe buffers", "oom|held", HARD " pids=64", hog_pipes },
	{ "M37b", "socket buffers", "oom|held", HARD " pids=64", hog_sockets },
	{ "M37c", "page tables", "oom", HARD, hog_page_tables },
	{ "M37d", "inotify watches", "held|oom", HOG " scratch=64M", hog_inotify },
	{ "M37e", "epoll entries", "oom|held", HARD, hog_epoll },
	{ "M37f", "timers", NULL, HOG, hog_timers },
	{ "M37g", "queued signals", NULL, HOG, hog_signals },
	{ "M37h", "POSIX message queues", NULL, HOG, hog_mqueues },
	{ "M37i", "System V messages", "oom|held", HARD, hog_messages },
	{ "M37j", "System V semaphores", "oom|held", HARD, hog_semaphores },
	{ "M37k", "file locks", "oom|held", HARD " memory=16M open wall=30s", hog_locks },
	{ "M37l", "pseudo terminals, which the whole host shares", "held|oom", HOG,
	  hog_terminals },
	{ "M37m", "asynchronous contexts, which the whole host shares", "held|oom", HOG,
	  hog_aio },
	{ "M37n", "descriptors", NULL, HOG, hog_descriptors },
	{ "M37o", "descriptors under way in sockets", "held|oom", HOG,
	  hog_flying_descriptors },
	{ "M39", "spare itself from the killer, then touch memory", "oom", HOG,
	  adjust_score },
	{ "M40a", "endless recursion", "signal:11|oom", HOG, stack },
	{ "M40b", "reserve a terabyte without touching it", NULL, NULL, reserve },
	{ 0 },
};
