/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Faults on demand: a library to be preloaded (LD_PRELOAD) that stands between a program and
 * the C library, counts calls by class, and makes the n-th call of one class go wrong.
 *
 *	FAULT=CLASS:N:KIND   which call, and what happens there; without it calls are counted only
 *	FAULT_LOG=FILE       a line is added for each call, and one more for the fault itself
 *	FAULT_PROGRAM=NAME   the program meant, by the name of its file; autoexp-loop by default
 *	FAULT_SYNC=no        fsync is counted, and not done: what is killed here is programs, not
 *	                     kernels, and a test does not have to wait for a disk
 *
 *	class     calls                                               a fault stands for
 *	write     write, pwrite, writev, fflush, fclose               a full or broken disk
 *	sync      fsync, fdatasync                                    a broken disk
 *	rename    rename, renameat, renameat2
 *	create    open that creates, mkdir, link, symlink             a full disk
 *	open      whatever makes a descriptor                         too many of them
 *	unlink    unlink, rmdir
 *	truncate  ftruncate
 *	read      read, pread                                         a broken disk
 *	fork      fork
 *	alloc     malloc, calloc, realloc                             no memory
 *	change    write, sync, rename, create, unlink, truncate and fork together: between two
 *	          calls of it, nothing changes that could outlive the process
 *
 *	kind           at the n-th call
 *	ENOSPC (...)   it fails with this errno, once
 *	ENOSPC+        it fails, and so does every later one; a full disk fails all that needs room
 *	short          a write writes half of its bytes; the next one fails with ENOSPC
 *	before         SIGKILL instead of it
 *	after          SIGKILL behind it
 *	torn           SIGKILL when half of the bytes are written
 *
 * Processes that the program forks are counted with it, by counters that they share, and die
 * with it; what it starts by exec is another program. What happens inside the C library is not
 * seen: fprintf() counts when it is flushed.
 *
 * Only for glibc: its allocator has names of its own (__libc_malloc), which dlsym(), an
 * allocating function itself, could not look up in time.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	WRITE = 1 << 0,
	SYNC = 1 << 1,
	RENAME = 1 << 2,
	CREATE = 1 << 3,
	OPEN = 1 << 4,
	UNLINK = 1 << 5,
	TRUNCATE = 1 << 6,
	READ = 1 << 7,
	FORK = 1 << 8,
	ALLOC = 1 << 9,
	CHANGE = 1 << 10,
	NEEDS_ROOM = WRITE | SYNC | RENAME | CREATE | TRUNCATE,
};

static const char *const class_names[] = { "write", "sync",   "rename",   "create",
					   "open",  "unlink", "truncate", "read",
					   "fork",  "alloc",  "change" };
#define STACK_DEPTH 12
#define N_CLASSES   (sizeof(class_names) / sizeof(*class_names))

static const struct {
	const char *name;
	int value;
} errnos[] = {
	{ "EAGAIN", EAGAIN }, { "EDQUOT", EDQUOT }, { "EIO", EIO },
	{ "EMFILE", EMFILE }, { "ENFILE", ENFILE }, { "ENOMEM", ENOMEM },
	{ "ENOSPC", ENOSPC }, { "EROFS", EROFS },
};

enum kind { FAIL, SHORT, BEFORE, AFTER, TORN };

/* What a wrapper shall do. */
enum order { GO, REFUSE, HALF, HALF_AND_DIE, GO_AND_DIE };

static struct {
	bool on;
	bool no_sync;
	unsigned class;
	unsigned long at;
	enum kind kind;
	bool stays;
	int error;
	pid_t main; /* the program itself, not what it forked */
	int log_fd;
	unsigned long *counts; /* shared with what is forked */
	uintptr_t bases[64];   /* where the libraries lie this time */
	size_t n_bases;
} f = { .log_fd = -1 };

static __thread bool inside; /* our own calls are none of the program's */

