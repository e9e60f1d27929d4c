/* SPDX-License-Identifier: Apache-2.0 */
#include "result.h"

#include <errno.h>
#include <sys/utsname.h>

#include "base/escape.h"
#include "base/table.h"
#include "filter-make.h"
#include "limit.h"

static const char *const verdict_names[] = {
	[SBX_SETUP_ERROR] = "setup-error",
	[SBX_INTERRUPTED] = "interrupted",
	[SBX_OOM] = "oom",
	[SBX_TIMEOUT] = "timeout",
	[SBX_CPU_LIMIT] = "cpu-limit",
	[SBX_OUTPUT_LIMIT] = "output-limit",
	[SBX_SCRATCH_LIMIT] = "scratch-limit",
	[SBX_PIDS_LIMIT] = "pids-limit",
	[SBX_VIOLATION] = "violation",
	[SBX_SIGNAL] = "signal",
	[SBX_EXIT] = "exit",
	[SBX_OK] = "ok",
};
TABLE_CHECK(verdict_names, _SBX_VERDICT_MAX);

static const char *const layer_names[] = {
	[SBX_LAYER_NONE] = "none",         [SBX_LAYER_CGROUP2] = "cgroup2",
	[SBX_LAYER_RLIMIT] = "rlimit",     [SBX_LAYER_TMPFS] = "tmpfs",
	[SBX_LAYER_AFFINITY] = "affinity", [SBX_LAYER_SUPERVISOR] = "supervisor",
	[SBX_LAYER_WATCHDOG] = "watchdog",
};
TABLE_CHECK(layer_names, _SBX_LAYER_MAX);

static const char *const kill_names[] = {
	[KILL_NONE] = "nobody",
	[KILL_WALL] = "wall limit",
	[KILL_CPU_TIME] = "cpu_time limit",
	[KILL_MEMORY] = "memory watchdog",
	[KILL_PIDS] = "pids watchdog",
	[KILL_OUTPUT] = "output limit",
	[KILL_SCRATCH] = "scratch limit",
	[KILL_INTERRUPT] = "interrupt",
};
TABLE_CHECK(kill_names, _KILL_MAX);

static const char *const step_names[] = {
	[CHILD_STEP_MAPS] = "clone",
	[CHILD_STEP_MOUNTS] = "mounts",
	[CHILD_STEP_REST] = "network_caps",
	[CHILD_STEP_EXEC] = "seccomp_exec",
};
TABLE_CHECK(step_names, _CHILD_STEP_MAX);

const char *verdict_text(enum sbx_verdict v)
{
	return verdict_names[v];
}

const char *layer_text(enum sbx_layer l)
{
	return layer_names[l];
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)MIN(n, (uint64_t)INT64_MAX));
}

static json_t *limits_json(const struct sbx_result *r)
{
	json_t *all = json_object();

	for (int i = 0; i < _SBX_LIMIT_MAX; i++) {
		const struct limit_result *l = &r->limits[i];

		if (!l->value)
			continue;
		json_object_set_new(all, limit_table[i].name,
				    json_pack("{s:o, s:s, s:b}", "value",
					      number(l->value), "enforced_by",
					      layer_names[l->layer], "hit", (int)l->hit));
	}
	/* Not a number: the CPUs are a wall that is always there and never "reached". */
	if (*r->cpuset)
		json_object_set_new(all, "cpuset",
				    json_pack("{s:s, s:s, s:b}", "value", r->cpuset,
					      "enforced_by", layer_names[r->cpuset_layer],
					      "hit", 0));
	return all;
}

static json_t *evidence_json(const struct sbx_result *r)
{
	const struct cgroup_stats *s = &r->stats;

	return json_pack("{s:{s:o, s:o, s:o, s:o}, s:{s:o}, s:{s:o, s:o, s:o}, s:{s:o},"
			 " s:{s:o, s:o}, s:{s:o, s:o, s:o}, s:{s:s, s:s, s:o, s:o}}",
			 "memory.events", "max", number(s->memory_max), "oom",
			 number(s->oom), "oom_kill", number(s->oom_kill),
			 "oom_group_kill", number(s->oom_group_kill),
			 "pids.events", "max", number(s->pids_max), "cpu.stat",
			 "usage_usec", number(s->cpu_us), "nr_throttled",
			 number(s->throttled), "throttled_usec", number(s->throttled_us),
			 "psi", "memory_full_us",
			 s->has_pressure ? number(s->memory_pressure_us) : json_null(),
			 "io.stat", "rbytes", number(s->io_read_bytes), "wbytes",
			 number(s->io_write_bytes), "watchdog", "looks",
			 number(r->effort.looks), "close_looks",
			 number(r->effort.close_looks), "spent_us",
			 number(r->effort.spent_us), "kill",
			 "by", kill_names[r->killed], "signal",
			 r->killed ? "SIGKILL" : "none", "at_us", number(r->killed_us),
			 "dead_after_us", number(r->dead_us));
}

