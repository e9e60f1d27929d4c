/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/commit-check.h"

#include "base/strv.h"
#include "repo/git.h"

static void cleanup_diff_p(git_diff **d)
{
	git_diff_free(*d);
}

/* Does the commit have this content at the path, and is the content there? */
static int check_content(struct repo *repo, git_tree *tree,
			 const struct commit_claim *claim, const char **ret_what,
			 struct sbx_err *err)
{
	cleanup_git(tree_entry) git_tree_entry *e = NULL;
	char name[COMMIT_HEX + 1];
	int r;

	r = git_tree_entry_bypath(&e, tree, claim->path);
	if (r < 0 && r != GIT_ENOTFOUND)
		return git_fail(err, r, "cannot look for %s in commit %.12s", claim->path,
				claim->commit);
	if (r == 0)
		git_oid_tostr(name, sizeof(name), git_tree_entry_id(e));
	if (r < 0 || !streq(name, claim->content))
		*ret_what = "does not hold the content it was made for";
	else if (!git_odb_exists(repo->odb, git_tree_entry_id(e)))
		*ret_what = "has lost the content of the target";
	return 0;
}

/* Trees only: which paths differ, not how. */
static int compare(struct repo *repo, git_commit *parent, git_commit *commit,
		   const struct commit_claim *claim, const char **ret_what,
		   struct sbx_err *err)
{
	cleanup(cleanup_diff_p) git_diff *diff = NULL;
	cleanup_git(tree) git_tree *from = NULL, *to = NULL;
	const git_diff_delta *d;
	size_t n;
	int r;

	r = git_commit_tree(&from, parent);
	if (r == 0)
		r = git_commit_tree(&to, commit);
	if (r == 0)
		r = git_diff_tree_to_tree(&diff, repo->git, from, to, NULL);
	if (r < 0)
		return git_fail(err, r, "cannot compare commit %.12s", claim->commit);
	n = git_diff_num_deltas(diff);
	d = n ? git_diff_get_delta(diff, 0) : NULL;
	if (n > 1 || (d && !streq(d->new_file.path, claim->path)))
		*ret_what = "changes more than the target";
	else if (d && d->old_file.mode != d->new_file.mode)
		*ret_what = "changes the mode of the target";
	else if (d && !*claim->content)
		*ret_what = "changes the target, and should change nothing";
	if (*ret_what || !*claim->content)
		return 0;
	return check_content(repo, to, claim, ret_what, err);
}

int commit_check(struct repo *repo, const struct commit_claim *claim,
		 const char **ret_what, struct sbx_err *err)
{
	cleanup_git(commit) git_commit *commit = NULL, *parent = NULL;
	char hex[COMMIT_HEX + 1];
	int r;

	*ret_what = NULL;
	if (repo_has_commit(repo, claim->commit, NULL) != 1) {
		*ret_what = "is not in the repository any more";
		return 0;
	}
	r = git_commit_of(repo, claim->commit, &commit, err);
	if (r < 0)
		return r;
	if (git_commit_parentcount(commit) == 1)
		git_oid_tostr(hex, sizeof(hex), git_commit_parent_id(commit, 0));
	if (git_commit_parentcount(commit) != 1 || !streq(hex, claim->parent)) {
		*ret_what = "does not stand on the experiment it was derived from";
		return 0;
	}
	r = git_commit_of(repo, claim->parent, &parent, err);
	return r < 0 ? r : compare(repo, parent, commit, claim, ret_what, err);
}