__attribute__((__format__(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char line[600];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	syscall(SYS_write, f.log_fd, line,
		n < (int)sizeof(line) ? n : (int)sizeof(line) - 1);
}

static void die(void)
{
	kill(f.main, SIGKILL);
	kill(getpid(), SIGKILL);
}

static int note_base(struct dl_phdr_info *info, size_t size, void *user)
{
	(void)size;
	(void)user;
	if (f.n_bases < sizeof(f.bases) / sizeof(*f.bases))
		f.bases[f.n_bases++] = info->dlpi_addr;
	return 0;
}

static uintptr_t offset_of(uintptr_t address)
{
	uintptr_t base = 0;

	for (size_t i = 0; i < f.n_bases; i++)
		if (f.bases[i] <= address && f.bases[i] > base)
			base = f.bases[i];
	return address - base;
}

/* Two calls from the same place, by the same way, have the same number, in every process. */
static uint64_t hash_stack(void)
{
	void *frames[STACK_DEPTH];
	int n = backtrace(frames, STACK_DEPTH);
	uint64_t h = 0xcbf29ce484222325ULL;

	for (int i = 0; i < n; i++)
		h = (h ^ offset_of((uintptr_t)frames[i])) * 0x100000001b3ULL;
	return h;
}

static void log_call(unsigned classes, const unsigned long *n, const char *call, int fd,
		     const char *path)
{
	char link[40], file[300] = "";
	ssize_t len;

	if (fd >= 0 && !path) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, file, sizeof(file) - 1);
		file[len < 0 ? 0 : len] = '\0';
	}
	for (unsigned i = 0; i < N_CLASSES; i++)
		if (classes & 1 << i)
			say("%s:%lu\t%016llx\t%s\t%s\n", class_names[i], n[i],
			    (unsigned long long)hash_stack(), call, path ? path : file);
}

static void log_fault(const char *call)
{
	void *frames[32];
	int n;

	if (f.log_fd < 0)
		return;
	say("FAULT in %s\n", call);
	n = backtrace(frames, 32);
	backtrace_symbols_fd(frames, n, f.log_fd);
}

/* A pipe has room also when no disk has. */
static bool needs_disk(int fd)
{
	struct stat st;

	return fd < 0 || fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
}

static bool hits(unsigned classes, const unsigned long *n, int fd)
{
	const unsigned at = (unsigned)__builtin_ctz(f.class);

	if (f.stays && f.error == ENOSPC && !needs_disk(fd))
		return false;
	if ((classes & f.class) && n[at] == f.at)
		return true;
	if (!f.stays && !(f.kind == SHORT && n[at] == f.at + 1))
		return false;
	if (f.error == ENOSPC && f.stays && (classes & NEEDS_ROOM))
		return f.counts[at] >= f.at;
	return (classes & f.class) && n[at] > f.at;
}

/* Count one call, and decide. @fd or @path tell in the log what it was about. */
static enum order strike(unsigned classes, const char *call, int fd, const char *path)
{
	unsigned long n[N_CLASSES] = { 0 };
	const int saved = errno;
	enum order order = GO;

	if (!f.on || inside)
		return GO;
	inside = true;
	if (classes & (NEEDS_ROOM | UNLINK | FORK))
		classes |= CHANGE;
	for (unsigned i = 0; i < N_CLASSES; i++)
		if (classes & 1 << i)
			n[i] = __atomic_add_fetch(&f.counts[i], 1, __ATOMIC_SEQ_CST);
	if (f.log_fd >= 0 && !f.at)
		log_call(classes, n, call, fd, path);
	errno = saved;
	if (f.at && hits(classes, n, fd)) {
		log_fault(call);
		if (f.kind == BEFORE)
			die();
		order = f.kind == AFTER                   ? GO_AND_DIE
			: f.kind == TORN                  ? HALF_AND_DIE
			: f.kind == SHORT && n[0] == f.at ? HALF
							  : REFUSE;
		errno = f.error;
	}
	inside = false;
	return order;
}

static void *next(const char *name)
{
	void *p;

	inside = true;
	p = dlsym(RTLD_NEXT, name);
	inside = false;
	return p;
}

