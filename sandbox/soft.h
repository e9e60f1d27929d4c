/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The watchdog that stands in where cgroup v2 cannot hold a limit: it looks at the box from
 * outside, from time to time, and whoever asked for it has accepted that a quick program can
 * be over the limit between two looks.
 *
 * How far over: tests/bench/overshoot prints it for the machine it runs on. On a virtual machine
 * with 2 busy CPUs (Linux 6.18), where fresh memory came at 100 MiB a second, the worst of 8 rounds
 * was 0.8 MiB over a limit of 64 or 256 MiB and 6 MiB (0.6 %) over 1 GiB, with 1 and 4 threads.
 * In general it is what the box can touch in one wait (1 ms, or as long as the last look took)
 * and until the kill arrives. Far from the limit looking took 1 to 2 % of one CPU for up to 100
 * processes, and 4 % for 500.
 *
 * What it cannot see, and so does not count: memory files that are in flight between two
 * processes (SCM_RIGHTS) and open nowhere, the buffers of pipes and sockets, page cache, and,
 * unless we are root, what is left of shared memory that nobody maps any more and no descriptor
 * leads to.
 */

#include <dirent.h>
#include <sys/types.h>

#include "mount.h"

struct soft_usage {
	uint64_t memory_bytes; /* anonymous, shared, tmpfs, page tables, kernel stacks */
	uint64_t cpu_us;       /* of the living and of those that are gone */
	uint64_t pids;         /* processes and threads, without process 1 */
};

/* What watching took, for the record. */
struct soft_effort {
	uint64_t looks, close_looks;
	uint64_t spent_us;
};

struct soft_process;
struct soft_object;

struct soft {
	const struct mount_handles *space;
	const volatile uint64_t *shm_bytes; /* System V memory, by process 1 */
	DIR *proc;     /* the box's own /proc: whoever is in it is in the box */
	dev_t shm_dev; /* where the kernel keeps memfds and shared anonymous memory */
	bool root;     /* may follow /proc/PID/map_files */
	uint64_t ticks_per_s;
	struct soft_process *now, *before; /* by pid */
	size_t n_now, n_before, cap_now, cap_before;
	struct soft_object *objects; /* memory files seen in this look */
	size_t n_objects, cap_objects;
	uint64_t lost_ticks;   /* of processes that nobody waited for ... */
	uint64_t fresh_ticks;  /* ... as much of it as the last look added */
	uint64_t fd_from;      /* the process whose descriptors are next */
	uint64_t shared_twice; /* by how much the last short look said too much */
	uint64_t next_deep_us; /* when to look closely again in any case */
	uint64_t cost_us;      /* of the last look */
	struct soft_effort effort;
};

/**
 * soft_open() - begin to watch a box
 * @init:       its process 1, in our pid namespace; the command is its child already
 * @space:      its tmpfs, whose pages belong to no process; borrowed
 * @shm_bytes:  what process 1 says about System V memory, which only it can see; borrowed
 *
 * Return: 0, also where the box has ended meanwhile; -ENOMEM; other negative errno
 */
int soft_open(struct soft *s, pid_t init, const struct mount_handles *space,
	      const volatile uint64_t *shm_bytes);
void soft_close(struct soft *s);

/**
 * soft_sample() - add up what the box uses now
 * @memory_limit:  a sum above it is worked out exactly; 0 = no such limit
 *
 * A short look reads one file of each process and the sizes of the memory files it holds; its
 * sum is never too small for what can be seen, but memory that processes share is in it once
 * for each. A close look, at a sum above the limit and now and then in any case, takes the
 * kernel's own division of shared pages (PSS). It is given 100 ms: what is not worked out by
 * then counts in full.
 *
 * Source: proc(5), "/proc/pid/status", "/proc/pid/smaps", "/proc/pid/map_files"
 */
void soft_sample(struct soft *s, uint64_t memory_limit, struct soft_usage *ret);

/**
 * soft_interval_us() - when to look again
 * @memory_bytes:  in use at the last look
 * @memory_limit:  the limit; 0 = none
 * @cost_us:       what the last look took
 * @cpus:          of the host, >= 1
 *
 * The closer to the limit the sooner: at least 1 ms, assuming that memory is touched at no more
 * than 4 GiB a second by each of at most 8 CPUs. Never sooner than the last look took, so that
 * looking takes half a CPU at the most; far from the limit never sooner than 50 times that.
 */
uint64_t soft_interval_us(uint64_t memory_bytes, uint64_t memory_limit, uint64_t cost_us,
			  unsigned cpus);
