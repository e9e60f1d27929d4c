/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Paths are checked as text: what cannot be right anywhere is refused here, where the
 * line is known. Whether a path exists and what it is, the box and the repository find
 * out.
 */

#include "base/strv.h"
#include "conf/paths.h"
#include "conf/readers.h"

#define STAGE "config"

/* A path below the configuration's directory, in normal form. */
static int relative_path(const struct yaml_node *n, const char *accepts, char **ret,
			 struct sbx_err *err)
{
	cleanup_free char *path = NULL;
	const char *problem = NULL;
	char found[YAML_FOUND_SIZE];
	int r;

	yaml_found(n, found, sizeof(found));
	if (!yaml_is_text(n))
		return yaml_fail(n, err, "%s; accepted is %s", found, accepts);
	r = path_normal(n->text, &path, &problem);
	if (r == -ENOMEM)
		return sbx_err_oom(err, STAGE);
	if (r == 0 && *path == '/')
		problem = "is absolute";
	else if (r == 0 && streq(path, "."))
		problem = "is the directory itself";
	else if (r == 0 &&
		 (path_has_part(path, ".git") || path_has_part(path, ".autoexp")))
		problem = "lies in .git or .autoexp, which no run may see";
	if (problem)
		return yaml_fail(n, err, "%s %s; accepted is %s", found, problem,
				 accepts);
	*ret = TAKE_PTR(path);
	return 0;
}

int read_target(const struct yaml_node *n, const struct yaml_field *f, void *base,
		struct sbx_err *err)
{
	struct config *c = base;
	size_t len = n->type == YAML_SCALAR ? strlen(n->text) : 0;

	if (len && n->text[len - 1] == '/')
		return yaml_fail(n, err, "'%.80s' is a directory; accepted is %s",
				 n->text, f->accepts);
	return relative_path(n, f->accepts, &c->target, err);
}

int read_scratch(const struct yaml_node *n, const struct yaml_field *f, void *base,
		 struct sbx_err *err)
{
	struct config *c = base;
	int r;

	if (n->type != YAML_LIST)
		return conf_refuse(n, f, err);
	for (size_t i = 0; i < n->n; i++) {
		cleanup_free char *path = NULL;

		r = relative_path(n->items[i], f->accepts, &path, err);
		if (r < 0)
			return r;
		if (strv_add(&c->scratch_paths, path) < 0)
			return sbx_err_oom(err, STAGE);
	}
	return 0;
}

/* Places the box makes for itself, or that lead out of it through sockets. */
static const char *show_problem(const char *path)
{
	static const char *const own[] = { "/run", "/var/run", "/proc", "/sys", "/dev" };
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (streq(path, "/"))
		return "would show the whole host";
	if (streq(path, "/tmp"))
		return "is where other programs keep their sockets; name what you need "
		       "below it";
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (path_within(path, own[i]))
			return "leads out of the box or is made by it";
	if (runtime && *runtime == '/' && path_within(path, runtime))
		return "is the directory of this session's sockets";
	if (*path != '/' &&
	    (path_has_part(path, ".git") || path_has_part(path, ".autoexp")))
		return "lies in .git or .autoexp, which no run may see";
	if (streq(path, "."))
		return "is the directory itself, whose committed files a run sees anyway";
	return NULL;
}

/* "~/x" by $HOME. NULL in @ret_problem: fine. */
static int expand_home(const char *path, char **ret, const char **ret_problem)
{
	const char *home = getenv("HOME");

	*ret_problem = NULL;
	if (*path == '~' && path[1] && path[1] != '/')
		*ret_problem = "names another user's home; write the absolute path";
	else if (*path == '~' && (!home || *home != '/'))
		*ret_problem = "needs the variable HOME, which is not set";
	if (*ret_problem)
		return -EINVAL;
	*ret = *path == '~' ? str_printf("%s%s", home, path + 1) : strdup(path);
	return *ret ? 0 : -ENOMEM;
}

static int show_path(const struct yaml_node *n, const struct yaml_field *f, char **ret,
		     struct sbx_err *err)
{
	cleanup_free char *expanded = NULL, *path = NULL;
	char found[YAML_FOUND_SIZE];
	const char *problem = NULL;
	int r;

	/* A lone ~ is YAML's word for nothing, and all of a home is never what is needed.
	 */
	if (!yaml_is_text(n))
		return conf_refuse(n, f, err);
	r = expand_home(n->text, &expanded, &problem);
	if (r == 0)
		r = path_normal(expanded, &path, &problem);
	if (r == -ENOMEM)
		return sbx_err_oom(err, STAGE);
	if (r == 0)
		problem = show_problem(path);
	if (problem)
		return yaml_fail(n, err, "%s %s; accepted is %s",
				 yaml_found(n, found, sizeof(found)), problem,
				 f->accepts);
	*ret = TAKE_PTR(path);
	return 0;
}

int read_show(const struct yaml_node *n, const struct yaml_field *f, void *base,
	      struct sbx_err *err)
{
	struct config *c = base;
	int r;

	if (n->type != YAML_LIST)
		return conf_refuse(n, f, err);
	for (size_t i = 0; i < n->n; i++) {
		cleanup_free char *path = NULL;

		r = show_path(n->items[i], f, &path, err);
		if (r < 0)
			return r;
		if (strv_add(&c->show, path) < 0)
			return sbx_err_oom(err, STAGE);
	}
	return 0;
}
