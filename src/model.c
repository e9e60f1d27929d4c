/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include "base/cleanup.h"
#include "base/table.h"

static const char *const status_names[] = {
	[STATUS_KEEP] = "keep",
	[STATUS_DISCARD] = "discard",
	[STATUS_CRASH] = "crash",
};
TABLE_CHECK(status_names, _STATUS_MAX);

static const char *const verdict_names[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_EXIT] = "exit",
	[VERDICT_SIGNAL] = "signal",
	[VERDICT_VIOLATION] = "violation",
	[VERDICT_PIDS_LIMIT] = "pids-limit",
	[VERDICT_CPU_LIMIT] = "cpu-limit",
	[VERDICT_TIMEOUT] = "timeout",
	[VERDICT_OOM] = "oom",
	[VERDICT_INTERRUPTED] = "interrupted",
	[VERDICT_SETUP_ERROR] = "setup-error",
	[VERDICT_NO_METRIC] = "no-metric",
	[VERDICT_NOT_FINITE] = "not-finite",
	[VERDICT_AMBIGUOUS] = "ambiguous",
	[VERDICT_NO_EDIT] = "no-edit",
	[VERDICT_BAD_TARGET] = "bad-target",
	[VERDICT_TAMPER] = "tamper",
};
TABLE_CHECK(verdict_names, _VERDICT_MAX);

const char *status_name(enum status s)
{
	assert(s < _STATUS_MAX);
	return status_names[s];
}

const char *verdict_name(enum verdict v)
{
	assert(v < _VERDICT_MAX);
	return verdict_names[v];
}

int status_find(const char *name)
{
	return table_find(status_names, ARRAY_SIZE(status_names), name);
}

int verdict_find(const char *name)
{
	return table_find(verdict_names, ARRAY_SIZE(verdict_names), name);
}

void candidate_done(struct candidate *c)
{
	cleanup_free_p(&c->description);
	cleanup_free_p(&c->content);
	*c = (struct candidate){ 0 };
}
