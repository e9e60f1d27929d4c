/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/git.h"

/*
 * Opening a repository and looking into its commits.
 *
 * What libgit2 is told once, before anything else:
 * - fsync after every write below .git (off by default);
 * - the owner of the repository is validated (on by default, said here because it
 * matters);
 * - blobs are never cached and pack windows are small: this process shall stay small, and
 *   reads the same few trees over and over;
 * - three format extensions are accepted. They change where configuration lies or which
 *   objects are to be had, not what the objects here mean.
 *
 * The object database gets a store in memory in front of it. Every object this program
 * makes stays there until pack.c has written it durably.
 */

#include <fcntl.h>
#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strv.h"
#include "repo/memory.h"
#include "repo/repo.h"

#define EXCLUDE_LINE     "/.autoexp/"
#define EXCLUDE_MAX      (1024 * 1024)
#define MEMPACK_PRIORITY 999 /* above loose objects and packs */

static int errno_of(int code)
{
	switch (code) {
	case GIT_ENOTFOUND:
		return -ENOENT;
	case GIT_EEXISTS:
		return -EEXIST;
	case GIT_ELOCKED:
		return -EBUSY;
	case GIT_EMODIFIED:
		return -ESTALE;
	case GIT_EOWNER:
		return -EPERM;
	case GIT_EINVALIDSPEC:
	case GIT_EINVALID:
		return -EINVAL;
	default:
		return -EIO;
	}
}

int git_fail(struct sbx_err *err, int code, const char *fmt, ...)
{
	const git_error *e = git_error_last();
	char text[256];
	va_list ap;
	int r = errno_of(code);

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (e && e->klass == GIT_ERROR_NOMEMORY)
		r = -ENOMEM;
	return sbx_err_set(err, r, "repo", "%s: %s", text,
			   e && e->message ? e->message : "libgit2 gives no reason");
}

static int set_options(void)
{
	static const char *const extensions[] = { "partialclone", "preciousobjects",
						  "worktreeconfig" };
	int r;

	r = git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	if (r == 0)
		r = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
	if (r == 0)
		r = git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)(16 * 1024));
	if (r == 0)
		r = git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)(256 * 1024));
	if (r == 0)
		r = git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT,
				     (size_t)(1024 * 1024));
	if (r == 0)
		r = git_libgit2_opts(GIT_OPT_SET_MWINDOW_FILE_LIMIT, (size_t)16);
	if (r == 0)
		r = git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions,
				     ARRAY_SIZE(extensions));
	return r;
}

/*
 * libgit2 1.5 tells some of these apart by message only: a repository of somebody else is
 * "not found" as long as the user's configuration has no safe.directory at all.
 */
static int open_failed(struct sbx_err *err, int code, const char *path)
{
	const git_error *e = git_error_last();
	const char *why = e && e->message ? e->message : "";

	if (code == GIT_EOWNER || strstr(why, "safe.directory"))
		return sbx_err_set(
			err, -EPERM, "repo",
			"the repository of %s belongs to another user, and git does "
			"not trust it; if you do: git config --global --add "
			"safe.directory <its top directory>",
			path);
	if (code == GIT_ENOTFOUND)
		return sbx_err_set(err, -ENOENT, "repo",
				   "%s is not in a git repository; make one: git init && "
				   "git add -A && git commit -m start",
				   path);
	if (strstr(why, "unsupported"))
		return sbx_err_set(
			err, -ENOTSUP, "repo",
			"the repository of %s has a format that libgit2 %s cannot "
			"read: %s",
			path, LIBGIT2_VERSION, why);
	return git_fail(err, code, "cannot open the repository of %s", path);
}

/* libgit2 gives directories with a trailing slash; ours have none, and no links. */
static int real_dir(const char *path, char **ret, struct sbx_err *err)
{
	char *real = path ? realpath(path, NULL) : NULL;

	if (!real)
		return sbx_err_errno(err, path ? -errno : -EINVAL, "repo",
				     "cannot resolve %s",
				     path ? path : "the git directory");
	*ret = real;
	return 0;
}

