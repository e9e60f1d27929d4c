/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include "base/strv.h"
#include "base/table.h"
#include "limit.h"

/* Built in so that the common start reads no file; a test holds it against default.yaml. */
static const char *const default_system[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt",
};

const char *const target_names[] = {
	[SBX_TARGET_BIND] = "bind",
	[SBX_TARGET_OVERLAY] = "overlay",
	[SBX_TARGET_RO] = "ro",
};
TABLE_CHECK(target_names, _SBX_TARGET_MAX);

const char *const family_names[] = {
	[SBX_FAMILY_UNIX] = "unix",
	[SBX_FAMILY_INET] = "inet",
	[SBX_FAMILY_INET6] = "inet6",
	[SBX_FAMILY_NETLINK] = "netlink",
};
TABLE_CHECK(family_names, _SBX_FAMILY_MAX);

#define ALL_FAMILIES ((1U << _SBX_FAMILY_MAX) - 1)

char ***policy_list(struct sbx_policy *p, enum policy_list which)
{
	return which == POLICY_SYSTEM  ? &p->system
	       : which == POLICY_ALLOW ? &p->allow
				       : &p->deny;
}

/* System calls are kept in order, so that equal sets are equal lists; system as written. */
static size_t place(char *const *list, enum policy_list which, const char *text)
{
	size_t at = strv_len(list);

	if (which != POLICY_SYSTEM)
		while (at > 0 && strcmp(list[at - 1], text) > 0)
			at--;
	return at;
}

int policy_list_add(struct sbx_policy *p, enum policy_list which, const char *text,
		    struct policy_origin where)
{
	struct policy_origin **origins = &p->origins->lists[which], *grown;
	char ***list = policy_list(p, which), *last;
	size_t n = strv_len(*list), at = place(*list, which, text);

	if (strv_has(*list, text))
		return 0;
	grown = reallocarray(*origins, n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*origins = grown;
	if (strv_add(list, text) < 0)
		return -ENOMEM;
	last = (*list)[n];
	for (; n > at; n--) {
		(*list)[n] = (*list)[n - 1];
		grown[n] = grown[n - 1];
	}
	(*list)[at] = last;
	grown[at] = where;
	return 0;
}

void policy_list_drop(struct sbx_policy *p, enum policy_list which, const char *text)
{
	struct policy_origin *origins = p->origins->lists[which];
	char **list = *policy_list(p, which);
	size_t n = 0;

	for (size_t i = 0; list && list[i]; i++) {
		if (!text || streq(list[i], text)) {
			free(list[i]);
			continue;
		}
		origins[n] = origins[i];
		list[n++] = list[i];
	}
	if (list)
		list[n] = NULL;
}

int policy_new(struct sbx_policy **ret)
{
	struct sbx_policy *p = calloc(1, sizeof(*p));
	int r = p ? 0 : -ENOMEM;

	if (p) {
		limits_default(p->limits);
		p->count_denials = true;
		p->sockets = ALL_FAMILIES;
		p->name = strdup("default");
		p->origins = calloc(1, sizeof(*p->origins));
		r = p->name && p->origins ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(default_system); i++)
		r = policy_list_add(p, POLICY_SYSTEM, default_system[i],
				    (struct policy_origin){ 0 });
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
	for (int i = 0; i < _POLICY_LIST_MAX; i++) {
		strv_free(*policy_list(p, (enum policy_list)i));
		if (p->origins)
			free(p->origins->lists[i]);
	}
	if (p->origins)
		strv_free(p->origins->files);
	free(p->origins);
	free(p->description);
	free(p->profile);
	free(p->name);
	free(p);
}

bool policy_has_default_filter(const struct sbx_policy *p)
{
	return !p->profile && !strv_len(p->allow) && !strv_len(p->deny) &&
	       p->sockets == ALL_FAMILIES;
}
