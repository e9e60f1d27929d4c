/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/check.h"

/*
 * Questions asked once, before a campaign starts. Everything is read: the index to tell a
 * staged file from an unknown one, the working tree to compare it with HEAD.
 */

#include <sys/stat.h>

#include "base/strv.h"
#include "repo/git.h"

#define ATTRIBUTES_MAX (1024 * 1024)
#define LFS_MAGIC      "version https://git-lfs.github.com/spec/"
#define LFS_MAX        1024 /* a pointer is never longer */

void repo_target_done(struct repo_target *t)
{
	free(t->path);
	*t = (struct repo_target){ 0 };
}

static int is_link(struct sbx_err *err, const char *rel)
{
	return sbx_err_set(
		err, -ELOOP, "repo",
		"the target %s is a symbolic link; name the file it points to, if that "
		"is in the repository",
		rel);
}

static int is_dir(struct sbx_err *err, const char *rel)
{
	return sbx_err_set(err, -EISDIR, "repo",
			   "the target %s is a directory; the target is one file",
			   *rel ? rel : "(the repository itself)");
}

/* Is a directory on the way to @rel a submodule in HEAD? */
static int in_submodule(struct repo *repo, const char *rel, char **ret,
			struct sbx_err *err)
{
	cleanup_free char *part = strdup(rel);
	enum repo_kind kind;
	char *slash;
	int r;

	if (!part)
		return sbx_err_oom(err, "repo");
	while ((slash = strrchr(part, '/'))) {
		*slash = '\0';
		r = repo_has_path(repo, NULL, part, &kind, err);
		if (r < 0)
			return r;
		if (kind == REPO_SUBMODULE) {
			*ret = TAKE_PTR(part);
			return 1;
		}
	}
	return 0;
}

/* The file is there and regular, only HEAD does not know it. */
static int not_in_head(struct repo *repo, const char *rel, struct sbx_err *err)
{
	cleanup_git(index) git_index *index = NULL;
	int r, ignored;

	r = git_repository_index(&index, repo->git);
	if (r < 0)
		return git_fail(err, r, "cannot read the index of %s", repo->workdir);
	if (git_index_get_bypath(index, rel, 0))
		return sbx_err_set(
			err, -ENODATA, "repo",
			"%s is staged but in no commit, and only what is committed is "
			"measured: git commit -m \"add %s\"",
			rel, rel);
	r = git_ignore_path_is_ignored(&ignored, repo->git, rel);
	if (r < 0)
		return git_fail(err, r, "cannot see whether %s is ignored", rel);
	return sbx_err_set(
		err, -ENODATA, "repo",
		"%s is %s, and only what is committed is measured: git add %s%s && git "
		"commit -m \"add %s\"",
		rel, ignored ? "ignored by git" : "not in git", ignored ? "-f " : "", rel,
		rel);
}

static int explain_absent(struct repo *repo, const char *rel, struct sbx_err *err)
{
	cleanup_free char *module = NULL;
	cleanup_free char *path = str_printf("%s/%s", repo->workdir, rel);
	struct stat st;
	int r;

	if (!path)
		return sbx_err_oom(err, "repo");
	r = in_submodule(repo, rel, &module, err);
	if (r < 0)
		return r;
	if (r > 0)
		return sbx_err_set(err, -ENOTSUP, "repo",
				   "the target %s is inside the submodule %s; run in the "
				   "submodule's own working tree: cd %s",
				   rel, module, module);
	if (lstat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return sbx_err_set(err, -ENOENT, "repo",
					   "the target %s does not exist in %s", rel,
					   repo->workdir);
		return sbx_err_errno(err, -errno, "repo", "cannot look at %s", path);
	}
	if (S_ISLNK(st.st_mode))
		return is_link(err, rel);
	if (S_ISDIR(st.st_mode))
		return is_dir(err, rel);
	if (!S_ISREG(st.st_mode))
		return sbx_err_set(
			err, -ENOTSUP, "repo",
			"the target %s is a device, socket or FIFO; the target is a "
			"regular file",
			rel);
	return not_in_head(repo, rel, err);
}

static int fill_target(struct repo *repo, const git_tree_entry *e, const char *rel,
		       struct repo_target *ret, struct sbx_err *err)
{
	git_object_t type;
	size_t size;
	char *path;
	int r;

	r = git_odb_read_header(&size, &type, repo->odb, git_tree_entry_id(e));
	if (r < 0)
		return git_fail(err, r, "cannot read %s from HEAD", rel);
	path = strdup(rel);
	if (!path)
		return sbx_err_oom(err, "repo");
	*ret = (struct repo_target){ .path = path,
				     .size = size,
				     .executable = git_kind_of(e) == REPO_EXECUTABLE };
	git_oid_tostr(ret->blob, sizeof(ret->blob), git_tree_entry_id(e));
	return 0;
}

int repo_check_target(struct repo *repo, const char *path, struct repo_target *ret,
		      struct sbx_err *err)
{
	cleanup_git(tree_entry) git_tree_entry *e = NULL;
	cleanup_free char *rel = NULL;
	struct sbx_err why = { 0 };
	int r;

