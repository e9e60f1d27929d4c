/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/worktree.h"

/*
 * The private checkout.
 *
 * A child writes it: reading a blob means holding it in memory, and the supervisor shall
 * stay small. It takes blobs as they are (no attributes, no filters, no line endings),
 * opens every file below a descriptor of its directory, newly, and without following
 * links, so that a crafted tree cannot lead out.
 *
 * Order: the old manifest goes; everything is written into "<dir>.tmp"; mount points are
 * made where the commit has nothing; the directories are listed; the directory gets its
 * name, then the manifest. A checkout without a manifest is none, so that a kill anywhere
 * costs one more making. Nothing is synced, for it all can be made again: after a power
 * loss everything is read and compared before it is used (manifest.c).
 */

#include <dirent.h>
#include <fcntl.h>
#include <git2.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/strv.h"
#include "repo/fork.h"
#include "repo/git.h"
#include "repo/manifest.h"

#define PATH_LIMIT 3800 /* room for the directory in front of it, below PATH_MAX */
#define KEY_MAX    (COMMIT_HEX + 1 + COMMIT_HEX + 1)
#define EMPTY_BLOB "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
#define TICK_US    (20 * USEC_PER_MSEC)

struct maker {
	struct repo *repo;
	const char *commit;
	const char *dir;
	const char *key;
	const struct checkout_mount *mounts;
	size_t n_mounts;
	struct manifest manifest;
	struct buf path; /* of what is being written */
	uint64_t found;  /* files and links seen by list_dir() */
	struct sbx_err *err;
};

static int fail(struct maker *m, const char *what)
{
	return sbx_err_errno(m->err, -errno, "checkout",
			     "cannot %s %s in the private checkout", what,
			     m->path.len ? m->path.data : "the top directory");
}

/* Names that git itself would never check out. */
static bool bad_name(const char *name)
{
	return !*name || streq(name, ".") || streq(name, "..") || strchr(name, '/') ||
	       strcasecmp(name, ".git") == 0;
}

/* Step into a name, and out of it: cut back to the length returned. */
static size_t push(struct maker *m, const char *name)
{
	size_t len = m->path.len;

	buf_printf(&m->path, "%s%s", len ? "/" : "", name);
	return len;
}

static void pop(struct maker *m, size_t len)
{
	if (m->path.data && !m->path.failed) {
		m->path.len = len;
		m->path.data[len] = '\0';
	}
}

/* Default ACLs and set-group-id directories interfere with the modes asked for. */
static int set_mode(int fd, mode_t mode, struct stat *ret)
{
	if (fstat(fd, ret) < 0)
		return err_negative(-errno);
	if ((ret->st_mode & 07777) == mode)
		return 0;
	if (fchmod(fd, mode) < 0 || fstat(fd, ret) < 0)
		return err_negative(-errno);
	return 0;
}

static int put_file(struct maker *m, int dir_fd, const char *name, mode_t mode,
		    const void *data, size_t n, const char *blob)
{
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r;

	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    mode);
	if (fd < 0)
		return fail(m, "create");
	r = fd_write_all(fd, data, n);
	if (r == 0)
		r = set_mode(fd, mode, &st);
	if (r != 0) {
		errno = -r;
		return fail(m, "write");
	}
	manifest_put(&m->manifest, MANIFEST_FILE, &st, (uint64_t)st.st_size, blob,
		     m->path.data);
	return 0;
}

static int put_link(struct maker *m, int dir_fd, const char *name, const git_blob *blob,
		    const char *hex)
{
	cleanup_free char *target = NULL;
	size_t n = (size_t)git_blob_rawsize(blob);
	struct stat st;

	target = strndup(git_blob_rawcontent(blob), n);
	if (!target)
		return sbx_err_oom(m->err, "checkout");
	if (strlen(target) != n)
		return sbx_err_set(
			m->err, -EINVAL, "checkout",
			"the link %s of the commit has a NUL byte in its target",
			m->path.data);
	if (symlinkat(target, dir_fd, name) < 0 ||
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(m, "link");
	manifest_put(&m->manifest, MANIFEST_LINK, &st, (uint64_t)st.st_size, hex,
		     m->path.data);
	return 0;
}

static int put_blob(struct maker *m, int dir_fd, const git_tree_entry *e)
{
	cleanup_git(blob) git_blob *blob = NULL;
	enum repo_kind kind = git_kind_of(e);
	const char *name = git_tree_entry_name(e);
	char hex[COMMIT_HEX + 1];
	int r;

	r = git_blob_lookup(&blob, m->repo->git, git_tree_entry_id(e));
	if (r < 0)
		return git_fail(m->err, r, "cannot read %s from commit %s", m->path.data,
				m->commit);
	git_oid_tostr(hex, sizeof(hex), git_tree_entry_id(e));
	if (kind == REPO_SYMLINK)
		return put_link(m, dir_fd, name, blob, hex);
	return put_file(m, dir_fd, name, kind == REPO_EXECUTABLE ? 0755 : 0644,
			git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob), hex);
}

