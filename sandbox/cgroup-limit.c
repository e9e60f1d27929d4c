/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One function for each kind of limit, behind one table that says which controller it needs.
 * Whatever a kernel may lack is looked for and never assumed: a file that is not there means
 * that the limit does not hold, unless its absence itself makes the limit superfluous.
 */
#include "cgroup.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/file.h"
#include "base/strv.h"
#include "cgroup-file.h"
#include "cgroup-why.h"
#include "cpuset.h"
#include "limit.h"

#define CPU_PERIOD_US 100000

static int set_number(struct cgroup *cg, const char *file, uint64_t value,
		      struct sbx_err *err)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%" PRIu64, value);
	r = file_write(cg->fd, file, text);
	if (r < 0)
		return sbx_err_errno(err, r, "cgroup", "cannot write %s to %s", text,
				     file);
	return 1;
}

/*
 * A kernel without swap accounting (not built in, or swapaccount=0) lets the box swap without
 * end, so a memory limit holds there only while the host has no swap.
 */
static int set_swap(struct cgroup *cg, struct sbx_err *err)
{
	cleanup_buf struct buf b = BUF_INIT;

	if (cgroup_has_file(cg->fd, "memory.swap.max"))
		return set_number(cg, "memory.swap.max", 0, err);
	if (cgroup_no_swap(cgroup_read_text(AT_FDCWD, "/proc/swaps", &b)))
		return 1;
	snprintf(cg->why_not, sizeof(cg->why_not),
		 "this kernel does not account swap (memory.swap.max is missing) and the "
		 "host has swap, into which a box could grow; boot with swapaccount=1 or "
		 "switch swap off (swapoff -a)");
	return 0;
}

static int set_memory(struct cgroup *cg, enum sbx_limit limit attr_unused, uint64_t bytes,
		      struct sbx_err *err)
{
	int r;

	r = set_number(cg, "memory.max", bytes, err);
	if (r > 0)
		r = set_number(cg, "memory.oom.group", 1, err);
	if (r > 0)
		r = set_swap(cg, err);
	return r;
}

static int set_pids(struct cgroup *cg, enum sbx_limit limit attr_unused, uint64_t count,
		    struct sbx_err *err)
{
	return set_number(cg, "pids.max", count + 1, err); /* our own process 1 */
}

static int set_cpus(struct cgroup *cg, enum sbx_limit limit attr_unused, uint64_t milli,
		    struct sbx_err *err)
{
	char text[64];
	int r;

	if (!cgroup_has_file(cg->fd, "cpu.max")) {
		snprintf(cg->why_not, sizeof(cg->why_not),
			 "this kernel cannot limit CPU bandwidth (cpu.max is missing: "
			 "built without CONFIG_CFS_BANDWIDTH)");
		return 0;
	}
	snprintf(text, sizeof(text), "%" PRIu64 " %d", milli * CPU_PERIOD_US / 1000,
		 CPU_PERIOD_US);
	r = file_write(cg->fd, "cpu.max", text);
	if (r < 0)
		return sbx_err_errno(err, r, "cgroup", "cannot write '%s' to cpu.max",
				     text);
	return 1;
}

/*
 * One disk of /sys/block. Partitions and what is stacked on a disk are limited by it; a disk
 * without a medium, or one that is a path of another, has no device to name.
 */
static int limit_disk(struct cgroup *cg, int block_fd, const char *disk, const char *rate,
		      struct sbx_err *err)
{
	cleanup_buf struct buf b = BUF_INIT;
	char path[300], line[96];
	const char *dev;
	int r;

	snprintf(path, sizeof(path), "%s/size", disk);
	if (cgroup_read_number(block_fd, path) == 0)
		return 0;
	snprintf(path, sizeof(path), "%s/dev", disk);
	dev = cgroup_read_text(block_fd, path, &b);
	if (!*dev)
		return 0;
	snprintf(line, sizeof(line), "%.*s %s", (int)strcspn(dev, "\n"), dev, rate);
	r = file_write(cg->fd, "io.max", line);
	if (r < 0 && r != -ENODEV)
		return sbx_err_errno(err, r, "cgroup", "cannot write '%s' to io.max",
				     line);
	return 0;
}

