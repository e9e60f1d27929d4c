/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/check.h"

#include <sys/stat.h>

#include "base/strv.h"
#include "loop/session.h"
#include "repo/check.h"

/* Is @path one of @list, or below one? Both relative to the configuration. */
static bool covered(const char *path, char *const *list)
{
	for (; list && *list; list++) {
		const char *rest = str_after(path, *list);

		if (rest && (*rest == '\0' || *rest == '/'))
			return true;
	}
	return false;
}

/*
 * A file of the harness that lies in the working tree but not in the commit would be
 * missing in the box, and the baseline would fail with somebody else's words.
 */
static int check_word(struct session *s, const char *commit, const char *word,
		      char ***checked, struct sbx_err *err)
{
	cleanup_free char *path = str_printf("%s/%s", s->config->dir, word);
	cleanup_free char *rel = NULL;
	enum repo_kind kind;
	struct stat st;
	int r;

	if (!path)
		return sbx_err_oom(err, "loop");
	if (covered(word, s->config->show) || covered(word, s->config->scratch_paths))
		return 0;
	r = repo_relpath(s->repo, path, &rel, NULL);
	if (r == -ENOMEM)
		return sbx_err_oom(err, "loop");
	if (r < 0)
		return 0;
	r = repo_has_path(s->repo, commit, rel, &kind, err);
	if (r < 0)
		return r;
	if (kind != REPO_ABSENT)
		return strv_add(checked, rel) < 0 ? sbx_err_oom(err, "loop") : 0;
	if (lstat(path, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	return sbx_err_set(
		err, -ENODATA, "loop",
		"harness: %s is not in %s, and what is measured"
		" is what is committed; type: git add %s && git commit -m 'add the"
		" harness'%s",
		word, s->exists ? "the commit this campaign began with" : "HEAD", word,
		s->exists ? ", then begin a new campaign with --tag" : "");
}

static int warn_dirty(struct session *s, char *const *paths, struct sbx_err *err)
{
	cleanup_strv char **dirty = NULL;
	int r;

	r = repo_dirty(s->repo, paths, &dirty, err);
	if (r < 0)
		return r;
	for (char **p = dirty; p && *p; p++)
		session_note(
			s,
			"%s has changes that are not committed; what is measured is the"
			" commit, without them",
			*p);
	return 0;
}

static int warn_absent(struct session *s, const char *commit, struct sbx_err *err)
{
	cleanup_strv char **lfs = NULL, **modules = NULL;
	int r;

	r = repo_list_absent(s->repo, commit, &lfs, &modules, err);
	if (r < 0)
		return r;
	for (char **p = lfs; p && *p; p++)
		session_note(s,
			     "%s is a git-lfs pointer: the harness sees the pointer; with"
			     " `show: [%s]` it sees the file of the working tree",
			     *p, *p);
	for (char **p = modules; p && *p; p++)
		session_note(
			s,
			"%s is a submodule: the harness sees an empty directory; with"
			" `show: [%s]` it sees the one of the working tree",
			*p, *p);
	return 0;
}

static int check_target(struct session *s, struct sbx_err *err)
{
	cleanup(repo_target_done) struct repo_target target = { 0 };
	int r;

	r = repo_check_target(s->repo, s->bench.target, &target, err);
	return r < 0 ? r : guard_check_target(target.size, err);
}

int check_repository(struct session *s, const char *commit, struct sbx_err *err)
{
	cleanup_strv char **words = NULL, **checked = NULL;
	int r;

	/* Of a campaign that goes on the target was checked when it began. */
	if (!s->exists && (r = check_target(s, err)) < 0)
		return r;
	r = config_harness_words(s->config, &words);
	if (r < 0)
		return sbx_err_oom(err, "loop");
	for (char **w = words; w && *w; w++) {
		r = check_word(s, commit, *w, &checked, err);
		if (r < 0)
			return r;
	}
	/* `try` is about changes of the target that are not committed. */
	if (!s->options->is_try && !strv_has(checked, s->target) &&
	    strv_add(&checked, s->target) < 0)
		return sbx_err_oom(err, "loop");
	r = warn_dirty(s, checked, err);
	if (r < 0 || s->exists)
		return r;
	return warn_absent(s, commit, err);
}