static int check_usable(struct repo *repo, const char *real, struct sbx_err *err)
{
	cleanup_free char *rel = NULL;
	int r;

	if (git_repository_is_bare(repo->git))
		return sbx_err_set(
			err, -EINVAL, "repo",
			"%s is a bare repository, without files to work on; use a "
			"clone of it",
			git_repository_path(repo->git));
	r = real_dir(git_repository_workdir(repo->git), &repo->workdir, err);
	if (r == 0)
		r = real_dir(git_repository_commondir(repo->git), &repo->common, err);
	if (r == 0)
		r = repo_relpath(repo, real, &rel, err);
	if (r < 0)
		return r;
	r = git_repository_head_unborn(repo->git);
	if (r < 0)
		return git_fail(err, r, "cannot read HEAD of %s", repo->workdir);
	if (r > 0)
		return sbx_err_set(
			err, -ENODATA, "repo",
			"%s has no commit yet, and only what is committed is "
			"measured; make one: git add -A && git commit -m start",
			repo->workdir);
	return 0;
}

int git_add_memory(git_odb *odb, git_odb_backend **ret)
{
	git_odb_backend *memory;
	int r;

	r = git_mempack_new(&memory);
	if (r < 0)
		return r;
	r = git_odb_add_backend(odb, memory, MEMPACK_PRIORITY);
	if (r < 0)
		memory->free(memory);
	else
		*ret = memory;
	return r;
}

int repo_open(const char *path, struct repo **ret, struct sbx_err *err)
{
	cleanup_free char *real = NULL;
	cleanup_repo struct repo *repo = NULL;
	int r;

	real = realpath(path, NULL);
	if (!real)
		return sbx_err_errno(err, -errno, "repo", "cannot find %s", path);
	repo = calloc(1, sizeof(*repo));
	if (!repo)
		return sbx_err_oom(err, "repo");
	r = git_memory_init();
	if (r == 0)
		r = git_libgit2_init();
	if (r < 0) {
		free(TAKE_PTR(repo));
		return sbx_err_set(err, -EIO, "repo", "libgit2 does not start");
	}
	r = set_options();
	if (r < 0)
		return git_fail(err, r, "cannot set the options of libgit2");

	r = git_repository_open_ext(&repo->git, real, 0, NULL);
	if (r < 0)
		return open_failed(err, r, real);
	r = check_usable(repo, real, err);
	if (r < 0)
		return r;
	r = git_repository_odb(&repo->odb, repo->git);
	if (r == 0)
		r = git_add_memory(repo->odb, &repo->memory);
	if (r < 0)
		return git_fail(err, r, "cannot open the objects of %s", repo->workdir);
	*ret = TAKE_PTR(repo);
	return 0;
}

void repo_close(struct repo *repo)
{
	if (!repo)
		return;
	git_odb_free(repo->odb);
	git_repository_free(repo->git);
	free(repo->workdir);
	free(repo->common);
	free(repo);
	git_libgit2_shutdown();
}

const char *repo_workdir(const struct repo *repo)
{
	return repo->workdir;
}

const char *repo_common_dir(const struct repo *repo)
{
	return repo->common;
}

int repo_head(struct repo *repo, char ret_hex[static COMMIT_HEX + 1], char **ret_branch,
	      struct sbx_err *err)
{
	cleanup_git(reference) git_reference *head = NULL;
	cleanup_git(commit) git_commit *commit = NULL;
	char *branch = NULL;
	int r;

	r = git_commit_of(repo, NULL, &commit, err);
	if (r < 0)
		return r;
	if (ret_branch) {
		r = git_repository_head(&head, repo->git);
		if (r < 0)
			return git_fail(err, r, "cannot read HEAD");
		if (git_reference_is_branch(head)) {
			branch = strdup(git_reference_shorthand(head));
			if (!branch)
				return sbx_err_oom(err, "repo");
		}
		*ret_branch = branch;
	}
	git_oid_tostr(ret_hex, COMMIT_HEX + 1, git_commit_id(commit));
	return 0;
}

/*
 * Resolve the directories of @path that exist. What follows the last of them is kept as
 * it stands, for it names nothing yet; ".." in there could mean anything and is refused.
 */
static int resolve_above(const char *path, char **ret)
{
	cleanup_free char *head = strdup(path);
	cleanup_free char *real = NULL;
	const char *rest;
	char *slash;

	if (!head)
		return -ENOMEM;
	for (size_t n = strlen(head); n > 1 && head[n - 1] == '/'; n--)
		head[n - 1] = '\0';
	do {
		slash = strrchr(head, '/');
		*slash = '\0';
		free(real);
		real = realpath(slash == head ? "/" : head, NULL);
		if (!real && errno != ENOENT && errno != ENOTDIR)
			return -errno;
	} while (!real && slash != head);
	if (!real)
		return -ENOENT;
	rest = path + (slash - head);
	*ret = str_printf("%s%s", streq(real, "/") ? "" : real, rest);
	return *ret ? 0 : -ENOMEM;
}

