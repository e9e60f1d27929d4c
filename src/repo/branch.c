/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/branch.h"

/*
 * The branch of a campaign.
 *
 * References are durable when libgit2 returns: it writes "<ref>.lock", syncs it, renames
 * it and syncs the directory. The directories above are made and synced here first, for
 * libgit2 syncs only the last one.
 *
 * A supervisor killed in between leaves "<ref>.lock", and git and libgit2 then refuse
 * that reference for ever. branch_recover() removes such files: those below
 * refs/autoexp/<tag>/ can be nobody else's while the campaign's lock is held; the branch
 * itself, and the file of packed references, could be locked by the user's git just now,
 * which holds them for milliseconds.
 */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/strv.h"
#include "repo/git.h"
#include "repo/pack.h"
#include "repo/ref.h"

#define LINK_MAX_BYTES 8192 /* of a HEAD or gitdir file */
#define LOCK_TRIES     20
#define LOCK_WAIT_US   (50 * USEC_PER_MSEC)

int tag_check(const char *tag, struct sbx_err *err)
{
	size_t n = strlen(tag);
	size_t ok = strspn(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789._-");

	if (n == 0 || n > TAG_MAX || ok != n)
		return sbx_err_set(
			err, -EINVAL, "repo",
			"\"%.80s\" cannot be a tag: 1 to %d letters, digits, dots, "
			"dashes and underscores are accepted",
			tag, TAG_MAX);
	if (tag[0] == '.' || tag[0] == '-' || tag[n - 1] == '.' || strstr(tag, "..") ||
	    (n >= 5 && streq(tag + n - 5, ".lock")))
		return sbx_err_set(
			err, -EINVAL, "repo",
			"\"%s\" cannot be a tag: git refuses names with a leading dot "
			"or dash, with \"..\", and ending in \".\" or \".lock\"",
			tag);
	return 0;
}

int branch_list(struct repo *repo, char ***ret, struct sbx_err *err)
{
	cleanup_git(branch_iterator) git_branch_iterator *it = NULL;
	cleanup_strv char **tags = NULL;
	git_reference *ref;
	git_branch_t type;
	const char *tag;
	int r;

	r = git_branch_iterator_new(&it, repo->git, GIT_BRANCH_LOCAL);
	while (r == 0 && (r = git_branch_next(&ref, &type, it)) == 0) {
		tag = str_after(git_reference_name(ref), BRANCH_PREFIX);
		if (tag && tag_check(tag, NULL) == 0 && strv_add(&tags, tag) < 0)
			r = -ENOMEM;
		git_reference_free(ref);
		if (r == -ENOMEM)
			return sbx_err_oom(err, "repo");
	}
	if (r != GIT_ITEROVER)
		return git_fail(err, r, "cannot list the branches of %s", repo->workdir);
	strv_sort(tags);
	*ret = TAKE_PTR(tags);
	return 0;
}

int ref_make_dirs(struct repo *repo, const char *ref, struct sbx_err *err)
{
	cleanup_free char *path = str_printf("%s/%s", repo->common, ref);
	int r = 0;

	if (!path)
		return sbx_err_oom(err, "repo");
	for (char *p = path + strlen(repo->common) + 1; r == 0 && (p = strchr(p, '/'));
	     p++) {
		*p = '\0';
		if (mkdir(path, 0777) == 0)
			r = file_sync_parent(AT_FDCWD, path);
		else if (errno != EEXIST)
			r = -errno;
		*p = '/';
	}
	if (r < 0)
		return sbx_err_errno(err, r, "repo", "cannot make the directories of %s",
				     path);
	return 0;
}

int ref_write(struct repo *repo, const char *name, const git_oid *id, const git_oid *from,
	      const char *why, struct sbx_err *err)
{
	cleanup_git(reference) git_reference *ref = NULL;
	struct timespec wait = timespec_of_us(LOCK_WAIT_US);
	int r;

	r = ref_make_dirs(repo, name, err);
	if (r < 0)
		return r;
	for (int i = 0; i < LOCK_TRIES; i++) {
		r = git_reference_create_matching(&ref, repo->git, name, id, from != NULL,
						  from, why);
		if (r != GIT_ELOCKED)
			break;
		nanosleep(&wait, NULL);
	}
	if (r == GIT_ELOCKED)
		return sbx_err_set(
			err, -EBUSY, "repo",
			"another program holds %s/%s.lock; if none is running, remove "
			"it",
			repo->common, name);
	if (r == GIT_EMODIFIED || (from && r == GIT_ENOTFOUND))
		return sbx_err_set(err, -ESTALE, "repo", "%s was moved by somebody else",
				   name);
	if (r == GIT_EEXISTS)
		return sbx_err_set(err, -EEXIST, "repo", "%s exists", name);
	if (r < 0)
		return git_fail(err, r, "cannot write %s", name);
	return 0;
}

/* One line of a small file; a missing file is no line. */
static int read_line(const char *path, struct buf *ret, struct sbx_err *err)
{
	int r;

	buf_clear(ret);
	r = file_read(AT_FDCWD, path, 0, LINK_MAX_BYTES, ret);
	if (r == -ENOENT || r == -ENOTDIR) {
		buf_clear(ret);
		return 0;
	}
	if (r < 0)
		return sbx_err_errno(err, r, "repo", "cannot read %s", path);
	while (ret->len && strchr("\r\n ", ret->data[ret->len - 1]))
		ret->data[--ret->len] = '\0';
	return 0;
}

static int busy(struct sbx_err *err, const char *ref, const char *where)
{
	return sbx_err_set(
		err, -EBUSY, "repo",
		"%s is checked out in %s, and moving it would show every file there "
		"as changed; switch to another branch there, or remove the worktree",
		ref, where);
}

/*
 * @dir is the git directory of one worktree. A rebase detaches HEAD and moves the branch
 * at its end; until then it names it in a file.
 */
static int check_head(const char *dir, const char *ref, const char *where,
		      struct sbx_err *err)
{
	static const char *const files[] = { "HEAD", "rebase-merge/head-name",
					     "rebase-apply/head-name" };
	cleanup_buf struct buf line = BUF_INIT;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_free char *path = str_printf("%s/%s", dir, files[i]);
		const char *name;

		if (!path)
			return sbx_err_oom(err, "repo");
		r = read_line(path, &line, err);
		if (r < 0)
			return r;
		name = str_after(buf_str(&line), "ref: ");
		if (streq(name ? name : buf_str(&line), ref))
			return busy(err, ref, where);
	}
	return 0;
}