/* A call of @classes that returns @bad when it fails. */
#define WRAP(type, name, params, args, classes, fd, path, bad)    \
	type name params                                          \
	{                                                         \
		static type(*real) params;                        \
		enum order order;                                 \
		type r;                                           \
                                                                  \
		if (!real)                                        \
			real = (type(*) params)next(#name);       \
		order = strike(classes, #name, fd, path);         \
		if (order == REFUSE)                              \
			return bad;                               \
		r = real args;                                    \
		if (order == GO_AND_DIE || order == HALF_AND_DIE) \
			die();                                    \
		return r;                                         \
	}

/* The same for what writes @n bytes. */
#define WRAP_WRITE(name, params, args, half)                                        \
	ssize_t name params                                                         \
	{                                                                           \
		static ssize_t(*real) params;                                       \
		enum order order;                                                   \
		ssize_t r;                                                          \
                                                                                    \
		if (!real)                                                          \
			real = (ssize_t(*) params)next(#name);                      \
		order = strike(WRITE, #name, fd, NULL);                             \
		if (order == REFUSE)                                                \
			return -1;                                                  \
		r = order == HALF || order == HALF_AND_DIE ? real half : real args; \
		if (order == GO_AND_DIE || order == HALF_AND_DIE)                   \
			die();                                                      \
		return r;                                                           \
	}

#define HALF_OF(n) ((n) > 1 ? (n) / 2 : (n))

WRAP_WRITE(write, (int fd, const void *p, size_t n), (fd, p, n), (fd, p, HALF_OF(n)))
WRAP_WRITE(pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at),
	   (fd, p, HALF_OF(n), at))
WRAP_WRITE(pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at),
	   (fd, p, HALF_OF(n), at))
WRAP_WRITE(writev, (int fd, const struct iovec *v, int n), (fd, v, n),
	   (fd, v, HALF_OF(n)))
WRAP(int, fflush, (FILE * s), (s), WRITE, s ? fileno(s) : -1, NULL, EOF)

/* A stream is gone also when closing it fails. */
int fclose(FILE *s)
{
	static int (*real)(FILE * s);
	enum order order;
	int r;

	if (!real)
		real = (int (*)(FILE *))next("fclose");
	order = strike(WRITE, "fclose", fileno(s), NULL);
	r = real(s);
	if (order == GO_AND_DIE || order == HALF_AND_DIE)
		die();
	return order == REFUSE ? (errno = f.error, EOF) : r;
}

#define WRAP_SYNC(name)                                           \
	int name(int fd)                                          \
	{                                                         \
		static int (*real)(int fd);                       \
		enum order order;                                 \
		int r;                                            \
                                                                  \
		if (!real)                                        \
			real = (int (*)(int))next(#name);         \
		order = strike(SYNC, #name, fd, NULL);            \
		if (order == REFUSE)                              \
			return -1;                                \
		r = f.no_sync ? 0 : real(fd);                     \
		if (order == GO_AND_DIE || order == HALF_AND_DIE) \
			die();                                    \
		return r;                                         \
	}

WRAP_SYNC(fsync)
WRAP_SYNC(fdatasync)
WRAP(int, rename, (const char *a, const char *b), (a, b), RENAME, -1, b, -1)
WRAP(int, renameat, (int d, const char *a, int e, const char *b), (d, a, e, b), RENAME,
     -1, b, -1)
WRAP(int, renameat2, (int d, const char *a, int e, const char *b, unsigned flags),
     (d, a, e, b, flags), RENAME, -1, b, -1)
WRAP(int, mkdir, (const char *path, mode_t m), (path, m), CREATE, -1, path, -1)
WRAP(int, mkdirat, (int d, const char *path, mode_t m), (d, path, m), CREATE, -1, path,
     -1)
WRAP(int, link, (const char *a, const char *b), (a, b), CREATE, -1, b, -1)
WRAP(int, linkat, (int d, const char *a, int e, const char *b, int flags),
     (d, a, e, b, flags), CREATE, -1, b, -1)
WRAP(int, symlink, (const char *a, const char *b), (a, b), CREATE, -1, b, -1)
WRAP(int, symlinkat, (const char *a, int d, const char *b), (a, d, b), CREATE, -1, b, -1)
WRAP(int, unlink, (const char *path), (path), UNLINK, -1, path, -1)
WRAP(int, unlinkat, (int d, const char *path, int flags), (d, path, flags), UNLINK, -1,
     path, -1)
WRAP(int, rmdir, (const char *path), (path), UNLINK, -1, path, -1)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), TRUNCATE, fd, NULL, -1)
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n), TRUNCATE, fd, NULL, -1)
WRAP(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), READ, fd, NULL, -1)
WRAP(ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at), READ, fd,
     NULL, -1)
WRAP(ssize_t, pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at), READ, fd,
     NULL, -1)

/* Who was started is told, so that somebody can see whether it ended. */
pid_t fork(void)
{
	static pid_t (*real)(void);
	enum order order;
	pid_t pid;

	if (!real)
		real = (pid_t(*)(void))next("fork");
	order = strike(FORK, "fork", -1, "");
	if (order == REFUSE)
		return -1;
	pid = real();
	if (pid > 0 && f.log_fd >= 0)
		say("FORKED %d\n", (int)pid);
	if (pid != 0 && order == GO_AND_DIE)
		die();
	return pid;
}

/* What makes a descriptor, and, with the right flags, a file. */
#define OPENS(flags) ((flags)&O_CREAT ? OPEN | CREATE : OPEN)