/* "a//b/./c/" to "a/b/c", in place. */
static int normalize(char *path)
{
	char *out = path, *save = NULL;

	for (char *part = strtok_r(path, "/", &save); part;
	     part = strtok_r(NULL, "/", &save)) {
		size_t n = strlen(part);

		if (streq(part, "."))
			continue;
		if (streq(part, ".."))
			return -EINVAL;
		if (out != path)
			*out++ = '/';
		memmove(out, part, n);
		out += n;
	}
	*out = '\0';
	return 0;
}

int repo_relpath(struct repo *repo, const char *path, char **ret, struct sbx_err *err)
{
	cleanup_free char *full = NULL;
	cleanup_free char *rel = NULL;
	const char *below;
	int r;

	if (path[0] != '/')
		return sbx_err_set(err, -EINVAL, "repo", "%s is not an absolute path",
				   path);
	r = streq(path, repo->workdir) ? 0 : resolve_above(path, &full);
	if (r < 0)
		return sbx_err_errno(err, r, "repo", "cannot resolve %s", path);
	below = str_after(full ? full : path, repo->workdir);
	if (!below || (*below && *below != '/' && !streq(repo->workdir, "/")))
		return sbx_err_set(err, -EXDEV, "repo", "%s is outside the repository %s",
				   path, repo->workdir);
	rel = strdup(below);
	if (!rel)
		return sbx_err_oom(err, "repo");
	if (normalize(rel) < 0)
		return sbx_err_set(err, -EINVAL, "repo",
				   "%s leads back by \"..\" through what "
				   "does not exist",
				   path);
	if (streq(rel, ".git") || str_after(rel, ".git/"))
		return sbx_err_set(err, -EINVAL, "repo",
				   "%s is inside git's own directory", path);
	*ret = TAKE_PTR(rel);
	return 0;
}

static int parse_hex(const char *hex, git_oid *ret, struct sbx_err *err)
{
	if (strlen(hex) != COMMIT_HEX || git_oid_fromstr(ret, hex) < 0)
		return sbx_err_set(err, -EINVAL, "repo", "\"%.48s\" is not a commit name",
				   hex);
	return 0;
}

int git_commit_of(struct repo *repo, const char *hex, git_commit **ret,
		  struct sbx_err *err)
{
	git_oid id;
	int r;

	if (hex) {
		r = parse_hex(hex, &id, err);
	} else {
		r = git_reference_name_to_id(&id, repo->git, "HEAD");
		if (r < 0)
			r = git_fail(err, r, "cannot read HEAD of %s", repo->workdir);
	}
	if (r < 0)
		return r;
	r = git_commit_lookup(ret, repo->git, &id);
	if (r < 0)
		return git_fail(err, r, "cannot read commit %s", hex ? hex : "HEAD");
	return 0;
}

int git_entry_of(struct repo *repo, const char *hex, const char *relpath,
		 git_tree_entry **ret, struct sbx_err *err)
{
	cleanup_git(commit) git_commit *commit = NULL;
	cleanup_git(tree) git_tree *tree = NULL;
	int r;

	r = git_commit_of(repo, hex, &commit, err);
	if (r < 0)
		return r;
	r = git_commit_tree(&tree, commit);
	if (r < 0)
		return git_fail(err, r, "cannot read the tree of a commit");
	r = git_tree_entry_bypath(ret, tree, relpath);
	if (r == GIT_ENOTFOUND)
		return -ENOENT;
	if (r < 0)
		return git_fail(err, r, "cannot look for %s in a commit", relpath);
	return 0;
}

enum repo_kind git_kind_of(const git_tree_entry *e)
{
	switch (git_tree_entry_filemode(e)) {
	case GIT_FILEMODE_BLOB:
		return REPO_FILE;
	case GIT_FILEMODE_BLOB_EXECUTABLE:
		return REPO_EXECUTABLE;
	case GIT_FILEMODE_LINK:
		return REPO_SYMLINK;
	case GIT_FILEMODE_TREE:
		return REPO_DIR;
	case GIT_FILEMODE_COMMIT:
		return REPO_SUBMODULE;
	default:
		return REPO_ABSENT;
	}
}

int repo_has_path(struct repo *repo, const char *commit, const char *relpath,
		  enum repo_kind *ret, struct sbx_err *err)
{
	cleanup_git(tree_entry) git_tree_entry *e = NULL;
	struct sbx_err why = { 0 };
	int r;