static int check_worktree(const char *dir, const char *ref, struct sbx_err *err)
{
	cleanup_free char *file = str_printf("%s/gitdir", dir);
	cleanup_buf struct buf where = BUF_INIT;
	char *end;
	int r;

	if (!file)
		return sbx_err_oom(err, "repo");
	r = read_line(file, &where, err);
	if (r < 0)
		return r;
	end = where.len ? strrchr(where.data, '/') : NULL;
	if (end)
		*end = '\0';
	return check_head(dir, ref, where.len ? where.data : dir, err);
}

int branch_check_free(struct repo *repo, const char *tag, struct sbx_err *err)
{
	cleanup_free char *ref = str_printf(BRANCH_PREFIX "%s", tag);
	cleanup_free char *top = str_printf("%s/worktrees", repo->common);
	cleanup_closedir DIR *d = NULL;
	struct dirent *e;
	int r;

	if (!ref || !top)
		return sbx_err_oom(err, "repo");
	r = check_head(repo->common, ref, "the main working tree", err);
	if (r < 0)
		return r;
	d = opendir(top);
	if (!d)
		return errno == ENOENT ? 0
				       : sbx_err_errno(err, -errno, "repo",
						       "cannot open %s", top);
	while ((errno = 0, e = readdir(d))) {
		cleanup_free char *dir = str_printf("%s/%s", top, e->d_name);

		if (!dir)
			return sbx_err_oom(err, "repo");
		if (e->d_name[0] == '.')
			continue;
		r = check_worktree(dir, ref, err);
		if (r < 0)
			return r;
	}
	return errno ? sbx_err_errno(err, -errno, "repo", "cannot read %s", top) : 0;
}

