/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include "base/strv.h"
#include "limit.h"

/* Built in so that the common start reads no file; a test holds it against default.yaml. */
static const char *const default_system[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt",
};

int policy_new(struct sbx_policy **ret)
{
	struct sbx_policy *p = calloc(1, sizeof(*p));
	int r = p ? 0 : -ENOMEM;

	if (p) {
		limits_default(p->limits);
		p->count_denials = true;
		p->name = strdup("default");
		r = p->name ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(default_system); i++)
		r = strv_add(&p->system, default_system[i]);
	if (r < 0) {
		policy_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void policy_free(struct sbx_policy *p)
{
	if (!p)
		return;
	strv_free(p->system);
	free(p->name);
	free(p);
}
