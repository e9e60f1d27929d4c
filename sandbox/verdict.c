/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The precedence is the order of the table at the end: each rule looks at the evidence, and the
 * first that holds gives the verdict. A stronger cause comes before what it may bring about: a
 * tree that ran out of memory may sit out its time as well, and a main process that lost its
 * child to either may still exit 0.
 *
 * What was reached counts, not who was quicker: a command that used up its cpu_time in its last
 * millisecond and then ended by itself has reached the limit all the same. Only for the wall
 * limit is that the same question; there the clock is looked at before the command's end.
 */
#include "verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "limit.h"

static attr_printf(3, 4) bool say(struct sbx_result *r, enum sbx_verdict v,
				  const char *fmt, ...)
{
	va_list ap;

	r->verdict = v;
	va_start(ap, fmt);
	vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
	return true;
}

static const char *value_of(const struct sbx_result *r, enum sbx_limit limit,
			    char out[32])
{
	return limit_format(limit, r->limits[limit].value, out, 32);
}

static bool ends_run(const struct sbx_result *r, enum sbx_limit limit)
{
	return r->kill_on & 1U << limit;
}

/*
 * Nothing counts how often io.max made somebody wait. A disk that gave nine tenths of the rate
 * over the whole run was at its limit; a shorter wait in between goes unseen.
 */
static bool at_rate(const struct sbx_result *r, enum sbx_limit limit, uint64_t bytes)
{
	const struct limit_result *l = &r->limits[limit];

	return l->layer == SBX_LAYER_CGROUP2 && bytes &&
	       (double)bytes * 1e6 >= 0.9 * (double)l->value * (double)r->wall_us;
}

/* What the monitor saw while the box lived (scratch, inodes, out) is marked already. */
static void mark_hits(struct sbx_result *r)
{
	struct limit_result *l = r->limits;

	l[SBX_LIMIT_WALL].hit = r->killed == KILL_WALL;
	l[SBX_LIMIT_CPU_TIME].hit =
		l[SBX_LIMIT_CPU_TIME].value &&
		(r->killed == KILL_CPU_TIME || r->cpu_us >= l[SBX_LIMIT_CPU_TIME].value);
	l[SBX_LIMIT_CPUS].hit = l[SBX_LIMIT_CPUS].value && r->stats.throttled > 0;
	l[SBX_LIMIT_MEMORY].hit =
		(r->stats.oom_kill > 0 && r->stats.oom > 0) || r->killed == KILL_MEMORY;
	l[SBX_LIMIT_IO_READ].hit = at_rate(r, SBX_LIMIT_IO_READ, r->stats.io_read_bytes);
	l[SBX_LIMIT_IO_WRITE].hit =
		at_rate(r, SBX_LIMIT_IO_WRITE, r->stats.io_write_bytes);
	l[SBX_LIMIT_PIDS].hit = r->stats.pids_max > 0 || r->killed == KILL_PIDS;
	l[SBX_LIMIT_OUTPUT].hit =
		l[SBX_LIMIT_OUTPUT].value && r->output_bytes > l[SBX_LIMIT_OUTPUT].value;
	l[SBX_LIMIT_FILE_SIZE].hit = l[SBX_LIMIT_FILE_SIZE].value && r->signal == SIGXFSZ;
}

/* Limits that end nothing by themselves, but may be why a command gave up. */
static void add_hits(struct sbx_result *r)
{
	static const enum sbx_limit quiet[] = { SBX_LIMIT_PIDS, SBX_LIMIT_SCRATCH,
						SBX_LIMIT_INODES, SBX_LIMIT_OUT,
						SBX_LIMIT_FILE_SIZE };
	const char *lead = "; reached on the way: ";
	size_t n = strlen(r->reason);
	char cap[32];

	for (size_t i = 0; i < ARRAY_SIZE(quiet) && n < sizeof(r->reason) - 64; i++) {
		if (!r->limits[quiet[i]].hit)
			continue;
		n += (size_t)snprintf(
			r->reason + n, sizeof(r->reason) - n, "%s%s limit of %s", lead,
			limit_table[quiet[i]].name, value_of(r, quiet[i], cap));
		lead = ", ";
	}
}

static bool interrupted(struct sbx_result *r)
{
	return r->killed == KILL_INTERRUPT &&
	       say(r, SBX_INTERRUPTED, "interrupted before the command ended");
}