/* A reference and a directory of references cannot have the same name. */
static int check_room(struct repo *repo, const char *tag, struct sbx_err *err)
{
	cleanup_git(reference) git_reference *ref = NULL;
	cleanup_git(reference_iterator) git_reference_iterator *it = NULL;
	cleanup_free char *below = str_printf(BRANCH_PREFIX "%s/*", tag);
	const char *name;
	int r;

	if (!below)
		return sbx_err_oom(err, "repo");
	r = git_reference_lookup(&ref, repo->git, "refs/heads/autoexp");
	if (r == 0)
		return sbx_err_set(
			err, -ENOTDIR, "repo",
			"a branch named \"autoexp\" is in the way of branches below "
			"autoexp/; rename it: git branch -m autoexp <other name>");
	if (r != GIT_ENOTFOUND)
		return git_fail(err, r, "cannot look for a branch named autoexp");
	r = git_reference_iterator_glob_new(&it, repo->git, below);
	if (r == 0)
		r = git_reference_next_name(&name, it);
	if (r == 0)
		return sbx_err_set(
			err, -ENOTDIR, "repo",
			"%s is in the way of a branch autoexp/%s; choose another tag",
			name, tag);
	return r == GIT_ITEROVER ? 0 : git_fail(err, r, "cannot list branches");
}

/*
 * A git tag of the branch's name makes `git merge autoexp/x` mean the tag, and a reference
 * where the experiments' references are to lie leaves no room for them.
 */
static int check_names(struct repo *repo, const char *tag, struct sbx_err *err)
{
	static const char *const taken[] = { "refs/tags/autoexp/", "refs/autoexp/" };

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		cleanup_free char *name = str_printf("%s%s", taken[i], tag);
		git_oid id;

		if (!name)
			return sbx_err_oom(err, "repo");
		if (git_reference_name_to_id(&id, repo->git, name) == 0)
			return sbx_err_set(err, -EEXIST, "repo",
					   "%s exists and would be mistaken for the "
					   "campaign; choose "
					   "another --tag, or give the name up: git "
					   "update-ref -d %s",
					   name, name);
	}
	return 0;
}

int branch_create(struct repo *repo, const char *tag, const char *commit,
		  struct sbx_err *err)
{
	cleanup_git(commit) git_commit *c = NULL;
	cleanup_free char *ref = str_printf(BRANCH_PREFIX "%s", tag);
	int r;

	if (!ref)
		return sbx_err_oom(err, "repo");
	r = tag_check(tag, err);
	if (r == 0)
		r = branch_check_free(repo, tag, err);
	if (r == 0)
		r = check_room(repo, tag, err);
	if (r == 0)
		r = check_names(repo, tag, err);
	if (r == 0)
		r = git_commit_of(repo, commit, &c, err);
	if (r == 0)
		r = ref_write(repo, ref, git_commit_id(c), NULL, "autoexp: start", err);
	return r;
}

int branch_tip(struct repo *repo, const char *tag, char ret_hex[static COMMIT_HEX + 1],
	       struct sbx_err *err)
{
	cleanup_free char *ref = str_printf(BRANCH_PREFIX "%s", tag);
	git_oid id;
	int r;