	r = repo_relpath(repo, path, &rel, err);
	if (r < 0)
		return r;
	if (!*rel)
		return is_dir(err, rel);
	r = git_entry_of(repo, NULL, rel, &e, &why);
	if (r == -ENOENT && why.code == 0)
		return explain_absent(repo, rel, err);
	if (r < 0)
		return sbx_err_set(err, r, why.stage, "%s", why.msg);
	switch (git_kind_of(e)) {
	case REPO_FILE:
	case REPO_EXECUTABLE:
		return fill_target(repo, e, rel, ret, err);
	case REPO_SYMLINK:
		return is_link(err, rel);
	case REPO_DIR:
		return is_dir(err, rel);
	default:
		return sbx_err_set(err, -ENOTSUP, "repo",
				   "the target %s is a submodule; the target is one file",
				   rel);
	}
}

/*
 * A file may equal its blob as it is, or after git's own conversion of line endings (the
 * only filters libgit2 has). What cannot be read or converted is certainly not what HEAD
 * has.
 */
static bool equals_head(struct repo *repo, const git_oid *blob, const char *path)
{
	struct stat st;
	git_oid id;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (git_odb_hashfile(&id, path, GIT_OBJECT_BLOB) == 0 && git_oid_equal(&id, blob))
		return true;
	return git_repository_hashfile(&id, repo->git, path, GIT_OBJECT_BLOB, NULL) ==
		       0 &&
	       git_oid_equal(&id, blob);
}

int repo_dirty(struct repo *repo, char *const *relpaths, char ***ret, struct sbx_err *err)
{
	cleanup_strv char **list = NULL;

	for (; relpaths && *relpaths; relpaths++) {
		cleanup_git(tree_entry) git_tree_entry *e = NULL;
		cleanup_free char *path = str_printf("%s/%s", repo->workdir, *relpaths);
		struct sbx_err why = { 0 };
		int r;

		if (!path)
			return sbx_err_oom(err, "repo");
		r = git_entry_of(repo, NULL, *relpaths, &e, &why);
		if (r == -ENOENT && why.code == 0)
			continue;
		if (r < 0)
			return sbx_err_set(err, r, why.stage, "%s", why.msg);
		if (git_kind_of(e) != REPO_FILE && git_kind_of(e) != REPO_EXECUTABLE)
			continue;
		if (!equals_head(repo, git_tree_entry_id(e), path) &&
		    strv_add(&list, *relpaths) < 0)
			return sbx_err_oom(err, "repo");
	}
	*ret = TAKE_PTR(list);
	return 0;
}

struct survey {
	struct repo *repo;
	char **lfs, **submodules;
	bool has_lfs; /* some .gitattributes names the filter */
	int r;        /* ours, where a callback ended the walk */
};

static int read_small(struct survey *s, const git_tree_entry *e, size_t max,
		      struct buf *ret)
{
	cleanup_git(blob) git_blob *blob = NULL;
	git_object_t type;
	size_t size;
	int r;

	r = git_odb_read_header(&size, &type, s->repo->odb, git_tree_entry_id(e));
	if (r < 0 || size > max)
		return r;
	r = git_blob_lookup(&blob, s->repo->git, git_tree_entry_id(e));
	if (r == 0)
		buf_add(ret, git_blob_rawcontent(blob), size);
	return r;
}

static int add_name(struct survey *s, char ***list, const char *dir,
		    const git_tree_entry *e)
{
	if (strv_len(*list) < REPO_LIST_MAX &&
	    strv_addf(list, "%s%s", dir, git_tree_entry_name(e)) < 0)
		s->r = -ENOMEM;
	return s->r;
}

/* First walk: submodules, and whether files of git-lfs are worth looking for. */
static int survey_names(const char *dir, const git_tree_entry *e, void *data)
{
	struct survey *s = data;
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	if (git_kind_of(e) == REPO_SUBMODULE)
		return add_name(s, &s->submodules, dir, e);
	if (git_tree_entry_type(e) != GIT_OBJECT_BLOB ||
	    !streq(git_tree_entry_name(e), ".gitattributes"))
		return 0;
	r = read_small(s, e, ATTRIBUTES_MAX, &text);
	if (strstr(buf_str(&text), "filter=lfs"))
		s->has_lfs = true;
	return r;
}

/* Second walk, where some attribute names git-lfs: sizes are cheap, contents are not. */
static int survey_blobs(const char *dir, const git_tree_entry *e, void *data)
{
	struct survey *s = data;
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	if (git_tree_entry_type(e) != GIT_OBJECT_BLOB ||
	    strv_len(s->lfs) >= REPO_LIST_MAX)
		return 0;
	r = read_small(s, e, LFS_MAX, &text);
	if (r == 0 && str_after(buf_str(&text), LFS_MAGIC))
		r = add_name(s, &s->lfs, dir, e);
	return r;
}

int repo_list_absent(struct repo *repo, const char *commit, char ***ret_lfs,
		     char ***ret_submodules, struct sbx_err *err)
{
	cleanup_git(commit) git_commit *c = NULL;
	cleanup_git(tree) git_tree *tree = NULL;
	struct survey s = { .repo = repo };
	int r;

	r = git_commit_of(repo, commit, &c, err);
	if (r < 0)
		return r;
	r = git_commit_tree(&tree, c);
	if (r == 0)
		r = git_tree_walk(tree, GIT_TREEWALK_PRE, survey_names, &s);
	if (r == 0 && s.has_lfs)
		r = git_tree_walk(tree, GIT_TREEWALK_PRE, survey_blobs, &s);
	if (r < 0) {
		strv_free(s.lfs);
		strv_free(s.submodules);
		return s.r < 0 ? sbx_err_oom(err, "repo")
			       : git_fail(err, r, "cannot look through the commit");
	}
	*ret_lfs = s.lfs;
	*ret_submodules = s.submodules;
	return 0;
}
