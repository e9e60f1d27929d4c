/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The two processes inside, and what they tell the parent.
 *
 *	parent --clone3--> process 1 (init) --fork--> the command
 *
 * Process 1 sets everything up, starts the command, reaps what is left to it and reports how
 * the command ended; when it exits the kernel kills everything else in its pid namespace. It
 * holds two descriptors: a socket to the parent, and a lifeline whose end of file means that
 * the parent is gone.
 */

#include <sched.h>

#include "filter.h"
#include "plan.h"

enum child_msg_type {
	CHILD_ERROR,    /* set-up failed; nothing untrusted has run */
	CHILD_LISTENER, /* carries the descriptor on which refused calls are counted */
	CHILD_HANDLES,  /* carries struct mount_handles, while no command can be in the way */
	CHILD_STARTED,  /* the command was executed */
	CHILD_ENDED,    /* the command ended with wait_status */
};

enum child_step {
	CHILD_STEP_MAPS, /* clone until the ids are mapped */
	CHILD_STEP_MOUNTS,
	CHILD_STEP_REST, /* network, limits, capabilities */
	CHILD_STEP_EXEC, /* fork, seccomp, exec */
	_CHILD_STEP_MAX
};

/* Descriptors that a message carries: scratch, out, and the target's folder where there is one. */
#define CHILD_FDS_MAX 3

struct child_msg {
	enum child_msg_type type;
	struct sbx_err err;
	int exec_errno; /* with CHILD_ERROR: exec itself said so; else 0 */
	int wait_status;
	int landlock_abi; /* 0 = this kernel has none */
	uint64_t step_us[_CHILD_STEP_MAX];
};

/* Everything the child needs, made before the clone; nothing is allocated behind it. */
struct child_args {
	struct plan *plan;
	struct idmap map;
	char *const *argv;
	char *const *env;
	const char *path; /* the PATH of the box, to find argv[0] in */
	const char *cwd;
	struct filter filter;
	bool own_network;
	volatile uint64_t *shm_bytes; /* shared with the parent; NULL = nobody asks */
	bool has_affinity;
	cpu_set_t affinity;
	uint64_t nproc;         /* RLIMIT_NPROC of the command, 0 = leave alone */
	uint64_t file_size;     /* RLIMIT_FSIZE of the command, 0 = leave alone */
	int status_fd;          /* SOCK_SEQPACKET to the parent */
	int lifeline_fd;        /* first byte = go on; end of file = die */
	int stdio[3];           /* all above 2 */
	uint64_t start_us;
};

/* The life of process 1. Async-signal-safe throughout. */
attr_noreturn void child_main(const struct child_args *args);