static int put_tree(struct maker *m, int dir_fd, const git_tree *tree);

static int put_dir(struct maker *m, int dir_fd, const git_tree_entry *e)
{
	cleanup_git(tree) git_tree *tree = NULL;
	cleanup_close int fd = -EBADF;
	const char *name = git_tree_entry_name(e);
	int r;

	if (mkdirat(dir_fd, name, 0755) < 0)
		return fail(m, "create");
	if (git_kind_of(e) == REPO_SUBMODULE)
		return 0;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(m, "open");
	r = git_tree_lookup(&tree, m->repo->git, git_tree_entry_id(e));
	if (r < 0)
		return git_fail(m->err, r, "cannot read %s from commit %s", m->path.data,
				m->commit);
	return put_tree(m, fd, tree);
}

static int put_entry(struct maker *m, int dir_fd, const git_tree_entry *e)
{
	enum repo_kind kind = git_kind_of(e);
	const char *name = git_tree_entry_name(e);

	if (m->path.failed)
		return sbx_err_oom(m->err, "checkout");
	if (bad_name(name) || kind == REPO_ABSENT || m->path.len > PATH_LIMIT)
		return sbx_err_set(
			m->err, -EINVAL, "checkout",
			"the commit has a name, type or depth that git does not check "
			"out: %.300s",
			m->path.data);
	if (kind == REPO_DIR || kind == REPO_SUBMODULE)
		return put_dir(m, dir_fd, e);
	return put_blob(m, dir_fd, e);
}

static int put_tree(struct maker *m, int dir_fd, const git_tree *tree)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *e = git_tree_entry_byindex(tree, i);
		size_t len = push(m, git_tree_entry_name(e));

		r = put_entry(m, dir_fd, e);
		pop(m, len);
	}
	return r;
}

static int put_commit(struct maker *m, int dir_fd)
{
	cleanup_git(commit) git_commit *commit = NULL;
	cleanup_git(tree) git_tree *tree = NULL;
	int r;

	r = git_commit_of(m->repo, m->commit, &commit, m->err);
	if (r < 0)
		return r;
	r = git_commit_tree(&tree, commit);
	if (r < 0)
		return git_fail(m->err, r, "cannot read the tree of commit %s",
				m->commit);
	return put_tree(m, dir_fd, tree);
}

