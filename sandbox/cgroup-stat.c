/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup.h"

#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "base/strv.h"
#include "cgroup-file.h"

#define KILL_ROUNDS 64

/*
 * Before cgroup.kill (Linux 5.14): freeze, so that nobody forks away, and kill one by one. A
 * frozen process dies of SIGKILL. What is not in our pid namespace is shown as 0, which as an
 * argument of kill() would be ourselves.
 */
static void kill_each(int fd)
{
	if (file_write(fd, "cgroup.freeze", "1") < 0 && errno == EROFS)
		return;
	for (int i = 0; i < KILL_ROUNDS; i++) {
		cleanup_buf struct buf b = BUF_INIT;
		const char *p = cgroup_read_text(fd, "cgroup.procs", &b);
		char *end;

		for (; *p; p = end + (*end == '\n')) {
			long pid = strtol(p, &end, 10);

			if (end == p)
				break;
			if (pid > 0)
				kill((pid_t)pid, SIGKILL);
		}
		if (cgroup_read_key(fd, "cgroup.events", "populated") == 0)
			break;
	}
	file_write(fd, "cgroup.freeze", "0");
}

void cgroup_kill(const struct cgroup *cg)
{
	if (cg->fd < 0)
		return;
	if (file_write(cg->fd, "cgroup.kill", "1") == -ENOENT)
		kill_each(cg->fd);
	/* Before Linux 6.18 the dying, too, get no more CPU time than the limit grants. */
	if (cg->has[CGROUP_CPU])
		file_write(cg->fd, "cpu.max", "max");
}

bool cgroup_is_empty(const struct cgroup *cg)
{
	return cg->fd < 0 || cgroup_read_key(cg->fd, "cgroup.events", "populated") == 0;
}

uint64_t cgroup_memory_now(const struct cgroup *cg)
{
	return cg->fd >= 0 ? cgroup_read_number(cg->fd, "memory.current") : 0;
}

uint64_t cgroup_cpu_us(const struct cgroup *cg)
{
	return cg->fd >= 0 ? cgroup_read_key(cg->fd, "cpu.stat", "usage_usec") : 0;
}

bool cgroup_has_peak(const struct cgroup *cg)
{
	return cg->fd >= 0 && cgroup_has_file(cg->fd, "memory.peak");
}

/* Where PSI is switched off (psi=0) the file is there and cannot be read. */
static bool read_pressure(int dir_fd, const char *name, uint64_t *ret)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *full = strstr(cgroup_read_text(dir_fd, name, &b), "full ");
	const char *total = full ? strstr(full, "total=") : NULL;

	if (total)
		*ret = strtoull(total + strlen("total="), NULL, 10);
	return total;
}

/* The most of any disk; a sum would count twice what a stacked disk hands on. */
static uint64_t most_io(const char *p, const char *key)
{
	uint64_t most = 0;

	while ((p = strstr(p, key))) {
		p += strlen(key);
		most = MAX(most, strtoull(p, NULL, 10));
	}
	return most;
}

static void read_memory(int dir_fd, struct cgroup_stats *ret)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *events = cgroup_read_text(dir_fd, "memory.events", &b);

	ret->memory_max = cgroup_key(events, "max");
	ret->oom = cgroup_key(events, "oom");
	ret->oom_kill = cgroup_key(events, "oom_kill");
	ret->oom_group_kill = cgroup_key(events, "oom_group_kill");
	ret->memory_peak = cgroup_read_number(dir_fd, "memory.peak");
}

static void read_cpu(int dir_fd, struct cgroup_stats *ret)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *stat = cgroup_read_text(dir_fd, "cpu.stat", &b);

	ret->cpu_us = cgroup_key(stat, "usage_usec");
	ret->throttled = cgroup_key(stat, "nr_throttled");
	ret->throttled_us = cgroup_key(stat, "throttled_usec");
}

static void read_io(int dir_fd, struct cgroup_stats *ret)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *stat = cgroup_read_text(dir_fd, "io.stat", &b);

	ret->io_read_bytes = most_io(stat, " rbytes=");
	ret->io_write_bytes = most_io(stat, " wbytes=");
}

void cgroup_read_stats(const struct cgroup *cg, struct cgroup_stats *ret)
{
	*ret = (struct cgroup_stats){ 0 };
	if (cg->fd < 0)
		return;
	read_memory(cg->fd, ret);
	read_cpu(cg->fd, ret);
	read_io(cg->fd, ret);
	ret->pids_max = cgroup_read_key(cg->fd, "pids.events", "max");
	ret->has_pressure =
		read_pressure(cg->fd, "memory.pressure", &ret->memory_pressure_us);
}
