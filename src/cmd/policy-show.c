/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/escape.h"
#include "base/strv.h"
#include "cmd/policy-cmd.h"
#include "limit.h"
#include "policy-load.h"

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)MIN(n, (uint64_t)INT64_MAX));
}

/* @value with its origin beside it; consumes @value. */
static json_t *with_origin(json_t *value, const struct policy_origin *where)
{
	json_t *j = policy_where_json(where);

	json_object_set_new(j, "value", value);
	return j;
}

static json_t *limits_json(const struct sbx_policy *p)
{
	json_t *all = json_object(), *one;
	char text[32];

	for (int i = 0; i < _SBX_LIMIT_MAX; i++) {
		if (!p->limits[i])
			continue;
		one = with_origin(number(p->limits[i]), &p->origins->limits[i]);
		policy_limit_text((enum sbx_limit)i, p->limits[i], text, sizeof(text));
		json_object_set_new(one, "text", json_string(text));
		json_object_set_new(all, limit_table[i].name, one);
	}
	if (p->cpuset[0])
		json_object_set_new(all, "cpuset",
				    with_origin(json_string(p->cpuset),
						&p->origins->keys[POLICY_CPUSET]));
	return all;
}

static json_t *list_json(const struct sbx_policy *p, enum policy_list which)
{
	char **list = *policy_list((struct sbx_policy *)p, which), text[512];
	json_t *all = json_array();

	for (size_t i = 0; list && list[i]; i++)
		json_array_append_new(
			all,
			with_origin(json_string(escape_str(text, sizeof(text), list[i])),
				    &p->origins->lists[which][i]));
	return all;
}

static json_t *key_json(const struct sbx_policy *p, enum policy_key key, json_t *value)
{
	return with_origin(value, &p->origins->keys[key]);
}

static json_t *kill_on_json(const struct sbx_policy *p)
{
	const char *names[_SBX_LIMIT_MAX];

	for (size_t i = 0; i < _SBX_LIMIT_MAX; i++)
		names[i] = limit_table[i].name;
	return policy_set_json(p->kill_on, names, _SBX_LIMIT_MAX);
}

static json_t *filter_json(const struct policy_view *v)
{
	const struct sbx_policy *p = v->policy;
	char text[512] = "";

	if (p->profile)
		escape_str(text, sizeof(text), p->profile);
	return json_pack(
		"{s:o, s:o, s:o, s:o}", "profile",
		key_json(p, POLICY_PROFILE, *text ? json_string(text) : json_null()),
		"sockets",
		key_json(p, POLICY_SOCKETS,
			 policy_set_json(p->sockets, family_names, _SBX_FAMILY_MAX)),
		"allow", list_json(p, POLICY_ALLOW), "deny", list_json(p, POLICY_DENY));
}

static json_t *show_json(const struct policy_view *v)
{
	const struct sbx_policy *p = v->policy;
	json_t *files = json_array();
	char text[512];

	for (char **f = p->origins->files; f && *f; f++)
		json_array_append_new(files,
				      json_string(escape_str(text, sizeof(text), *f)));
	escape_str(text, sizeof(text), p->description ? p->description : "");
	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s}",
		"name", p->name, "description",
		key_json(p, POLICY_DESCRIPTION, json_string(text)), "files", files,
		"limits", limits_json(p), "kill_on",
		key_json(p, POLICY_KILL_ON, kill_on_json(p)), "system",
		list_json(p, POLICY_SYSTEM), "network",
		key_json(p, POLICY_NETWORK, json_string(network_names[p->network])),
		"target",
		key_json(p, POLICY_TARGET, json_string(target_names[p->target])),
		"count_denials",
		key_json(p, POLICY_COUNT_DENIALS, json_boolean(p->count_denials)),
		"seccomp", filter_json(v), "policy_sha256", v->sha256, "bpf_sha256",
		v->filter.sha256, "libseccomp", v->filter.libseccomp);
}

int policy_show(const struct policy_view *v, bool plain, bool json)
{
	const struct sbx_policy *p = v->policy;
	cleanup_buf struct buf text = BUF_INIT;
	char line[512];

	if (json)
		return policy_print(show_json(v));
	if (!plain) {
		buf_printf(&text, "# policy %s", escape_str(line, sizeof(line), p->name));
		if (p->description)
			buf_printf(&text, ": %s",
				   escape_str(line, sizeof(line), p->description));
		buf_printf(&text,
			   "\n# policy_sha256 %s\n# bpf_sha256 %s, with libseccomp %s\n",
			   v->sha256, v->filter.sha256, v->filter.libseccomp);
	}
	policy_dump(p, !plain, &text);
	if (text.failed) {
		fprintf(stderr, "autoexp policy: out of memory\n");
		return 1;
	}
	fwrite(text.data, 1, text.len, stdout);
	return 0;
}
