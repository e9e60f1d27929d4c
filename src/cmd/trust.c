/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/trust.h"

#include <fcntl.h>

#include "base/escape.h"
#include "base/file.h"
#include "base/self.h"
#include "base/state.h"
#include "base/strv.h"
#include "policy-load.h"
#include "policy.h"
#include "repo/blob.h"

#define TRUSTED_BYTES_MAX (1 << 20)
#define POLICY_BYTES_MAX  (1 << 20)

static void add_reach(struct buf *b, const char *what, const char *value)
{
	buf_printf(b, "  %s: ", what);
	escape_add(b, value, strlen(value));
	buf_puts(b, "\n");
}

static void list_reaches(struct repo *repo, const struct config *c, struct buf *b)
{
	if (c->network == SBX_NETWORK_HOST)
		buf_puts(b, "  network: host\n");
	for (char **p = c->show; p && *p; p++) {
		cleanup_free char *rel = NULL;

		/* Relative ones stay below the configuration's directory. */
		if (**p == '/' && repo_relpath(repo, *p, &rel, NULL) < 0)
			add_reach(b, "show", *p);
	}
	for (char **p = c->env; p && *p; p++)
		add_reach(b, "env", *p);
	/* The shipped ones are known; another one may show any directory. */
	if (strchr(c->policy, '/'))
		add_reach(b, "policy", c->policy);
}

static void cleanup_policy_p(struct sbx_policy **p)
{
	policy_free(*p);
}

static int add_file(struct buf *text, const char *path, struct sbx_err *err)
{
	int r;

	buf_add(text, "", 1);
	r = file_read(AT_FDCWD, path, 0, POLICY_BYTES_MAX, text);
	return r < 0 ? sbx_err_errno(err, r, "trust", "cannot read %s", path) : 0;
}

/* A policy that is a file, and all that it is made of: what it extends, and its profile. */
static int add_policy(struct buf *text, const char *path, struct sbx_err *err)
{
	cleanup(cleanup_policy_p) struct sbx_policy *p = NULL;
	cleanup_free char *dir = NULL;
	int r;

	self_path("../policies", "../../share/autoexp/policies", &dir, NULL);
	r = policy_load(path, dir, &p, err);
	for (char **f = r == 0 ? p->origins->files : NULL; r == 0 && f && *f; f++)
		r = add_file(text, *f, err);
	if (r == 0 && p->profile)
		r = add_file(text, p->profile, err);
	return r;
}

/* The name of what is accepted: the file, and with it a policy that is no shipped one. */
static int name_of(const struct config *c, char name[COMMIT_HEX + 1], struct sbx_err *err)
{
	cleanup_free char *path = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	int r = 0;

	buf_add(&text, c->text, c->text_len);
	if (strchr(c->policy, '/')) {
		path = c->policy[0] == '/' ? strdup(c->policy)
					   : str_printf("%s/%s", c->dir, c->policy);
		r = path ? add_policy(&text, path, err) : sbx_err_oom(err, "trust");
	}
	if (r < 0)
		return r;
	if (text.failed)
		return sbx_err_oom(err, "trust");
	return blob_name(text.data, text.len, name, err);
}

static bool is_known(const char *path, const char *name)
{
	cleanup_buf struct buf text = BUF_INIT;
	const char *p;

	if (!path || file_read(AT_FDCWD, path, 0, TRUSTED_BYTES_MAX, &text) < 0)
		return false;
	for (p = buf_str(&text); (p = strstr(p, name)); p += COMMIT_HEX)
		if ((p == text.data || p[-1] == '\n') && p[COMMIT_HEX] == '\n')
			return true;
	return false;
}

static int remember(const char *path, const char *name, struct sbx_err *err)
{
	cleanup_free char *dir = path ? strdup(path) : NULL;
	cleanup_close int fd = -EBADF;
	char line[COMMIT_HEX + 2];
	int r;

	/* Without a home it is asked again next time. */
	if (!path)
		return 0;
	if (!dir)
		return sbx_err_oom(err, "trust");
	*strrchr(dir, '/') = '\0';
	r = dir_make(AT_FDCWD, dir, 0700);
	if (r == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		snprintf(line, sizeof(line), "%s\n", name);
		r = fd < 0 ? -errno : fd_write_all(fd, line, strlen(line));
	}
	return r < 0 ? sbx_err_errno(err, r, "trust", "cannot remember in %s", path) : 0;
}

static bool ask(const struct config *c, const char *reaches)
{
	char answer[16] = "", shown[400];

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	fprintf(stderr,
		"%s reaches outside the box:\n%sAccept this version of the file? [y/N] ",
		escape_str(shown, sizeof(shown), c->path), reaches);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

int trust_check(struct repo *repo, const struct config *c, bool accepted,
		struct sbx_err *err)
{
	cleanup_free char *path = state_path("trusted");
	cleanup_buf struct buf reaches = BUF_INIT;
	struct sbx_err unkept = { 0 };
	char name[COMMIT_HEX + 1];
	int r;

	list_reaches(repo, c, &reaches);
	if (reaches.failed)
		return sbx_err_oom(err, "trust");
	if (!reaches.len)
		return 0;
	r = name_of(c, name, err);
	if (r < 0)
		return r;
	if (is_known(path, name))
		return 0;
	if (!accepted && !ask(c, reaches.data)) {
		for (char *p = reaches.data; (p = strchr(p, '\n')); p++)
			*p = p[1] ? ',' : '\0';
		return sbx_err_set(
			err, -EINVAL, "trust",
			"%s reaches outside the box (%s), and"
			" you have not accepted this version of it; read it, then give"
			" --trust",
			c->path, reaches.data + 2);
	}
	/* Accepted it is, also where that cannot be kept (a read-only home). */
	if (remember(path, name, &unkept) < 0)
		fprintf(stderr, "autoexp: note: %s; the next new campaign asks again\n",
			unkept.msg);
	return 0;
}
