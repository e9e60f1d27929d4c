/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/diff.h"

/*
 * The two blobs are compared as they are: no attributes of the working tree, no external
 * diff, no text conversion.
 */

#include "repo/git.h"

#define DIFF_MAX (16 * 1024 * 1024)

static int blob_of(struct repo *repo, const char *commit, const char *path,
		   git_blob **ret, struct sbx_err *err)
{
	cleanup_git(tree_entry) git_tree_entry *e = NULL;
	git_object_t type;
	size_t size = 0;
	int r;

	r = git_entry_of(repo, commit, path, &e, err);
	if (r < 0)
		return sbx_err_set(err, r, "repo", "commit %.12s has no %s", commit,
				   path);
	if (git_tree_entry_type(e) != GIT_OBJECT_BLOB)
		return sbx_err_set(err, -ENOENT, "repo", "%s is no file in commit %.12s",
				   path, commit);
	r = git_odb_read_header(&size, &type, repo->odb, git_tree_entry_id(e));
	if (r == 0 && size > DIFF_MAX)
		return sbx_err_set(err, -EFBIG, "repo",
				   "%s is too large for a diff (%zu bytes)", path, size);
	if (r == 0)
		r = git_blob_lookup(ret, repo->git, git_tree_entry_id(e));
	if (r < 0)
		return git_fail(err, r, "cannot read %s from commit %.12s", path, commit);
	return 0;
}

int diff_commits(struct repo *repo, const char *from, const char *to, const char *path,
		 struct buf *ret, struct sbx_err *err)
{
	cleanup_git(blob) git_blob *a = NULL, *b = NULL;
	cleanup_git(patch) git_patch *patch = NULL;
	git_diff_options opts = GIT_DIFF_OPTIONS_INIT;
	git_buf text = GIT_BUF_INIT;
	int r;

	r = blob_of(repo, from, path, &a, err);
	if (r == 0)
		r = blob_of(repo, to, path, &b, err);
	if (r < 0)
		return r;
	r = git_patch_from_blobs(&patch, a, path, b, path, &opts);
	if (r == 0)
		r = git_patch_to_buf(&text, patch);
	if (r < 0)
		return git_fail(err, r, "cannot compare %s", path);
	if (git_patch_num_hunks(patch) > 0 ||
	    !git_oid_equal(git_blob_id(a), git_blob_id(b)))
		buf_add(ret, text.ptr, text.size);
	git_buf_dispose(&text);
	return ret->failed ? sbx_err_oom(err, "repo") : 0;
}
