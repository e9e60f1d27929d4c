/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Finding policy files and reading them, those that a policy extends before itself. A chain of
 * them must end: it is short, and a file that is being read is not read once more.
 */

#include "policy-load.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strv.h"
#include "policy-keys.h"
#include "policy.h"

#define STAGE "policy"

#define EXTENDS_MAX 8

/* The last part of @path without ".yaml" or another suffix. NULL: out of memory */
static char *policy_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');

	return strndup(base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

/* A file that extends itself, perhaps by way of others. */
static bool is_cycle(const struct policy_loader *l)
{
	for (const struct policy_loader *o = l->outer; o; o = o->outer)
		if (o->dev == l->dev && o->ino == l->ino)
			return true;
	return false;
}

static int read_text(struct policy_loader *l, struct buf *text, struct sbx_err *err)
{
	struct stat st;
	int r = file_read(AT_FDCWD, l->path, 0, YAML_SIZE_MAX, text);

	if (r == 0 && stat(l->path, &st) < 0)
		r = err_negative(-errno);
	if (r != 0)
		return sbx_err_errno(err, r, STAGE, "cannot read the policy %s", l->path);
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

static int read_file(struct policy_loader *l, struct sbx_err *err)
{
	cleanup_yaml struct yaml_tree *tree = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	char ***files = &l->policy->origins->files;
	int r;

	r = read_text(l, &text, err);
	if (r < 0)
		return r;
	if (is_cycle(l))
		return sbx_err_set(err, -EINVAL, STAGE, "%s extends itself", l->path);
	r = yaml_tree_parse(buf_str(&text), text.len, l->path, &tree, err);
	if (r < 0)
		return r;
	if (strv_add(files, l->path) < 0)
		return sbx_err_oom(err, STAGE);
	l->name = (*files)[strv_len(*files) - 1];
	return policy_read_keys(tree->root, l, err);
}

static bool is_name(const char *s)
{
	return *s && *s != '.' &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345678"
			   "9._-")] == '\0';
}

/* The path of a policy in the folder of the shipped ones. */
static int path_of_name(const char *name, const char *policy_dir, char **ret,
			struct sbx_err *err)
{
	cleanup_free char *path = NULL;

	if (!is_name(name))
		return sbx_err_set(
			err, -EINVAL, STAGE,
			"'%s' is no name of a policy; accepted is a name such as "
			"default, or a path with a slash in it",
			name);
	if (!policy_dir)
		return sbx_err_set(
			err, -ENOENT, STAGE,
			"the folder of the policies was not found, so '%s' cannot be "
			"looked up; give a path such as ./%s.yaml",
			name, name);
	path = str_printf("%s/%s.yaml", policy_dir, name);
	if (!path)
		return sbx_err_oom(err, STAGE);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return sbx_err_set(
			err, -ENOENT, STAGE,
			"there is no policy '%s' in %s; a file elsewhere needs a slash "
			"in its path, such as ./%s.yaml",
			name, policy_dir, name);
	*ret = TAKE_PTR(path);
	return 0;
}

int policy_read_extends(const struct yaml_node *n, const struct yaml_field *f, void *base,
			struct sbx_err *err)
{
	struct policy_loader *l = base, inner = *l;
	cleanup_free char *path = NULL;
	struct sbx_err why = { 0 };
	int r = 0;

	if (!yaml_is_text(n) || !*n->text)
		return yaml_fail(n, err, "this is no policy; accepted is %s", f->accepts);
	/* The built-in policy is what everything starts from. */
	if (streq(n->text, "default"))
		return 0;
	if (l->depth + 1 >= EXTENDS_MAX)
		return yaml_fail(n, err, "more than %d policies, each extending the next",
				 EXTENDS_MAX);
	if (!strchr(n->text, '/'))
		r = path_of_name(n->text, l->policy_dir, &path, &why);
	else if (!(path = policy_beside(l, n->text)))
		return sbx_err_oom(err, STAGE);
	if (r == 0 && access(path, R_OK) < 0)
		r = sbx_err_errno(&why, -errno, STAGE, "cannot read the policy %s", path);
	if (r < 0)
		return yaml_fail(n, err, "%s", why.msg);
	inner.path = path;
	inner.outer = l;
	inner.depth = l->depth + 1;
	return read_file(&inner, err);
}

static void cleanup_policy_p(struct sbx_policy **p)
{
	policy_free(*p);
}

int policy_load(const char *name_or_path, const char *policy_dir, struct sbx_policy **ret,
		struct sbx_err *err)
{
	__attribute__((__cleanup__(cleanup_policy_p))) struct sbx_policy *p = NULL;
	cleanup_free char *path = NULL;
	struct policy_loader l = { .policy_dir = policy_dir };
	int r = 0;

	if (!strchr(name_or_path, '/'))
		r = path_of_name(name_or_path, policy_dir, &path, err);
	else if (!(path = strdup(name_or_path)))
		r = sbx_err_oom(err, STAGE);
	if (r == 0 && policy_new(&p) < 0)
		r = sbx_err_oom(err, STAGE);
	if (r < 0)
		return r;
	l.policy = p;
	l.path = path;
	r = read_file(&l, err);
	if (r < 0)
		return r;
	free(p->name);
	p->name = policy_name(path);
	if (!p->name)
		return sbx_err_oom(err, STAGE);
	*ret = TAKE_PTR(p);
	return 0;
}
