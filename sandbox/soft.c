/* SPDX-License-Identifier: Apache-2.0 */
#include "soft.h"

#include <fcntl.h>
#include <sys/statfs.h>

#include "base/file.h"

#define MAX_PIDS      65536
#define MAX_FILE      (1 << 20)
#define GROWTH_PER_US 4295 /* 4 GiB a second */

struct walk {
	struct soft_usage usage;
	uint64_t largest_shared;
	pid_t *queue; /* breadth first; every process has one parent, so none comes twice */
	size_t n, cap;
	uint64_t ticks_per_s;
};

static void push(struct walk *w, pid_t pid)
{
	size_t cap = w->cap ? w->cap * 2 : 256;
	pid_t *p;

	if (w->n == MAX_PIDS)
		return;
	if (w->n == w->cap) {
		p = realloc(w->queue, cap * sizeof(*p));
		if (!p)
			return;
		w->queue = p;
		w->cap = cap;
	}
	w->queue[w->n++] = pid;
}

/* The newline belongs to @key: a command may call itself "RssAnon: 0", and Name comes first. */
static uint64_t status_kib(const char *status, const char *key)
{
	const char *p = strstr(status, key);

	return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

/* Of /proc/pid/stat behind the command's name: utime, stime, cutime, cstime. */
static uint64_t stat_ticks(const char *stat)
{
	unsigned long utime = 0, stime = 0;
	long cutime = 0, cstime = 0;
	const char *p = strrchr(stat, ')');

	if (!p ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
		   &utime, &stime, &cutime, &cstime) != 4)
		return 0;
	return utime + stime + (uint64_t)(cutime + cstime);
}

static void add_children(struct walk *w, int dir_fd)
{
	cleanup_closedir DIR *tasks = NULL;
	int fd = openat(dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;

	tasks = fd < 0 ? NULL : fdopendir(fd);
	if (!tasks) {
		fd_close(fd);
		return;
	}
	while ((e = readdir(tasks))) {
		cleanup_buf struct buf b = BUF_INIT;
		char path[64 + sizeof(e->d_name)];
		char *end;

		if (e->d_name[0] == '.')
			continue;
		w->usage.pids++;
		snprintf(path, sizeof(path), "%s/children", e->d_name);
		if (file_read(fd, path, 0, MAX_FILE, &b) < 0)
			continue;
		for (const char *p = buf_str(&b); *p; p = end + (*end == ' ')) {
			long pid = strtol(p, &end, 10);

			if (end == p)
				break;
			push(w, (pid_t)pid);
		}
	}
}

static void look_at(struct walk *w, pid_t pid)
{
	cleanup_buf struct buf b = BUF_INIT;
	cleanup_close int fd = -EBADF;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	add_children(w, fd);
	if (file_read(fd, "stat", 0, MAX_FILE, &b) == 0)
		w->usage.cpu_us += stat_ticks(buf_str(&b)) * 1000000 / w->ticks_per_s;
	buf_clear(&b);
	if (file_read(fd, "status", 0, MAX_FILE, &b) == 0) {
		w->usage.memory_bytes += status_kib(buf_str(&b), "\nRssAnon:") << 10;
		w->largest_shared = MAX(w->largest_shared,
					status_kib(buf_str(&b), "\nRssShmem:") << 10);
	}
}

void soft_sample(pid_t init, int scratch_fd, struct soft_usage *ret)
{
	struct walk w = { .ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK) };
	struct statfs fs;

	push(&w, init);
	for (size_t i = 0; i < w.n; i++)
		look_at(&w, w.queue[i]);
	free(w.queue);
	w.usage.pids -= MIN(w.usage.pids, 1);
	w.usage.memory_bytes += w.largest_shared;
	if (scratch_fd >= 0 && fstatfs(scratch_fd, &fs) == 0)
		w.usage.memory_bytes += (fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
	*ret = w.usage;
}

uint64_t soft_interval_us(uint64_t memory_bytes, uint64_t memory_limit)
{
	uint64_t room = memory_bytes < memory_limit ? memory_limit - memory_bytes : 0;

	return MIN(MAX(room / GROWTH_PER_US, 2000), 50000);
}
