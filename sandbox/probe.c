/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <errno.h>
#include <unistd.h>
#include <sys/syscall.h>

#include <linux/close_range.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#include "base/macro.h"
#include "cgroup-file.h"

/* A call with nonsense: whatever the answer is, a kernel without it says ENOSYS. */
static bool knows(long answer)
{
	return answer >= 0 || errno != ENOSYS;
}

static bool has_clone3(int leaf_fd attr_unused)
{
	return knows(syscall(SYS_clone3, NULL, 0));
}

static bool has_mount_setattr(int leaf_fd attr_unused)
{
	return knows(syscall(SYS_mount_setattr, -1, "", 0, NULL, 0));
}

/* The range holds nothing that could be marked. */
static bool has_cloexec_range(int leaf_fd attr_unused)
{
	return syscall(SYS_close_range, ~0U, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool has_landlock(int leaf_fd attr_unused)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION) >= 2;
}

static bool has_notify(int leaf_fd attr_unused)
{
	unsigned action = SECCOMP_RET_USER_NOTIF;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static bool has_kill(int leaf_fd)
{
	return cgroup_has_file(leaf_fd, "cgroup.kill");
}

static bool has_peak(int leaf_fd)
{
	return cgroup_has_file(leaf_fd, "memory.peak");
}

static bool has_swap(int leaf_fd)
{
	return cgroup_has_file(leaf_fd, "memory.swap.max");
}

static bool has_pressure(int leaf_fd)
{
	return cgroup_has_file(leaf_fd, "memory.pressure");
}

static bool has_io(int leaf_fd)
{
	return cgroup_has_file(leaf_fd, "io.max");
}

const struct probe probe_table[] = {
	{ "clone3", "5.7 with a cgroup", NULL, has_clone3 },
	{ "mount_setattr", "5.12", "mounts are restricted one by one",
	  has_mount_setattr },
	{ "close_range", "5.11 with marks", "descriptors are closed at once",
	  has_cloexec_range },
	{ "landlock 2", "5.19", "the mounts are the only wall", has_landlock },
	{ "seccomp notify", "5.0", "denied calls are refused, not counted", has_notify },
	{ "cgroup.kill", "5.14", "the group is frozen and killed one by one", has_kill },
	{ "memory.peak", "5.19", "the peak is sampled, and the record says so",
	  has_peak },
	{ "memory.swap.max", "4.5", "a memory limit holds while the host has no swap",
	  has_swap },
	{ "memory.pressure", "4.20", "the record has null", has_pressure },
	{ "io.max", "4.5", "no limit on disks", has_io },
};
const size_t probe_count = ARRAY_SIZE(probe_table);

bool probe_has(size_t index, int leaf_fd)
{
	return probe_table[index].has(leaf_fd);
}
