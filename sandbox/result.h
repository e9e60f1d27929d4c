/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is known about a run, and its form as JSON: the box record of DESIGN's run.json.
 */

#include "base/json.h"
#include "base/sha256.h"
#include "cgroup.h"
#include "child.h"
#include "notify.h"
#include "sandbox.h"
#include "soft.h"

/* Why we killed the box ourselves; the kernel's kills show in the counters. */
enum kill_cause {
	KILL_NONE,
	KILL_WALL,
	KILL_CPU_TIME,
	KILL_MEMORY, /* watchdog */
	KILL_PIDS,   /* watchdog */
	KILL_OUTPUT,
	KILL_SCRATCH,
	KILL_INTERRUPT,
	_KILL_MAX
};

struct limit_result {
	uint64_t value; /* 0 = not limited */
	enum sbx_layer layer;
	bool hit;
};

struct sbx_result {
	enum sbx_verdict verdict;
	char reason[512];
	int exit_code; /* -1 = did not exit */
	int signal;    /* 0 = not by a signal */
	int exec_errno; /* with SBX_SETUP_ERROR: the command itself could not be executed */
	uint64_t wall_us, cpu_us, memory_peak_bytes;
	uint64_t output_bytes, output_dropped_bytes;
	const char *label; /* what a framework called its end (label.h), or NULL */
	struct limit_result limits[_SBX_LIMIT_MAX];
	unsigned kill_on; /* the policy's */
	char cpuset[SBX_CPUSET_SIZE]; /* "" = not limited */
	enum sbx_layer cpuset_layer;
	struct soft_effort effort; /* of the watchdog, where there was one */
	bool memory_peak_sampled; /* by us from time to time: what lies between is missed */
	bool soft; /* at least one limit is held by a watchdog */
	struct cgroup_stats stats;
	struct denied denied; /* system calls that were refused and counted */
	enum kill_cause killed;
	uint64_t killed_us; /* after the start of the command */
	uint64_t dead_us;   /* from the kill until nothing was left */
	uint64_t step_us[_CHILD_STEP_MAX];
	char policy_sha256[SHA256_TEXT_SIZE]; /* of policy_dump(); "" = not that far */
	char bpf_sha256[SHA256_TEXT_SIZE];    /* struct filter */
	char libseccomp[16];
	int landlock_abi; /* version of the second wall, 0 = none */
	bool unreaped;    /* something in uninterruptible sleep outlived SIGKILL */
	bool target_changed;
	char *target_data; /* the new content, when it changed and may be taken */
	size_t target_len;
	mode_t target_mode;
	char target_error
		[128]; /* why the target's content cannot be taken; "" = it can */
};

const char *verdict_text(enum sbx_verdict v);
const char *layer_text(enum sbx_layer l);

/* The whole record; NULL when memory ran out. The caller releases it. */
json_t *result_json(const struct sbx_result *r, const char *policy_name);

/* The exit status of `autoexp exec` (DESIGN, "Exit status"). */
int result_exit_status(const struct sbx_result *r);
