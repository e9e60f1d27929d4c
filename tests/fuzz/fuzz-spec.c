/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The loop's request as JSON on a descriptor. A key that is there and is not what it must
 * be is refused: a limit that is misunderstood would be a limit that is not there.
 */

#include <sys/mman.h>

#include "base/file.h"
#include "base/json.h"
#include "base/strv.h"
#include "cmd/exec.h"
#include "fuzz.h"
#include "limit.h"

static bool is_or_absent(const json_t *v, json_type type)
{
	return !v || json_typeof(v) == JSON_NULL || json_typeof(v) == type;
}

static void check_shape(const json_t *spec)
{
	HOLDS(json_is_object(spec));
	HOLDS(is_or_absent(json_object_get(spec, "limits"), JSON_OBJECT));
	HOLDS(is_or_absent(json_object_get(spec, "env"), JSON_OBJECT));
	HOLDS(is_or_absent(json_object_get(spec, "view"), JSON_OBJECT));
	HOLDS(is_or_absent(json_object_get(spec, "target"), JSON_OBJECT));
	HOLDS(is_or_absent(json_object_get(spec, "show"), JSON_ARRAY));
	HOLDS(is_or_absent(json_object_get(spec, "scratch"), JSON_ARRAY));
	HOLDS(is_or_absent(json_object_get(spec, "policy"), JSON_STRING));
	HOLDS(is_or_absent(json_object_get(spec, "cwd"), JSON_STRING));
}

static void check_limits(json_t *spec, const struct sbx_policy *policy)
{
	json_t *limits = json_object_get(spec, "limits"), *value;
	const char *key;

	json_object_foreach(limits, key, value) {
		HOLDS(limit_find(key) >= 0);
		HOLDS(policy->limits[limit_find(key)] ==
		      (uint64_t)json_integer_value(value));
	}
}

static void check_request(const char *text, size_t n, const struct exec_request *req)
{
	cleanup_json json_t *spec = NULL;

	HOLDS(json_parse(text, n, "spec", &spec, NULL) == 0);
	check_shape(spec);
	check_limits(spec, req->policy);
	HOLDS(req->argv && req->argv[0]);
	HOLDS(strv_len(req->argv) == json_array_size(json_object_get(spec, "argv")));
	HOLDS(strv_len(req->show) == json_array_size(json_object_get(spec, "show")));
	HOLDS(strv_len(req->env) == json_object_size(json_object_get(spec, "env")));
	for (size_t i = 0; req->env && req->env[i]; i++)
		HOLDS(req->env[i][0] != '=' && strchr(req->env[i], '='));
	HOLDS(!req->view_path == !req->view_source);
	HOLDS(!req->target_path == !req->target_source);
	HOLDS(req->record_fd < 0 && req->log_fd < 0 && req->lifeline_fd < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_close int fd = memfd_create("spec", MFD_CLOEXEC);
	struct exec_request req = EXEC_REQUEST_INIT;
	struct sbx_err err = { 0 };
	int r;

	HOLDS(fd >= 0 && fd_write_all(fd, data, size) == 0);
	HOLDS(lseek(fd, 0, SEEK_SET) == 0);
	r = exec_read_spec(fd, &req, &err);
	if (r < 0)
		fuzz_check_err(r, &err);
	else
		check_request((const char *)data, size, &req);
	exec_request_done(&req);
	return 0;
}