static int put_mount(struct maker *m, int dir_fd, const struct checkout_mount *mount)
{
	cleanup_free char *parent = strdup(mount->path);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	size_t len = push(m, mount->path);
	struct stat st;
	int r = 0;

	if (!parent || m->path.failed)
		return sbx_err_oom(m->err, "checkout");
	if (slash)
		*slash = '\0';
	if (mount->dir || slash)
		r = dir_make(dir_fd, mount->dir ? mount->path : parent, 0755);
	if (r < 0) {
		errno = -r;
		return fail(m, "make the mount point");
	}
	if (!mount->dir && fstatat(dir_fd, mount->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = put_file(m, dir_fd, mount->path, 0644, NULL, 0, EMPTY_BLOB);
	pop(m, len);
	return r;
}

static int list_dir(struct maker *m, int dir_fd);

static int list_name(struct maker *m, int dir_fd, const char *name)
{
	cleanup_close int fd = -EBADF;
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(m, "look at");
	if (!S_ISDIR(st.st_mode)) {
		m->found++;
		return 0;
	}
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(m, "open");
	return list_dir(m, fd);
}

/* Count the names in a directory and list those below it that are directories. */
static int list_names(struct maker *m, int dir_fd, uint64_t *ret_n)
{
	cleanup_closedir DIR *d = NULL;
	struct dirent *e;
	uint64_t n = 0;
	int fd, r;

	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(m, "open");
	d = fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return fail(m, "open");
	}
	while ((errno = 0, e = readdir(d))) {
		size_t len;

		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		len = push(m, e->d_name);
		r = m->path.failed ? sbx_err_oom(m->err, "checkout")
				   : list_name(m, dir_fd, e->d_name);
		if (r < 0)
			return r;
		pop(m, len);
		n++;
	}
	if (errno)
		return fail(m, "read");
	*ret_n = n;
	return 0;
}

static int list_dir(struct maker *m, int dir_fd)
{
	struct stat st;
	uint64_t n = 0;
	int r;

	r = list_names(m, dir_fd, &n);
	if (r < 0)
		return r;
	r = set_mode(dir_fd, 0755, &st);
	if (r < 0) {
		errno = -r;
		return fail(m, "set the mode of");
	}
	manifest_put(&m->manifest, MANIFEST_DIR, &st, n, NULL, m->path.data);
	return 0;
}

/* Everything into the temporary directory. */
static int fill(struct maker *m, int dir_fd, uint64_t *ret_n)
{
	struct stat st;
	int r;

	r = put_commit(m, dir_fd);
	for (size_t i = 0; r == 0 && i < m->n_mounts; i++)
		r = put_mount(m, dir_fd, &m->mounts[i]);
	if (r == 0)
		r = list_names(m, dir_fd, ret_n);
	if (r != 0)
		return r;
	if (m->found != m->manifest.files)
		return sbx_err_set(
			m->err, -EIO, "checkout",
			"%s changed while it was made; nothing else may write there",
			m->dir);
	r = set_mode(dir_fd, 0755, &st);
	if (r < 0) {
		errno = -r;
		return fail(m, "set the mode of");
	}
	return 0;
}

static int make(struct maker *m)
{
	cleanup_free char *tmp = str_printf("%s.tmp", m->dir);
	cleanup_close int fd = -EBADF;
	struct timespec tick = timespec_of_us(TICK_US);
	struct stat st;
	uint64_t n = 0;
	int r;

	if (!tmp)
		return sbx_err_oom(m->err, "checkout");
	if (mkdir(tmp, 0755) < 0)
		return sbx_err_errno(m->err, -errno, "checkout", "cannot make %s", tmp);
	fd = open(tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sbx_err_errno(m->err, -errno, "checkout", "cannot open %s", tmp);
	r = fill(m, fd, &n);
	if (r < 0)
		return r;
	if (rename(tmp, m->dir) < 0)
		return sbx_err_errno(m->err, -errno, "checkout", "cannot rename %s", tmp);
	/* Renaming sets ctime. Then a tick of the clock must pass: see manifest.c. */
	if (fstat(fd, &st) < 0)
		return fail(m, "look at");
	manifest_put(&m->manifest, MANIFEST_DIR, &st, n, NULL, ".");
	nanosleep(&tick, NULL);
	return manifest_end(&m->manifest, m->err);
}

/* What an earlier making, finished or not, left. */
static int clear_old(const char *dir, struct sbx_err *err)
{
	static const char *const suffixes[] = { ".manifest", "", ".tmp" };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		cleanup_free char *path = str_printf("%s%s", dir, suffixes[i]);

		if (!path)
			return sbx_err_oom(err, "checkout");
		r = dir_remove(AT_FDCWD, path);
		if (r < 0)
			return sbx_err_errno(err, r, "checkout", "cannot remove %s",
					     path);
	}
	return 0;
}

static int make_aside(void *data, struct sbx_err *err)
{
	struct maker *m = data;
	int r;

	umask(0);
	m->err = err;
	r = manifest_begin(&m->manifest, m->dir, m->key, err);
	return r < 0 ? r : make(m);
}

static int wrong_mount(struct sbx_err *err, const struct checkout_mount *mount,
		       const char *part, enum repo_kind kind)
{
	static const char *const names[] = {
		[REPO_ABSENT] = "nothing",    [REPO_FILE] = "a file",
		[REPO_EXECUTABLE] = "a file", [REPO_SYMLINK] = "a symbolic link",
		[REPO_DIR] = "a directory",   [REPO_SUBMODULE] = "a submodule",
	};

	static_assert(ARRAY_SIZE(names) == _REPO_KIND_MAX,
		      "names does not name every kind");
	if (mount->scratch && streq(part, mount->path))
		return sbx_err_set(
			err, -EEXIST, "checkout",
			"scratch path %s would hide what is tracked there (%s); choose "
			"another path, or git rm --cached it and commit",
			mount->path, names[kind]);
	return sbx_err_set(err, -ENOTDIR, "checkout",
			   "%s cannot be mounted: %s is %s in the commit", mount->path,
			   part, names[kind]);
}

static bool fits(const struct checkout_mount *mount, bool last, enum repo_kind kind)
{
	if (!last)
		return kind == REPO_DIR || kind == REPO_SUBMODULE;
	if (mount->scratch)
		return false;
	if (mount->dir)
		return kind == REPO_DIR || kind == REPO_SUBMODULE;
	return kind == REPO_FILE || kind == REPO_EXECUTABLE;
}

/* Each part of the path, as far as the commit has it, must fit what shall be there. */
static int check_mount(struct repo *repo, const char *commit,
		       const struct checkout_mount *mount, struct sbx_err *err)
{
	cleanup_free char *path = strdup(mount->path);
	char *slash = NULL;
	enum repo_kind kind;
	int r;

	if (!path)
		return sbx_err_oom(err, "checkout");
	for (char *part = path; part; part = slash ? slash + 1 : NULL) {
		if (slash)
			*slash = '/';
		slash = strchr(part, '/');
		if (slash)
			*slash = '\0';
		if (bad_name(part))
			return sbx_err_set(
				err, -EINVAL, "checkout",
				"\"%s\" cannot be a mount point in the repository",
				mount->path);
		r = repo_has_path(repo, commit, path, &kind, err);
		if (r < 0)
			return r;
		if (kind != REPO_ABSENT && !fits(mount, !slash, kind))
			return wrong_mount(err, mount, path, kind);
	}
	return 0;
}

/* What a checkout is made from: the commit, and the list of mount points as a hash. */
static int make_key(const char *commit, const struct checkout_mount *mounts, size_t n,
		    char key[static KEY_MAX], struct sbx_err *err)
{
	cleanup_buf struct buf text = BUF_INIT;
	char hex[COMMIT_HEX + 1];
	git_oid id;
	int r;

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s%c%d", mounts[i].path, '\0', mounts[i].dir);
	if (text.failed)
		return sbx_err_oom(err, "checkout");
	r = git_odb_hash(&id, buf_str(&text), text.len, GIT_OBJECT_BLOB);
	if (r < 0)
		return git_fail(err, r, "cannot hash the mount points");
	git_oid_tostr(hex, sizeof(hex), &id);
	snprintf(key, KEY_MAX, "%.40s %.40s", commit, hex);
	return 0;
}

int checkout_make(struct repo *repo, const char *commit, const char *dir,
		  const struct checkout_mount *mounts, size_t n_mounts,
		  struct sbx_err *err)
{
	cleanup_free char *what = NULL;
	char key[KEY_MAX];
	struct maker m = { .repo = repo,
			   .commit = commit,
			   .dir = dir,
			   .key = key,
			   .mounts = mounts,
			   .n_mounts = n_mounts };
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_mounts; i++)
		r = check_mount(repo, commit, &mounts[i], err);
	if (r == 0)
		r = make_key(commit, mounts, n_mounts, key, err);
	if (r < 0)
		return r;
	r = manifest_verify(dir, key, &what, NULL);
	if (r == 0 && !what)
		return 0;
	if (r < 0 && r != -ENOENT)
		return sbx_err_errno(err, r, "checkout", "cannot read the checkout %s",
				     dir);
	r = clear_old(dir, err);
	return r < 0 ? r : fork_run(make_aside, &m, "the private checkout", err);
}

int checkout_verify(const char *commit, const char *dir, char **ret_what,
		    struct sbx_err *err)
{
	int r;

	r = git_libgit2_init();
	if (r < 0)
		return sbx_err_set(err, -EIO, "checkout", "libgit2 does not start");
	r = manifest_verify(dir, commit, ret_what, err);
	git_libgit2_shutdown();
	return r;
}