/*
 * The rate holds on every disk of the host: what lies behind a file system of several layers
 * is nobody's guess then, and a limit on a disk that the box never touches costs nothing.
 */
static int set_io(struct cgroup *cg, enum sbx_limit limit, uint64_t bytes_per_s,
		  struct sbx_err *err)
{
	cleanup_closedir DIR *disks = opendir("/sys/block");
	struct dirent *e;
	char rate[40];
	int r = 0;

	if (!cgroup_has_file(cg->fd, "io.max") || !disks) {
		snprintf(
			cg->why_not, sizeof(cg->why_not),
			disks ? "this kernel cannot limit disk bandwidth (io.max is "
				"missing: built without CONFIG_BLK_DEV_THROTTLING)"
			      : "/sys/block, which names the disks, cannot be read here; "
				"inside a container mount sysfs");
		return 0;
	}
	snprintf(rate, sizeof(rate), "%s=%" PRIu64,
		 limit == SBX_LIMIT_IO_READ ? "rbps" : "wbps", bytes_per_s);
	while (r == 0 && (e = readdir(disks)))
		if (e->d_name[0] != '.')
			r = limit_disk(cg, dirfd(disks), e->d_name, rate, err);
	return r < 0 ? r : 1;
}

static const struct {
	enum cgroup_controller need;
	int (*set)(struct cgroup *cg, enum sbx_limit limit, uint64_t value,
		   struct sbx_err *err);
} limits[_SBX_LIMIT_MAX] = {
	[SBX_LIMIT_MEMORY] = { CGROUP_MEMORY, set_memory },
	[SBX_LIMIT_PIDS] = { CGROUP_PIDS, set_pids },
	[SBX_LIMIT_CPUS] = { CGROUP_CPU, set_cpus },
	[SBX_LIMIT_IO_READ] = { CGROUP_IO, set_io },
	[SBX_LIMIT_IO_WRITE] = { CGROUP_IO, set_io },
};

static bool has(const struct cgroup *cg, enum cgroup_controller need)
{
	return cg->fd >= 0 && cg->has[need];
}

enum cgroup_controller cgroup_controller_of(enum sbx_limit limit)
{
	return limits[limit].need;
}

const char *cgroup_why_not(struct cgroup *cg, enum cgroup_controller need)
{
	if (cg->fd >= 0 && !cg->has[need])
		cgroup_why_controller(cg->parent_fd, cgroup_controller_names[need],
				      cg->refused[need], cg->why_not,
				      sizeof(cg->why_not));
	return cg->why_not;
}

int cgroup_limit(struct cgroup *cg, enum sbx_limit limit, uint64_t value,
		 struct sbx_err *err)
{
	if (!has(cg, limits[limit].need))
		return 0;
	return limits[limit].set(cg, limit, value, err);
}

int cgroup_limit_cpuset(struct cgroup *cg, const char *list, struct sbx_err *err)
{
	cleanup_buf struct buf b = BUF_INIT;
	char got[SBX_CPUSET_SIZE];
	const char *text;
	int r;

	if (!has(cg, CGROUP_CPUSET))
		return 0;
	r = file_write(cg->fd, "cpuset.cpus", list);
	/* A number beyond the kernel's own, or a CPU beyond the group above on old kernels. */
	if (r < 0 && r != -ERANGE && r != -EINVAL && r != -EACCES)
		return sbx_err_errno(err, r, "cgroup", "cannot write '%s' to cpuset.cpus",
				     list);
	text = cgroup_read_text(cg->fd, "cpuset.cpus.effective", &b);
	snprintf(got, sizeof(got), "%.*s", (int)strcspn(text, "\n"), text);
	if (cpuset_same(list, got))
		return 1;
	buf_clear(&b);
	text = cgroup_read_text(cg->parent_fd, "cpuset.cpus.effective", &b);
	return sbx_err_set(err, -EINVAL, "limit",
			   "cpuset: not all of the CPUs %s are ours to use here; these "
			   "are: %.*s",
			   list, (int)strcspn(text, "\n"), text);
}