/* An ancestor's limit, or the whole host, can run out before the box does. */
static bool oom(struct sbx_result *r)
{
	char cap[32];

	return r->stats.oom_kill > 0 &&
	       say(r, SBX_OOM,
		   "out of memory: the kernel killed %" PRIu64 " process(es) %s%s",
		   r->stats.oom_kill,
		   r->stats.oom ? "at the memory limit of "
				: "because memory ran out outside the box, below its "
				  "limit of ",
		   value_of(r, SBX_LIMIT_MEMORY, cap));
}

static bool oom_seen(struct sbx_result *r)
{
	char cap[32];

	return r->killed == KILL_MEMORY &&
	       say(r, SBX_OOM,
		   "out of memory: the watchdog saw %" PRIu64
		   " bytes in use, over the memory limit of %s",
		   r->memory_peak_bytes, value_of(r, SBX_LIMIT_MEMORY, cap));
}

static bool timed_out(struct sbx_result *r)
{
	char cap[32];

	return r->killed == KILL_WALL &&
	       say(r, SBX_TIMEOUT, "still running at the wall limit of %s",
		   value_of(r, SBX_LIMIT_WALL, cap));
}

static bool cpu_limit(struct sbx_result *r)
{
	char cap[32];

	return r->limits[SBX_LIMIT_CPU_TIME].hit &&
	       say(r, SBX_CPU_LIMIT, "used up the cpu_time limit of %s",
		   value_of(r, SBX_LIMIT_CPU_TIME, cap));
}

static bool output_limit(struct sbx_result *r)
{
	char cap[32];

	return ends_run(r, SBX_LIMIT_OUTPUT) && r->limits[SBX_LIMIT_OUTPUT].hit &&
	       say(r, SBX_OUTPUT_LIMIT, "printed more than the output limit of %s",
		   value_of(r, SBX_LIMIT_OUTPUT, cap));
}

static bool scratch_limit(struct sbx_result *r)
{
	enum sbx_limit full =
		r->limits[SBX_LIMIT_SCRATCH].hit ? SBX_LIMIT_SCRATCH : SBX_LIMIT_INODES;
	char cap[32];

	return ends_run(r, SBX_LIMIT_SCRATCH) && r->limits[full].hit &&
	       say(r, SBX_SCRATCH_LIMIT,
		   "filled /tmp, /dev/shm and $HOME up to the %s "
		   "limit of %s",
		   limit_table[full].name, value_of(r, full, cap));
}

static bool pids_limit(struct sbx_result *r)
{
	char cap[32];

	return r->killed == KILL_PIDS &&
	       say(r, SBX_PIDS_LIMIT, "more processes than the pids limit of %s",
		   value_of(r, SBX_LIMIT_PIDS, cap));
}

static bool violation(struct sbx_result *r)
{
	return r->signal == SIGSYS &&
	       say(r, SBX_VIOLATION, "killed by the system call filter");
}

static bool signaled(struct sbx_result *r)
{
	const char *name = sigdescr_np(r->signal);

	return r->signal &&
	       say(r, SBX_SIGNAL, "killed by signal %d (%s), not sent by autoexp",
		   r->signal, name ? name : "unknown");
}

/* Neither an exit status nor a signal, and nobody here killed it. */
static bool vanished(struct sbx_result *r)
{
	if (r->exit_code >= 0)
		return false;
	r->signal = SIGKILL;
	return say(r, SBX_SIGNAL, "process 1 of the box was killed from outside");
}

static bool failed(struct sbx_result *r)
{
	return r->exit_code > 0 && say(r, SBX_EXIT, "exit status %d", r->exit_code);
}

static bool succeeded(struct sbx_result *r)
{
	return say(r, SBX_OK, "exit status 0");
}

static bool (*const rules[])(struct sbx_result *) = {
	interrupted,  oom,           oom_seen,   timed_out, cpu_limit,
	output_limit, scratch_limit, pids_limit, violation, signaled,
	vanished,     failed,        succeeded,
};

void verdict_decide(struct sbx_result *r)
{
	mark_hits(r);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i](r))
			break;
	if (r->verdict == SBX_SIGNAL || r->verdict == SBX_EXIT)
		add_hits(r);
}
