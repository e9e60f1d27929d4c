/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * libsandbox: run one untrusted command in a box and say with evidence how it ended.
 *
 *	policy (what any run may do)  +  job (this run)  ->  box  ->  result
 *
 * The library knows nothing of git, models or metrics. It starts no threads, keeps no
 * global state, prints nothing and never exits.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum sbx_limit {
	/*
	 * µs from exec of the command, CLOCK_MONOTONIC: the time that a suspended machine sleeps
	 * does not count, for the command has not had it either.
	 */
	SBX_LIMIT_WALL,
	SBX_LIMIT_CPU_TIME, /* µs, user + system of the whole tree */
	SBX_LIMIT_CPUS,     /* thousandths of a CPU */
	SBX_LIMIT_IO_READ,  /* bytes a second, from each disk */
	SBX_LIMIT_IO_WRITE, /* bytes a second, to each disk */
	SBX_LIMIT_MEMORY, /* bytes, whole tree, tmpfs and kernel memory included; swap is 0 */
	SBX_LIMIT_PIDS,    /* processes and threads */
	SBX_LIMIT_SCRATCH, /* bytes in /tmp, /dev/shm, $HOME, scratch paths and target */
	SBX_LIMIT_INODES,  /* files, directories and links there; 0 = by the bytes */
	SBX_LIMIT_OUT,     /* bytes in $AUTOEXP_OUT */
	SBX_LIMIT_FILE_SIZE, /* bytes of any single file */
	SBX_LIMIT_OUTPUT,    /* bytes of stdout and stderr that are kept */
	_SBX_LIMIT_MAX
};

/* Room for a list of CPUs in its shortest form. */
#define SBX_CPUSET_SIZE 256

/* Which layer holds a limit; the names are part of the record. */
enum sbx_layer {
	SBX_LAYER_NONE,
	SBX_LAYER_CGROUP2,
	SBX_LAYER_RLIMIT,
	SBX_LAYER_TMPFS,
	SBX_LAYER_AFFINITY,
	SBX_LAYER_SUPERVISOR,
	SBX_LAYER_WATCHDOG,
	_SBX_LAYER_MAX
};

/* How a run ended: the first of these that the evidence supports. */
enum sbx_verdict {
	SBX_SETUP_ERROR, /* the box could not be set up: never the command's fault */
	SBX_INTERRUPTED, /* we were asked to stop */
	SBX_OOM,
	SBX_TIMEOUT,
	SBX_CPU_LIMIT,
	SBX_OUTPUT_LIMIT, /* this one and the next only where the policy ends the run for it */
	SBX_SCRATCH_LIMIT,
	SBX_PIDS_LIMIT, /* the main process died of it */
	SBX_VIOLATION,  /* killed by the system call filter */
	SBX_SIGNAL,
	SBX_EXIT,
	SBX_OK,
	_SBX_VERDICT_MAX
};

enum sbx_network { SBX_NETWORK_NONE, SBX_NETWORK_HOST, _SBX_NETWORK_MAX };

/* Address families of sockets that a policy may leave; all others fail in every box. */
enum sbx_family {
	SBX_FAMILY_UNIX,
	SBX_FAMILY_INET,
	SBX_FAMILY_INET6,
	SBX_FAMILY_NETLINK, /* of which only the routing one, to ask for interfaces */
	_SBX_FAMILY_MAX
};

/* How the target is handed in. */
enum sbx_target_mode {
	SBX_TARGET_BIND, /* a private copy bound over the path: written in place only */
	SBX_TARGET_OVERLAY, /* its directory is writable, so that any way of saving works */
	SBX_TARGET_RO,
	_SBX_TARGET_MAX
};

/* What any run under this policy may do. */
struct sbx_policy {
	char *name;
	char *description; /* or NULL */
	uint64_t limits
		[_SBX_LIMIT_MAX]; /* base units of enum sbx_limit; 0 = not limited */
	char cpuset[SBX_CPUSET_SIZE]; /* CPUs it may run on: "0-3,6"; "" = any */
	char **system;            /* host directories shown read-only */
	enum sbx_network network;
	enum sbx_target_mode target;
	/* Limits that end the run, a set of 1 << enum sbx_limit: of output and scratch only. */
	unsigned kill_on;
	char *profile; /* OCI profile in place of the built-in table of system calls, or NULL */
	char **allow, **deny; /* system calls, against that table or profile */
	unsigned sockets;     /* set of 1 << enum sbx_family; others fail */
	bool count_denials;   /* count refused system calls, by name */
	bool soft; /* accept a watchdog where this host cannot enforce a limit */
	struct policy_origins *origins; /* of this library: where each value was written */
};

/* One run. Paths are absolute; strings and descriptors are borrowed. */
struct sbx_job {
	char *const *argv;       /* found through the box's PATH */
	char *const *env;        /* NAME=value, added to the box's own environment */
	const char *cwd;         /* inside; NULL = / or the view */
	const char *view_path;   /* a tree shown read-only at this path ... */
	const char *view_source; /* ... taken from here; both or neither */
	const char *target_path; /* the one writable file, inside; or NULL */
	int target_fd;           /* its content, readable, at offset 0 */
	char *const *show;       /* host paths shown read-only at the same path */
	char *const *scratch;    /* directories inside that are empty and writable */
	const char *cgroup;      /* a delegated cgroup v2 directory, or NULL: find one */
	int stdin_fd;            /* -EBADF = /dev/null */
	int stdout_fd;   /* everything the command prints, never blocking our timers */
	int stderr_fd;   /* the same for stderr; -EBADF = only the log */
	int log_fd;      /* both, capped by the output limit, head and tail; or -EBADF */
	int lifeline_fd; /* end of file here interrupts the run; or -EBADF */
	void (*progress)(void *user, uint64_t wall_us, uint64_t memory_bytes);
	void *progress_user; /* called about once a second while the command runs */
};

struct sbx_result;

/**
 * sbx_run() - one command in one box, from start to the last process being gone
 * @policy:  rules, borrowed
 * @job:     this run, borrowed
 * @ret:     how it ended, also where it could not be set up; freed by sbx_result_free()
 * @err:     filled when the box could not be set up, may be NULL
 *
 * Blocks SIGINT, SIGTERM and SIGHUP meanwhile and takes them as the wish to stop. When it
 * returns no process, mount or cgroup of the box is left.
 *
 * Return: 0, whatever the command did; a negative errno with @ret holding SBX_SETUP_ERROR
 */
int sbx_run(const struct sbx_policy *policy, const struct sbx_job *job,
	    struct sbx_result **ret, struct sbx_err *err);

void sbx_result_free(struct sbx_result *r);
