/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A policy file. Whatever is accepted limits what it says it limits, lends no directory
 * that the box makes for itself, and can be planned.
 */

#include "fuzz.h"
#include "limit.h"
#include "plan.h"
#include "policy-load.h"
#include "policy.h"

static void check_limits(const struct sbx_policy *p)
{
	for (size_t i = 0; i < _SBX_LIMIT_MAX; i++) {
		const struct limit_info *info = &limit_table[i];

		/* Nothing but a default of none is without a limit. */
		if (p->limits[i] == 0)
			HOLDS(info->def == 0);
		else
			HOLDS(p->limits[i] >= info->min && p->limits[i] <= info->max);
	}
}

static void check_system(const struct sbx_policy *p)
{
	static const char *const own[] = { "/proc", "/sys", "/dev", "/run", "/tmp" };
	const char *rest;

	for (size_t i = 0; p->system && p->system[i]; i++) {
		HOLDS(p->system[i][0] == '/' && p->system[i][1]);
		HOLDS(fuzz_is_clean_path(p->system[i]));
		for (size_t k = 0; k < ARRAY_SIZE(own); k++) {
			rest = str_after(p->system[i], own[k]);
			HOLDS(!rest || (*rest && *rest != '/'));
		}
	}
}

static void check_plan(const struct sbx_policy *p)
{
	const struct sbx_job job = { .target_fd = -EBADF };
	struct sbx_err err = { 0 };
	struct plan *plan = NULL;
	int r = plan_new(p, &job, &plan, &err);

	if (r < 0)
		fuzz_check_err(r, &err);
	plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	const char *name = fuzz_byte(&in) & 1 ? "policy.json" : "policy.yaml";
	struct sbx_policy *policy = NULL;
	struct sbx_err err = { 0 };
	char path[128];
	int r;

	fuzz_put(name, in.data, in.n);
	snprintf(path, sizeof(path), "%s/%s", fuzz_dir_path(), name);
	r = policy_load(path, NULL, &policy, &err);
	if (r < 0) {
		HOLDS(!policy);
		fuzz_check_err(r, &err);
		return 0;
	}
	HOLDS(policy->name && streq(policy->name, "policy"));
	check_limits(policy);
	check_system(policy);
	check_plan(policy);
	policy_free(policy);
	return 0;
}
