/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One fresh cgroup v2 leaf per run, made below a subtree that is ours to manage.
 *
 *	cgroup.c        where, and the leaf itself
 *	cgroup-limit.c  limits on the leaf
 *	cgroup-stat.c   what the kernel counted, and the end of everything in it
 *	cgroup-why.c    why something cannot be had here, and the remedy
 */

#include "sandbox.h"

enum cgroup_controller {
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_CPU,
	CGROUP_CPUSET,
	CGROUP_IO,
	_CGROUP_CONTROLLER_MAX
};

extern const char *const cgroup_controller_names[_CGROUP_CONTROLLER_MAX];

struct cgroup {
	int parent_fd; /* directory above the leaf */
	int fd;        /* the leaf, for CLONE_INTO_CGROUP; -EBADF when there is none */
	char name[32];
	bool has[_CGROUP_CONTROLLER_MAX];    /* enabled in the leaf */
	int refused[_CGROUP_CONTROLLER_MAX]; /* errno with which enabling failed, or 0 */
	char why_not[400]; /* why there is no leaf, or what it cannot do for a limit */
};

#define CGROUP_INIT                               \
	{                                         \
		.parent_fd = -EBADF, .fd = -EBADF \
	}

/* The kernel's own words about a run, read when the leaf is empty. */
struct cgroup_stats {
	uint64_t memory_peak; /* bytes; 0 = not known */
	uint64_t memory_max;  /* times the limit was reached */
	uint64_t
		oom; /* times the group itself ran out, so not its ancestors or the host */
	uint64_t oom_kill, oom_group_kill;
	uint64_t pids_max; /* times a fork was refused */
	uint64_t cpu_us, throttled, throttled_us;
	bool has_pressure;           /* PSI may be off, or not in this kernel */
	uint64_t memory_pressure_us; /* all tasks stalled on memory */
	uint64_t io_read_bytes, io_write_bytes; /* of the disk with most of them */
};

/**
 * cgroup_open() - find a subtree of ours and make a leaf in it
 * @explicit_path:  a cgroup directory the user named, or NULL to look: our own group where
 *                  it is delegated or ours alone; a scope from systemd, into which this
 *                  process then moves; as root without systemd a top-level group
 * @ret:            always filled; without a leaf fd is -EBADF and why_not says why
 *
 * Processes in the way (the no-internal-process rule) are moved to "supervisor" only where
 * they are our own ancestors.
 *
 * Source: kernel Documentation/admin-guide/cgroup-v2.rst, "Delegation"
 * Return: 0, also without a leaf; -EINVAL and others where @explicit_path cannot be used
 */
int cgroup_open(const char *explicit_path, struct cgroup *ret, struct sbx_err *err);

/**
 * cgroup_prepare() - bring this process to where it or its children can make leaves
 *
 * As cgroup_open() without a leaf, for a program that starts several boxes one after the other
 * and wants to have them in one place with itself. Where it cannot, cgroup_open() says why.
 */
void cgroup_prepare(void);

/**
 * cgroup_limit() - set one limit on the leaf
 * @limit:  memory, pids, cpus, io_read or io_write
 * @value:  base units of enum sbx_limit
 *
 * Memory also sets swap to 0 and lets the kernel kill the whole tree on out-of-memory. The
 * two rates hold for each disk of the host by itself.
 *
 * Source: kernel Documentation/admin-guide/cgroup-v2.rst, "Controllers"
 * Return: 1 when it holds; 0 when this leaf cannot, see cgroup_why_not(); negative errno
 */
int cgroup_limit(struct cgroup *cg, enum sbx_limit limit, uint64_t value,
		 struct sbx_err *err);

/**
 * cgroup_limit_cpuset() - confine the leaf to some CPUs
 * @list:  as in sbx_policy.cpuset
 *
 * The kernel takes CPUs that are not there and then uses others; here that is an error.
 *
 * Return: as cgroup_limit()
 */
int cgroup_limit_cpuset(struct cgroup *cg, const char *list, struct sbx_err *err);

/* The controller behind a limit that cgroup_limit() sets. */
enum cgroup_controller cgroup_controller_of(enum sbx_limit limit);

/**
 * cgroup_why_not() - why a limit does not hold here, and the remedy
 * @need:  the controller behind it
 *
 * Only who is refused asks: to find the group that does not hand a controller down takes a
 * look at each of them.
 *
 * Return: text that belongs to @cg
 */
const char *cgroup_why_not(struct cgroup *cg, enum cgroup_controller need);

/* Kill everything in the leaf; harmless when it is empty or there is none. */
void cgroup_kill(const struct cgroup *cg);

/* Is the leaf empty of processes? True where there is none. */
bool cgroup_is_empty(const struct cgroup *cg);

/* Memory and CPU in use at the moment; 0 where not known. */
uint64_t cgroup_memory_now(const struct cgroup *cg);
uint64_t cgroup_cpu_us(const struct cgroup *cg);

/* Does the kernel itself remember the peak (memory.peak, Linux 5.19)? */
bool cgroup_has_peak(const struct cgroup *cg);

void cgroup_read_stats(const struct cgroup *cg, struct cgroup_stats *ret);

/* Remove the empty leaf and close. Return: 0; negative errno when the leaf stayed */
int cgroup_close(struct cgroup *cg);