	if (!ref)
		return sbx_err_oom(err, "repo");
	r = git_reference_name_to_id(&id, repo->git, ref);
	if (r == GIT_ENOTFOUND)
		return sbx_err_set(err, -ENOENT, "repo", "there is no branch autoexp/%s",
				   tag);
	if (r < 0)
		return git_fail(err, r, "cannot read the branch autoexp/%s", tag);
	git_oid_tostr(ret_hex, COMMIT_HEX + 1, &id);
	return 0;
}

int branch_advance(struct repo *repo, const char *tag, const char *from, const char *to,
		   struct sbx_err *err)
{
	cleanup_git(commit) git_commit *old = NULL, *new = NULL;
	cleanup_free char *ref = str_printf(BRANCH_PREFIX "%s", tag);
	char tip[COMMIT_HEX + 1];
	int r;

	if (!ref)
		return sbx_err_oom(err, "repo");
	r = branch_tip(repo, tag, tip, err);
	if (r < 0)
		return r;
	if (streq(tip, to))
		return 0;
	if (!streq(tip, from))
		return sbx_err_set(
			err, -ESTALE, "repo",
			"autoexp/%s should be at %.12s and is at %.12s: somebody "
			"moved it; move it back: git branch -f autoexp/%s %.12s",
			tag, from, tip, tag, from);
	r = branch_check_free(repo, tag, err);
	if (r == 0)
		r = git_commit_of(repo, from, &old, err);
	if (r == 0)
		r = git_commit_of(repo, to, &new, err);
	if (r == 0)
		r = ref_write(repo, ref, git_commit_id(new), git_commit_id(old),
			      "autoexp: keep", err);
	return r;
}

/* Everything in refs/autoexp/<tag>/ that ends in .lock is of a supervisor that is no
 * more. */
static int remove_locks(const char *dir, struct sbx_err *err)
{
	cleanup_closedir DIR *d = opendir(dir);
	struct dirent *e;
	size_t n;

	if (!d)
		return errno == ENOENT ? 0
				       : sbx_err_errno(err, -errno, "repo",
						       "cannot open %s", dir);
	while ((errno = 0, e = readdir(d))) {
		n = strlen(e->d_name);
		if (n < 5 || !streq(e->d_name + n - 5, ".lock"))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT)
			return sbx_err_errno(err, -errno, "repo", "cannot remove %s/%s",
					     dir, e->d_name);
	}
	return errno ? sbx_err_errno(err, -errno, "repo", "cannot read %s", dir) : 0;
}

/* Give a living git a moment to finish; a file of a dead program stays what it is. */
static int remove_stale(const char *path, struct sbx_err *err)
{
	struct timespec wait = timespec_of_us(LOCK_WAIT_US);
	struct stat first, st;

	if (lstat(path, &first) < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : sbx_err_errno(err, -errno, "repo", "cannot look at %s",
					       path);
	for (int i = 0; i < LOCK_TRIES; i++) {
		nanosleep(&wait, NULL);
		if (lstat(path, &st) < 0 || st.st_ino != first.st_ino)
			return 0;
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return sbx_err_errno(err, -errno, "repo", "cannot remove %s", path);
	return 0;
}

int branch_recover(struct repo *repo, const char *tag, struct sbx_err *err)
{
	cleanup_free char *dir = str_printf("%s/" REF_PREFIX "%s", repo->common, tag);
	cleanup_free char *head =
		str_printf("%s/" BRANCH_PREFIX "%s.lock", repo->common, tag);
	cleanup_free char *log =
		str_printf("%s/logs/" BRANCH_PREFIX "%s.lock", repo->common, tag);
	cleanup_free char *packed = str_printf("%s/packed-refs.lock", repo->common);
	int r;

	if (!dir || !head || !log || !packed)
		return sbx_err_oom(err, "repo");
	r = remove_locks(dir, err);
	if (r == 0)
		r = remove_stale(head, err);
	if (r == 0)
		r = remove_stale(log, err);
	if (r == 0)
		r = remove_stale(packed, err);
	if (r == 0)
		r = pack_recover(repo, err);
	return r;
}