#define WRAP_OPEN(name, params, args, path)                           \
	int name params                                               \
	{                                                             \
		static int (*real)();                                 \
		enum order order;                                     \
		mode_t mode = 0;                                      \
		va_list ap;                                           \
		int r;                                                \
                                                                      \
		if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
			va_start(ap, flags);                          \
			mode = va_arg(ap, mode_t);                    \
			va_end(ap);                                   \
		}                                                     \
		if (!real)                                            \
			real = (int (*)())next(#name);                \
		order = strike(OPENS(flags), #name, -1, path);        \
		if (order == REFUSE)                                  \
			return -1;                                    \
		r = real args;                                        \
		if (order == GO_AND_DIE || order == HALF_AND_DIE)     \
			die();                                        \
		return r;                                             \
	}

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode), path)
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), path)
WRAP_OPEN(openat, (int d, const char *path, int flags, ...), (d, path, flags, mode), path)
WRAP_OPEN(openat64, (int d, const char *path, int flags, ...), (d, path, flags, mode),
	  path)

#define FOPENS(mode) (*(mode) == 'r' ? OPEN : OPEN | CREATE)

WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), FOPENS(mode), -1,
     path, NULL)
WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), FOPENS(mode),
     -1, path, NULL)
WRAP(DIR *, opendir, (const char *path), (path), OPEN, -1, path, NULL)
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), OPEN, -1, name,
     -1)
WRAP(int, pipe2, (int p[2], int flags), (p, flags), OPEN, -1, "", -1)
WRAP(int, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags), OPEN, -1,
     "", -1)

/* Memory. */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

#define WRAP_ALLOC(name, params, args)                      \
	void *name params                                   \
	{                                                   \
		if (strike(ALLOC, #name, -1, "") == REFUSE) \
			return NULL;                        \
		return __libc_##name args;                  \
	}

WRAP_ALLOC(malloc, (size_t n), (n))
WRAP_ALLOC(calloc, (size_t n, size_t size), (n, size))
WRAP_ALLOC(realloc, (void *p, size_t n), (p, n))

/* Start. */

static void wrong(const char *what)
{
	dprintf(2, "fault: %s\n", what);
	_exit(99);
}

static unsigned find_class(const char *name, size_t n)
{
	for (unsigned i = 0; i < N_CLASSES; i++)
		if (strlen(class_names[i]) == n && !strncmp(class_names[i], name, n))
			return 1u << i;
	wrong("FAULT names no class");
	return 0;
}

static void read_kind(const char *s)
{
	static const char *const kinds[] = {
		[SHORT] = "short", [BEFORE] = "before", [AFTER] = "after", [TORN] = "torn"
	};

	f.error = ENOSPC;
	for (int i = SHORT; i <= TORN; i++) {
		if (!strcmp(s, kinds[i])) {
			f.kind = (enum kind)i;
			return;
		}
	}
	for (size_t i = 0; i < sizeof(errnos) / sizeof(*errnos); i++) {
		const size_t n = strlen(errnos[i].name);

		if (strncmp(s, errnos[i].name, n) || (s[n] && strcmp(s + n, "+")))
			continue;
		f.error = errnos[i].value;
		f.stays = s[n];
		return;
	}
	wrong("FAULT names no kind");
}

static void read_fault(const char *s)
{
	const size_t n = strcspn(s, ":");
	char *end;

	f.class = find_class(s, n);
	if (!s[n])
		wrong("FAULT is CLASS:N:KIND");
	f.at = strtoul(s + n + 1, &end, 10);
	if (!f.at || *end != ':')
		wrong("FAULT is CLASS:N:KIND");
	read_kind(end + 1);
	if ((f.kind == SHORT || f.kind == TORN) && f.class != WRITE)
		wrong("short and torn are for writes");
}

static bool is_meant(void)
{
	const char *name = getenv("FAULT_PROGRAM"), *base;
	char path[4096];
	ssize_t n;

	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	base = strrchr(path, '/');
	return base && !strcmp(base + 1, name ? name : "autoexp-loop");
}

__attribute__((constructor)) static void start(void)
{
	const char *fault = getenv("FAULT"), *log = getenv("FAULT_LOG");
	const char *sync = getenv("FAULT_SYNC");
	void *frame[1];
	int fd;

	if (!is_meant())
		return;
	f.no_sync = sync && !strcmp(sync, "no");
	f.class = WRITE;
	if (fault)
		read_fault(fault);
	f.counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (f.counts == MAP_FAILED)
		wrong("no memory for the counters");
	if (log) {
		/* Out of the way of a program that closes or replaces low descriptors. */
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		f.log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 500);
		if (f.log_fd < 0)
			wrong("cannot open FAULT_LOG");
		close(fd);
	}
	/* The first one loads a library. */
	backtrace(frame, 1);
	dl_iterate_phdr(note_base, NULL);
	f.main = getpid();
	f.on = true;
}