static json_t *steps_json(const struct sbx_result *r)
{
	json_t *steps = json_object();

	for (int i = 0; i < _CHILD_STEP_MAX; i++)
		json_object_set_new(steps, step_names[i], number(r->step_us[i]));
	return steps;
}

static const char *enforcement(const struct sbx_result *r)
{
	return r->soft ? "soft" : "cgroup2";
}

/* What a process calls itself is the candidate's word. */
static json_t *names_json(const struct denied_call *c)
{
	json_t *names = json_array();
	char printable[4 * DENIED_BY_SIZE];

	for (size_t i = 0; i < DENIED_BY_MAX && c->by[i][0]; i++)
		json_array_append_new(
			names,
			json_string(escape_str(printable, sizeof(printable), c->by[i])));
	return names;
}

static json_t *denied_json(const struct denied *d)
{
	json_t *all = json_object();

	for (size_t i = 0; i < d->n; i++) {
		const struct denied_call *c = &d->calls[i];
		cleanup_free char *name = syscall_name(c->nr);

		json_object_set_new(all, name ? name : "unknown",
				    json_pack("{s:o, s:b, s:o}", "count",
					      number(c->count), "throttled",
					      (int)c->throttled, "by", names_json(c)));
	}
	return all;
}

/* JSON is UTF-8, but a command's name in a reason may be any bytes. */
static json_t *text_json(const char *text)
{
	char printable[4 * sizeof((struct sbx_result){ 0 }.reason)];

	return json_string(escape_str(printable, sizeof(printable), text));
}

/* null where a run failed before it was known. */
static const char *known(const char *text)
{
	return *text ? text : NULL;
}

json_t *result_json(const struct sbx_result *r, const char *policy_name)
{
	struct utsname host = { 0 };

	uname(&host);
	return json_pack(
		"{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:s, s:o, s:o,"
		" s:o, s:o, s:s?, s:s?, s:s?, s:i, s:o, s:s?, s:n, s:b, s:b, s:s*, s:{s:s, s:s, s:s}}",
		"schema", 1, "verdict", verdict_text(r->verdict), "reason",
		text_json(r->reason), "exit_code",
		r->exit_code < 0 ? json_null() : json_integer(r->exit_code), "signal",
		r->signal ? json_integer(r->signal) : json_null(), "wall_us",
		number(r->wall_us), "cpu_us", number(r->cpu_us), "memory_peak_bytes",
		number(r->memory_peak_bytes), "memory_peak_sampled",
		(int)r->memory_peak_sampled, "output_bytes", number(r->output_bytes),
		"output_dropped_bytes", number(r->output_dropped_bytes), "enforcement",
		enforcement(r), "limits", limits_json(r), "evidence", evidence_json(r),
		"setup_us", steps_json(r), "policy", text_json(policy_name),
		"policy_sha256", known(r->policy_sha256), "bpf_sha256",
		known(r->bpf_sha256), "libseccomp", known(r->libseccomp),
		"landlock_abi", r->landlock_abi, "denied_syscalls",
		denied_json(&r->denied), "label", r->label, "gpu", "unreaped",
		(int)r->unreaped, "target_changed", (int)r->target_changed,
		"target_error", r->target_error[0] ? r->target_error : NULL, "host",
		"kernel", host.release, "name", host.nodename, "machine", host.machine);
}

int result_exit_status(const struct sbx_result *r)
{
	switch (r->verdict) {
	case SBX_SETUP_ERROR:
		if (!r->exec_errno)
			return 125;
		return r->exec_errno == ENOENT || r->exec_errno == ENOTDIR ? 127 : 126;
	case SBX_INTERRUPTED:
		return 130;
	case SBX_OOM:
		return 137;
	case SBX_TIMEOUT:
	case SBX_CPU_LIMIT:
		return 124;
	case SBX_OUTPUT_LIMIT:
	case SBX_SCRATCH_LIMIT:
	case SBX_PIDS_LIMIT:
		return 123;
	case SBX_VIOLATION:
	case SBX_SIGNAL:
		return 128 + r->signal;
	case SBX_EXIT:
	case SBX_OK:
	case _SBX_VERDICT_MAX:
		break;
	}
	return r->exit_code;
}
