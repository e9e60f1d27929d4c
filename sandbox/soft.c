/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who is in the box is read from the box's own /proc, reached through the root directory of the
 * command: there the kernel lists every process of that pid namespace, also one that changes
 * its parent, forks ahead of us or hides among strangers.
 *
 * Memory is the sum of what belongs to a process (anonymous memory, page tables, kernel stacks)
 * and of what belongs to none: the tmpfs of the box, and memory files, which are counted once
 * each, by inode. A memory file is found by a descriptor or by a mapping.
 *
 * CPU time of the dead is in their parent's account, unless nobody waits for them (SIGCHLD
 * ignored). So what each process had used is remembered: what disappears with it, without its
 * parent's account growing by as much, is kept here.
 */
#include "soft.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "proc.h"
#include "smaps.h"

#define MAX_FILE      (1 << 20)
#define GROWTH_PER_US 4295 /* 4 GiB a second, by each CPU */
#define GROWING_CPUS  8
#define KERNEL_STACK  (16 << 10)
#define MIN_WAIT_US   1000
#define MAX_WAIT_US   50000
#define DEEP_WAIT_US  250000
#define DEEP_TIME_US  100000
#define FD_TIME_US    50000

struct soft_process {
	uint64_t pid, start; /* start tells two apart that had the same pid */
	uint64_t self, kids; /* ticks */
};

struct soft_object {
	uint64_t inode, bytes;
	bool exact; /* bytes are all of it; else the sum of what is mapped */
};

/* What one look adds up. */
struct look {
	struct soft *s;
	bool deep;
	uint64_t deadline_us, fd_deadline_us;
	uint64_t anon, mapped_shared, other;
	uint64_t pids;
	int dir_fd; /* of the process at hand */
};

/* --- growing lists ------------------------------------------------------------------------ */

/* Room for one more of @size bytes each. A list that cannot grow keeps what it has. */
static bool room(void *list, size_t n, size_t *cap, size_t size)
{
	void **p = list;
	size_t more = *cap ? *cap * 2 : 64;
	void *bigger;

	if (n < *cap)
		return true;
	bigger = realloc(*p, more * size);
	if (!bigger)
		return false;
	*p = bigger;
	*cap = more;
	return true;
}

static void add_object(struct soft *s, uint64_t inode, uint64_t bytes, bool exact)
{
	if (!room(&s->objects, s->n_objects, &s->cap_objects, sizeof(*s->objects)))
		return;
	s->objects[s->n_objects++] =
		(struct soft_object){ .inode = inode, .bytes = bytes, .exact = exact };
}

static int by_inode(const void *a, const void *b)
{
	const struct soft_object *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* Each inode once: its whole size where somebody could tell it, else the sum of its shares. */
static uint64_t sum_objects(struct soft *s)
{
	uint64_t sum = 0;

	if (s->n_objects > 1)
		qsort(s->objects, s->n_objects, sizeof(*s->objects), by_inode);
	for (size_t i = 0, j; i < s->n_objects; i = j) {
		uint64_t whole = 0, shares = 0;

		for (j = i;
		     j < s->n_objects && s->objects[j].inode == s->objects[i].inode;
		     j++) {
			if (s->objects[j].exact)
				whole = MAX(whole, s->objects[j].bytes);
			else
				shares += s->objects[j].bytes;
		}
		sum += MAX(whole, shares);
	}
	return sum;
}

/* --- one process -------------------------------------------------------------------------- */

static void add_descriptors(struct look *l, int dir_fd, const char *path)
{
	cleanup_closedir DIR *d = NULL;
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	struct stat st;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return;
	}
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && fstatat(fd, e->d_name, &st, 0) == 0 &&
		    st.st_dev == l->s->shm_dev && S_ISREG(st.st_mode))
			add_object(l->s, st.st_ino, (uint64_t)st.st_blocks * 512, true);
}

/* Tables of descriptors that threads do not share (clone without CLONE_FILES). */
static void add_threads_descriptors(struct look *l)
{
	cleanup_closedir DIR *d = NULL;
	int fd = openat(l->dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[64 + sizeof(((struct dirent *)0)->d_name)];
	struct dirent *e;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return;
	}
	while ((e = readdir(d)) && now_us() < l->deadline_us) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/fd", e->d_name);
		add_descriptors(l, fd, path);
	}
}

static void on_mapping(void *user, uint64_t inode, const char *range, uint64_t pss)
{
	struct look *l = user;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "map_files/%s", range);
	if (l->s->root && fstatat(l->dir_fd, path, &st, 0) == 0)
		add_object(l->s, inode, (uint64_t)st.st_blocks * 512, true);
	else
		add_object(l->s, inode, pss, false);
}