	if (!*relpath) {
		*ret = REPO_DIR;
		return 0;
	}
	r = git_entry_of(repo, commit, relpath, &e, &why);
	if (r == -ENOENT && why.code == 0) {
		*ret = REPO_ABSENT;
		return 0;
	}
	if (r < 0)
		return sbx_err_set(err, r, why.stage, "%s", why.msg);
	*ret = git_kind_of(e);
	return 0;
}

int repo_read(struct repo *repo, const char *commit, const char *relpath, size_t max,
	      struct buf *ret, struct sbx_err *err)
{
	cleanup_git(tree_entry) git_tree_entry *e = NULL;
	cleanup_git(blob) git_blob *blob = NULL;
	git_object_t type;
	size_t size;
	int r;

	r = git_entry_of(repo, commit, relpath, &e, err);
	if (r < 0)
		return sbx_err_set(err, r, "repo", "%s has no %s",
				   commit ? commit : "HEAD", relpath);
	if (git_tree_entry_type(e) != GIT_OBJECT_BLOB)
		return sbx_err_set(err, git_kind_of(e) == REPO_DIR ? -EISDIR : -EINVAL,
				   "repo", "%s is not a file in %s", relpath,
				   commit ? commit : "HEAD");
	r = git_odb_read_header(&size, &type, repo->odb, git_tree_entry_id(e));
	if (r == 0 && size > max)
		return sbx_err_set(err, -EFBIG, "repo",
				   "%s has %zu bytes; at most %zu can be "
				   "handled",
				   relpath, size, max);
	if (r == 0)
		r = git_blob_lookup(&blob, repo->git, git_tree_entry_id(e));
	if (r < 0)
		return git_fail(err, r, "cannot read %s", relpath);
	buf_add(ret, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	return ret->failed ? sbx_err_oom(err, "repo") : 0;
}

int repo_has_commit(struct repo *repo, const char *commit, struct sbx_err *err)
{
	cleanup_git(commit) git_commit *c = NULL;
	git_oid id;
	int r;

	if (parse_hex(commit, &id, NULL) < 0)
		return 0;
	r = git_commit_lookup(&c, repo->git, &id);
	if (r == GIT_ENOTFOUND)
		return 0;
	if (r < 0)
		return git_fail(err, r, "cannot read commit %s", commit);
	return 1;
}

static bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (strncmp(p, line, n) == 0 && (p[n] == '\n' || p[n] == '\r' || !p[n]))
			return true;
	return false;
}

/* A link (dot files kept elsewhere) stays a link: its target is replaced. */
static int exclude_path(struct repo *repo, char **ret, struct sbx_err *err)
{
	cleanup_free char *path = str_printf("%s/info/exclude", repo->common);
	char *real;
	int r;

	if (!path)
		return sbx_err_oom(err, "repo");
	real = realpath(path, NULL);
	if (!real && errno == ENOENT) {
		cleanup_free char *dir = str_printf("%s/info", repo->common);

		r = dir ? dir_make(AT_FDCWD, dir, 0755) : -ENOMEM;
		if (r < 0)
			return sbx_err_errno(err, r, "repo", "cannot make %s/info",
					     repo->common);
		real = TAKE_PTR(path);
	}
	if (!real)
		return sbx_err_errno(err, -errno, "repo", "cannot resolve %s", path);
	*ret = real;
	return 0;
}

int repo_exclude(struct repo *repo, struct sbx_err *err)
{
	cleanup_free char *path = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	struct stat st;
	mode_t mode = 0644;
	int r;

	r = exclude_path(repo, &path, err);
	if (r < 0)
		return r;
	r = file_read(AT_FDCWD, path, 0, EXCLUDE_MAX, &text);
	if (r < 0 && r != -ENOENT)
		return sbx_err_errno(err, r, "repo", "cannot read %s", path);
	if (has_line(buf_str(&text), EXCLUDE_LINE))
		return 0;
	if (stat(path, &st) == 0)
		mode = st.st_mode & 0777;
	if (text.len && text.data[text.len - 1] != '\n')
		buf_puts(&text, "\n");
	buf_puts(&text, EXCLUDE_LINE "\n");
	if (text.failed)
		return sbx_err_oom(err, "repo");
	r = file_replace(AT_FDCWD, path, text.data, text.len, mode);
	if (r < 0)
		return sbx_err_errno(err, r, "repo", "cannot write %s", path);
	return 0;
}
