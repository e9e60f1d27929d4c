/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/pin.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/json.h"
#include "base/strv.h"
#include "repo/blob.h"

#define CONFIG_BYTES_MAX (4 << 20)

static const char *const names[] = { "config.yaml", "config.json" };
static const char *const caps_file = "caps.json";
static const char *const rate_key = "rate_nano", *const group_key = "budget_group";

static bool is_json(const char *path)
{
	size_t n = strlen(path);

	return n >= 5 && streq(path + n - 5, ".json");
}

int pin_write(int dir_fd, const struct config *c, struct sbx_err *err)
{
	bool json = is_json(c->path);
	int r;

	if (unlinkat(dir_fd, names[!json], 0) < 0 && errno != ENOENT)
		return sbx_err_errno(err, -errno, "loop",
				     "cannot remove an old configuration");
	r = file_replace(dir_fd, names[json], c->text, c->text_len, 0600);
	if (r < 0)
		return sbx_err_errno(err, r, "loop", "cannot keep the configuration");
	return 0;
}

/* The directory of the configuration: the target's, less what the configuration says. */
static int dir_of(const char *workdir, const char *target, const char *in_config,
		  char **ret)
{
	size_t n = strlen(target), k = strlen(in_config);

	if (k > n || !streq(target + n - k, in_config) ||
	    (k < n && target[n - k - 1] != '/'))
		return -EBADMSG;
	*ret = k == n ? strdup(workdir)
		      : str_printf("%s/%.*s", workdir, (int)(n - k - 1), target);
	return *ret ? 0 : -ENOMEM;
}

int pin_read(int dir_fd, const char *hash, const char *workdir, const char *target,
	     struct config **ret, struct sbx_err *err)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *dir = NULL;
	struct config *c = NULL;
	char is[COMMIT_HEX + 1];
	bool json = false;
	int r;

	r = file_read(dir_fd, names[0], O_NOFOLLOW, CONFIG_BYTES_MAX, &text);
	if (r == -ENOENT) {
		json = true;
		r = file_read(dir_fd, names[1], O_NOFOLLOW, CONFIG_BYTES_MAX, &text);
	}
	if (r < 0)
		return sbx_err_errno(err, r, "loop",
				     "cannot read the configuration that this"
				     " campaign began with");
	r = blob_name(text.data, text.len, is, err);
	if (r < 0)
		return r;
	if (!streq(is, hash))
		return sbx_err_set(err, -EBADMSG, "loop",
				   "%s in the campaign's directory is not"
				   " the configuration it began with",
				   names[json]);
	/* Twice: only the target it names tells where it lay. */
	r = config_parse(text.data, text.len, names[json], workdir, &c, err);
	if (r < 0)
		return r;
	r = dir_of(workdir, target, c->target, &dir);
	config_free(c);
	if (r == -ENOMEM)
		return sbx_err_oom(err, "loop");
	if (r < 0)
		return sbx_err_set(err, r, "loop",
				   "the configuration that this campaign began"
				   " with names another target than its journal");
	return config_parse(text.data, text.len, names[json], dir, ret, err);
}

int pin_write_caps(int dir_fd, const struct config *c, struct sbx_err *err)
{
	cleanup_json json_t *j = json_object();
	cleanup_free char *text = NULL;
	int r;

	for (int i = 0; i < _CAP_MAX; i++)
		if (json_object_set_new(j, cap_names[i],
					c->caps[i] == CONFIG_UNLIMITED
						? json_string("unlimited")
						: json_integer((json_int_t)c->caps[i])) <
		    0)
			return sbx_err_oom(err, "loop");
	if (json_object_set_new(j, rate_key, json_integer((json_int_t)c->rate_nano)) < 0 ||
	    json_object_set_new(j, group_key,
				c->budget_group ? json_string(c->budget_group)
						: json_null()) < 0)
		return sbx_err_oom(err, "loop");
	text = json_text(j);
	if (!text)
		return sbx_err_oom(err, "loop");
	r = file_replace(dir_fd, caps_file, text, strlen(text), 0600);
	return r < 0 ? sbx_err_errno(err, r, "loop", "cannot keep the caps") : 0;
}

int pin_read_caps(int dir_fd, struct config *c, struct sbx_err *err)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_json json_t *j = NULL;
	const char *group;
	uint64_t value;
	int r;

	r = file_read(dir_fd, caps_file, O_NOFOLLOW, 4096, &text);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return sbx_err_errno(err, r, "loop", "cannot read %s", caps_file);
	r = json_parse(text.data, text.len, caps_file, &j, err);
	if (r < 0)
		return r;
	for (int i = 0; i < _CAP_MAX; i++) {
		value = CONFIG_UNLIMITED;
		if (!json_is_string(json_object_get(j, cap_names[i])) &&
		    (r = json_get_u64(j, cap_names[i], &value, err)) < 0)
			return r;
		c->caps[i] = value;
	}
	if ((r = json_get_u64_or(j, rate_key, 0, &c->rate_nano, err)) < 0 ||
	    (r = json_get_str_or(j, group_key, NULL, &group, err)) < 0)
		return r;
	free(TAKE_PTR(c->budget_group));
	if (group && !(c->budget_group = strdup(group)))
		return sbx_err_oom(err, "loop");
	return 0;
}