/* @anon, @shared: of the short look, for what cannot be had */
static void look_closely(struct look *l, uint64_t anon, uint64_t shared, bool threads)
{
	bool maps = l->s->root || shared;

	if (now_us() > l->deadline_us || smaps_anon(l->dir_fd, &anon) < 0)
		maps = maps && now_us() <= l->deadline_us;
	l->anon += anon;
	if (threads)
		add_threads_descriptors(l);
	if (maps && smaps_shared(l->dir_fd, l->s->root ? "maps" : "smaps", l->s->shm_dev,
				 l->deadline_us, on_mapping, l) == 0)
		return;
	l->mapped_shared += shared;
}

/*
 * A box can hold a million descriptors. When time is up, the next look goes on with this
 * process.
 */
static bool has_turn(struct look *l, uint64_t pid)
{
	struct soft *s = l->s;

	if (pid < s->fd_from || l->fd_deadline_us == 0)
		return false;
	if (now_us() <= l->fd_deadline_us)
		return true;
	s->fd_from = pid;
	l->fd_deadline_us = 0;
	return false;
}

static void add_memory(struct look *l, const char *status, uint64_t pid, uint64_t threads)
{
	uint64_t anon = proc_read_status(status, "RssAnon") << 10;
	uint64_t shared = proc_read_status(status, "RssShmem") << 10;

	l->other += (proc_read_status(status, "VmPTE") << 10) + threads * KERNEL_STACK;
	if (has_turn(l, pid))
		add_descriptors(l, l->dir_fd, "fd");
	if (l->deep) {
		look_closely(l, anon, shared, threads > 1);
		return;
	}
	l->anon += anon;
	l->mapped_shared += shared;
}

static void add_ticks(struct soft *s, uint64_t pid, const char *stat)
{
	struct proc_ticks ticks;

	if (!proc_read_ticks(stat, &ticks) ||
	    !room(&s->now, s->n_now, &s->cap_now, sizeof(*s->now)))
		return;
	s->now[s->n_now++] = (struct soft_process){
		.pid = pid,
		.start = ticks.start,
		.self = ticks.self,
		.kids = ticks.kids,
	};
}

