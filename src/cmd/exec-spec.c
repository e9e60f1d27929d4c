/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/file.h"
#include "base/json.h"
#include "base/self.h"
#include "base/strv.h"
#include "base/table.h"
#include "cmd/exec.h"
#include "cpuset.h"
#include "policy-load.h"
#include "policy.h"

#define SPEC_MAX (16 << 20)

static const char *const target_modes[] = {
	[SBX_TARGET_BIND] = "bind",
	[SBX_TARGET_OVERLAY] = "overlay",
	[SBX_TARGET_RO] = "ro",
};
TABLE_CHECK(target_modes, _SBX_TARGET_MAX);

static int get_string(const json_t *obj, const char *key, char **ret, struct sbx_err *err)
{
	const char *s;
	int r;

	r = json_get_str_or(obj, key, NULL, &s, err);
	if (r < 0 || !s)
		return r;
	*ret = strdup(s);
	return *ret ? 0 : sbx_err_oom(err, "spec");
}

static int get_choice(const json_t *obj, const char *key, const char *const *names,
		      size_t n, int *value, struct sbx_err *err)
{
	const char *s;
	int r, found;

	r = json_get_str_or(obj, key, NULL, &s, err);
	if (r < 0 || !s)
		return r;
	found = table_find(names, n, s);
	if (found < 0)
		return sbx_err_set(err, -EINVAL, "spec", "%s: '%s' is not known", key, s);
	*value = found;
	return 0;
}

/* An object that is something else would be no limit, no view, and no word about it. */
static int get_object(const json_t *spec, const char *key, json_t **ret,
		      struct sbx_err *err)
{
	json_t *v = json_object_get(spec, key);

	if (v && !json_is_null(v) && !json_is_object(v))
		return sbx_err_set(err, -EINVAL, "spec", "%s is no object", key);
	*ret = json_is_object(v) ? v : NULL;
	return 0;
}

static int get_limits(const json_t *spec, struct sbx_policy *policy, struct sbx_err *err)
{
	json_t *limits, *value;
	const char *key;
	int r;

	r = get_object(spec, "limits", &limits, err);
	if (r < 0)
		return r;
	json_object_foreach(limits, key, value) {
		int i = limit_find(key);

		if (streq(key, "cpuset") && json_is_string(value)) {
			r = cpuset_parse(json_string_value(value), policy->cpuset, err);
			if (r < 0)
				return r;
			continue;
		}
		if (i < 0 || !json_is_integer(value) || json_integer_value(value) < 0)
			return sbx_err_set(err, -EINVAL, "spec",
					   "limits: '%s' is not known", key);
		policy->limits[i] = (uint64_t)json_integer_value(value);
	}
	return 0;
}

static int get_env(const json_t *spec, char ***env, struct sbx_err *err)
{
	json_t *vars, *value;
	const char *key;
	int r;

	r = get_object(spec, "env", &vars, err);
	if (r < 0)
		return r;
	json_object_foreach(vars, key, value)
		if (!*key || strchr(key, '=') || !json_is_string(value) ||
		    strv_addf(env, "%s=%s", key, json_string_value(value)) < 0)
			return sbx_err_set(err, -EINVAL, "spec", "env: bad value of %s",
					   key);
	return 0;
}

static int get_policy(const json_t *spec, struct sbx_policy *policy, struct sbx_err *err)
{
	int network = policy->network, mode = policy->target;
	json_t *target;
	int r;

	r = get_object(spec, "target", &target, err);
	if (r < 0)
		return r;
	r = get_choice(spec, "network", network_names, ARRAY_SIZE(network_names),
		       &network, err);
	if (r == 0 && target)
		r = get_choice(target, "mode", target_modes, ARRAY_SIZE(target_modes),
			       &mode, err);
	if (r == 0)
		r = json_get_bool_or(spec, "soft", policy->soft, &policy->soft, err);
	if (r == 0)
		r = get_limits(spec, policy, err);
	policy->network = (enum sbx_network)network;
	policy->target = (enum sbx_target_mode)mode;
	return r;
}

/* Where it is inside, and where it comes from: both or neither. */
static int get_pair(const json_t *spec, const char *key, char **ret_path,
		    char **ret_source, struct sbx_err *err)
{
	json_t *pair = NULL;
	int r;

	r = get_object(spec, key, &pair, err);
	if (r == 0)
		r = get_string(pair, "path", ret_path, err);
	if (r == 0)
		r = get_string(pair, "source", ret_source, err);
	if (r == 0 && !*ret_path != !*ret_source)
		r = sbx_err_set(err, -EINVAL, "spec",
				"%s: path and source belong together", key);
	return r;
}

static int get_job(const json_t *spec, struct exec_request *req, struct sbx_err *err)
{
	int r;

	r = json_get_strv(spec, "argv", &req->argv, err);
	if (r == 0)
		r = json_get_strv(spec, "show", &req->show, err);
	if (r == 0)
		r = json_get_strv(spec, "scratch", &req->scratch, err);
	if (r == 0)
		r = get_env(spec, &req->env, err);
	if (r == 0)
		r = get_string(spec, "cwd", &req->cwd, err);
	if (r == 0)
		r = get_string(spec, "cgroup", &req->cgroup, err);
	if (r == 0)
		r = get_pair(spec, "view", &req->view_path, &req->view_source, err);
	if (r == 0)
		r = get_pair(spec, "target", &req->target_path, &req->target_source, err);
	if (r == 0 && !strv_len(req->argv))
		r = sbx_err_set(err, -EINVAL, "spec", "argv is empty");
	return r;
}

int exec_load_policy(struct exec_request *req, const char *name, struct sbx_err *err)
{
	cleanup_free char *dir = NULL;
	struct sbx_policy *policy = NULL;
	int r = 0;

	/* The default is built in, so that the common start reads no file. */
	if (streq(name, "default"))
		r = policy_new(&policy) < 0 ? sbx_err_oom(err, "policy") : 0;
	else if (strchr(name, '/')) /* it may extend one of ours, where there are any */
		self_path("../policies", "../share/autoexp/policies", &dir, NULL);
	else
		r = self_path("../policies", "../share/autoexp/policies", &dir, err);
	if (r == 0 && !policy)
		r = policy_load(name, dir, &policy, err);
	if (r != 0)
		return r;
	policy_free(req->policy);
	req->policy = policy;
	return 0;
}

int exec_read_spec(int fd, struct exec_request *req, struct sbx_err *err)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_json json_t *spec = NULL;
	const char *policy;
	int r;

	r = fd_read_all(fd, SPEC_MAX, &text);
	if (r < 0)
		return sbx_err_errno(err, r, "spec", "cannot read the spec");
	r = json_parse(buf_str(&text), text.len, "spec", &spec, err);
	if (r == 0)
		r = json_get_str_or(spec, "policy", "default", &policy, err);
	if (r == 0)
		r = exec_load_policy(req, policy, err);
	if (r == 0)
		r = get_policy(spec, req->policy, err);
	return r < 0 ? r : get_job(spec, req, err);
}

void exec_request_done(struct exec_request *req)
{
	policy_free(req->policy);
	strv_free(req->argv);
	strv_free(req->env);
	strv_free(req->show);
	strv_free(req->scratch);
	free(req->cwd);
	free(req->view_path);
	free(req->view_source);
	free(req->target_path);
	free(req->target_source);
	free(req->cgroup);
	free(req->json_path);
	*req = (struct exec_request)EXEC_REQUEST_INIT;
}
