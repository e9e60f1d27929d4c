/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "limit.h"

static attr_printf(3, 4) void say(struct sbx_result *r, enum sbx_verdict v,
				  const char *fmt, ...)
{
	va_list ap;

	r->verdict = v;
	va_start(ap, fmt);
	vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
}

static const char *value_of(const struct sbx_result *r, enum sbx_limit limit,
			    char out[32])
{
	return limit_format(limit, r->limits[limit].value, out, 32);
}

static void mark_hits(struct sbx_result *r)
{
	struct limit_result *l = r->limits;

	l[SBX_LIMIT_WALL].hit = r->killed == KILL_WALL;
	l[SBX_LIMIT_CPU_TIME].hit = r->killed == KILL_CPU_TIME;
	l[SBX_LIMIT_CPUS].hit = l[SBX_LIMIT_CPUS].value && r->stats.throttled > 0;
	l[SBX_LIMIT_MEMORY].hit =
		(r->stats.oom_kill > 0 && r->stats.oom > 0) || r->killed == KILL_MEMORY;
	l[SBX_LIMIT_PIDS].hit = r->stats.pids_max > 0 || r->killed == KILL_PIDS;
	l[SBX_LIMIT_OUTPUT].hit = r->output_dropped_bytes > 0;
}

static void say_signal(struct sbx_result *r)
{
	const char *name = sigdescr_np(r->signal);

	if (r->signal == SIGSYS)
		say(r, SBX_VIOLATION, "killed by the system call filter");
	else
		say(r, SBX_SIGNAL, "killed by signal %d (%s), not sent by autoexp",
		    r->signal, name ? name : "unknown");
}

/* An ancestor's limit, or the whole host, can run out before the box does. */
static void say_oom(struct sbx_result *r)
{
	char cap[32];

	say(r, SBX_OOM, "out of memory: the kernel killed %" PRIu64 " process(es) %s%s",
	    r->stats.oom_kill,
	    r->stats.oom ? "at the memory limit of "
			 : "because memory ran out outside the box, below its limit of ",
	    value_of(r, SBX_LIMIT_MEMORY, cap));
}

void verdict_decide(struct sbx_result *r)
{
	char cap[32];

	mark_hits(r);
	if (r->killed == KILL_INTERRUPT)
		say(r, SBX_INTERRUPTED, "interrupted before the command ended");
	else if (r->stats.oom_kill > 0)
		say_oom(r);
	else if (r->killed == KILL_MEMORY)
		say(r, SBX_OOM,
		    "out of memory: the watchdog saw %" PRIu64
		    " bytes in use, over the memory limit of %s",
		    r->memory_peak_bytes, value_of(r, SBX_LIMIT_MEMORY, cap));
	else if (r->killed == KILL_WALL)
		say(r, SBX_TIMEOUT, "still running at the wall limit of %s",
		    value_of(r, SBX_LIMIT_WALL, cap));
	else if (r->killed == KILL_CPU_TIME)
		say(r, SBX_CPU_LIMIT, "used up the cpu_time limit of %s",
		    value_of(r, SBX_LIMIT_CPU_TIME, cap));
	else if (r->killed == KILL_PIDS)
		say(r, SBX_PIDS_LIMIT, "more processes than the pids limit of %s",
		    value_of(r, SBX_LIMIT_PIDS, cap));
	else if (r->exit_code < 0 && !r->signal)
		say(r, SBX_SIGNAL, "process 1 of the box was killed from outside");
	else if (r->signal)
		say_signal(r);
	else if (r->exit_code > 0)
		say(r, SBX_EXIT, "exit status %d", r->exit_code);
	else
		say(r, SBX_OK, "exit status 0");
	if (r->verdict == SBX_SIGNAL && !r->signal)
		r->signal = SIGKILL;
}