static void look_at(struct look *l, const char *name)
{
	cleanup_buf struct buf b = BUF_INIT;
	cleanup_close int fd = -EBADF;
	uint64_t pid, threads;

	if (parse_u64(name, &pid) < 0)
		return;
	fd = openat(dirfd(l->s->proc), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	l->dir_fd = fd;
	if (file_read(fd, "stat", 0, MAX_FILE, &b) == 0)
		add_ticks(l->s, pid, buf_str(&b));
	buf_clear(&b);
	if (file_read(fd, "status", 0, MAX_FILE, &b) < 0)
		return;
	threads = proc_read_status(buf_str(&b), "Threads");
	l->pids += pid == 1 ? 0 : threads;
	add_memory(l, buf_str(&b), pid, threads);
}

/* --- CPU time ----------------------------------------------------------------------------- */

/*
 * A child that was reaped while we walked shows as gone now and in its parent's account only at
 * the next look: what was kept one look ago can still be taken back.
 */
static void settle(struct soft *s, uint64_t gone, uint64_t inherited)
{
	if (gone >= inherited) {
		s->fresh_ticks = gone - inherited;
		s->lost_ticks += s->fresh_ticks;
		return;
	}
	s->lost_ticks -= MIN(s->fresh_ticks, inherited - gone);
	s->fresh_ticks = 0;
}

/*
 * Both lists are in the order of pids, as /proc is. What left with the dead, less what the
 * living ones' accounts of dead children grew by, belongs to nobody any more; that is never
 * too much, for those accounts also grew by what the dead used after the last look.
 */
static uint64_t sum_ticks(struct soft *s)
{
	uint64_t sum = 0, gone = 0, inherited = 0;
	size_t j = 0;

	for (size_t i = 0; i < s->n_now; i++) {
		const struct soft_process *p = &s->now[i];

		for (; j < s->n_before && s->before[j].pid < p->pid; j++)
			gone += s->before[j].self + s->before[j].kids;
		sum += p->self + p->kids;
		inherited += p->kids;
		if (j == s->n_before || s->before[j].pid != p->pid)
			continue;
		if (s->before[j].start == p->start)
			inherited -= MIN(inherited, s->before[j].kids);
		else
			gone += s->before[j].self + s->before[j].kids;
		j++;
	}
	for (; j < s->n_before; j++)
		gone += s->before[j].self + s->before[j].kids;
	settle(s, gone, inherited);
	return sum + s->lost_ticks;
}

static void swap_lists(struct soft *s)
{
	struct soft_process *list = s->before;
	size_t cap = s->cap_before;

	s->before = s->now;
	s->n_before = s->n_now;
	s->cap_before = s->cap_now;
	s->now = list;
	s->cap_now = cap;
	s->n_now = 0;
}

/* --- all of them -------------------------------------------------------------------------- */

static uint64_t space_used(int fd)
{
	struct statfs fs;

	return fd >= 0 && fstatfs(fd, &fs) == 0
		       ? (fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize
		       : 0;
}

/* One walk. Return: the memory in use, in a short look an upper bound of it */
static uint64_t walk(struct soft *s, bool deep, struct look *l)
{
	uint64_t now = now_us();
	struct dirent *e;

	*l = (struct look){ .s = s,
			    .deep = deep,
			    .deadline_us = now + DEEP_TIME_US,
			    .fd_deadline_us = now + FD_TIME_US };
	s->n_objects = 0;
	s->n_now = 0;
	rewinddir(s->proc);
	while ((e = readdir(s->proc)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			look_at(l, e->d_name);
	if (l->fd_deadline_us)
		s->fd_from = 0;
	s->effort.looks += !deep;
	s->effort.close_looks += deep;
	if (deep)
		s->next_deep_us = now_us() + MAX((now_us() - now) * 100, DEEP_WAIT_US);
	return l->anon + l->mapped_shared + l->other + sum_objects(s) +
	       (s->shm_bytes ? *s->shm_bytes : 0) + space_used(s->space->scratch) +
	       space_used(s->space->out);
}

void soft_sample(struct soft *s, uint64_t memory_limit, struct soft_usage *ret)
{
	uint64_t start = now_us(), bound, exact;
	struct look l;

	*ret = (struct soft_usage){ 0 };
	if (!s->proc)
		return;
	bound = walk(s, false, &l);
	exact = bound > s->shared_twice ? bound - s->shared_twice : 0;
	if (memory_limit && (bound > memory_limit || start >= s->next_deep_us)) {
		exact = walk(s, true, &l);
		/*
		 * Shares are read one process after the other: of a parent that forks
		 * meanwhile the whole, and then the parts of its children once more.
		 */
		if (exact > memory_limit)
			exact = MIN(exact, walk(s, true, &l));
		s->shared_twice = bound > exact ? bound - exact : 0;
	}
	ret->memory_bytes = exact;
	ret->pids = l.pids;
	ret->cpu_us = sum_ticks(s) * 1000000 / s->ticks_per_s;
	swap_lists(s);
	s->cost_us = now_us() - start;
	s->effort.spent_us += s->cost_us;
}

uint64_t soft_interval_us(uint64_t memory_bytes, uint64_t memory_limit, uint64_t cost_us,
			  unsigned cpus)
{
	uint64_t growth = GROWTH_PER_US * (uint64_t)MIN(cpus, GROWING_CPUS);
	uint64_t left = memory_bytes < memory_limit ? memory_limit - memory_bytes : 0;
	uint64_t idle = MAX(MAX_WAIT_US, 50 * cost_us);

	if (!memory_limit)
		return idle;
	return MAX(MIN(left / growth, idle), MAX(MIN_WAIT_US, cost_us));
}

/* --- begin and end ------------------------------------------------------------------------ */

/* A memory file of our own tells on which device all of them are. */
static int find_shm_dev(dev_t *ret)
{
	cleanup_close int fd = memfd_create("autoexp", MFD_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	*ret = st.st_dev;
	return 0;
}

/* The first child of process 1 is the command; its root directory is the box's. */
static DIR *open_proc(pid_t init)
{
	cleanup_buf struct buf b = BUF_INIT;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", init, init);
	if (file_read(AT_FDCWD, path, 0, MAX_FILE, &b) < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%ld/root/proc",
		 strtol(buf_str(&b), NULL, 10));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? NULL : fdopendir(fd);
}

int soft_open(struct soft *s, pid_t init, const struct mount_handles *space,
	      const volatile uint64_t *shm_bytes)
{
	int r;

	*s = (struct soft){ .space = space,
			    .shm_bytes = shm_bytes,
			    .root = geteuid() == 0,
			    .ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK) };
	r = find_shm_dev(&s->shm_dev);
	if (r < 0)
		return r;
	s->proc = open_proc(init);
	return s->proc || errno == ENOENT || errno == ESRCH ? 0 : -errno;
}

void soft_close(struct soft *s)
{
	if (s->proc)
		closedir(s->proc);
	free(s->now);
	free(s->before);
	free(s->objects);
	*s = (struct soft){ 0 };
}
