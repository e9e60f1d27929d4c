/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/pack.h"

/*
 * New objects go into one small pack per experiment instead of loose files: a loose
 * object costs a sync of the file and one of its directory, and an experiment in a nested
 * directory has five or more; a pack costs four, however many objects. libgit2 syncs the
 * index and the pack before their names appear, and the directory after it: a crash
 * leaves a temporary file or an index without a pack, both of which git passes over.
 *
 * Many packs slow git down and make its "gc --auto" start (from 50), so that they are
 * merged in time. <common>/autoexp/.packs lists those that are ours and small. It is a
 * list of suggestions, never synced: a name lost leaves a pack for the next "git gc", a
 * name too much is of a pack that git has merged already. Its lock keeps two campaigns
 * apart. The merged pack is durable before the first of its parts is removed, and is not
 * listed again, so that no object is merged twice.
 *
 * What a killed writer leaves here no git ever collects: it knows its own temporary names
 * only. pack_recover() does, once it is so old that nobody can be writing it any more.
 */

#include <dirent.h>
#include <fcntl.h>
#include <git2/sys/mempack.h>
#include <git2/sys/repository.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/strv.h"
#include "repo/fork.h"

#define MERGE_AT 32
#define LIST_MAX (1024 * 1024)
#define NAME_LEN 40
#define LITTER_US (24 * 3600 * USEC_PER_SEC)

static int open_list(struct repo *repo, int *ret, struct sbx_err *err)
{
	cleanup_free char *dir = str_printf("%s/autoexp", repo->common);
	cleanup_free char *path = str_printf("%s/autoexp/.packs", repo->common);
	cleanup_close int fd = -EBADF;
	int r;

	if (!dir || !path)
		return sbx_err_oom(err, "repo");
	r = dir_make(AT_FDCWD, dir, 0700);
	if (r < 0)
		return sbx_err_errno(err, r, "repo", "cannot make %s", dir);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "repo", "cannot open %s", path);
	if (flock(fd, LOCK_EX) < 0)
		return sbx_err_errno(err, -errno, "repo", "cannot lock %s", path);
	*ret = TAKE_FD(fd);
	return 0;
}

static int list_pack(struct repo *repo, const char *name, struct sbx_err *err)
{
	cleanup_free char *line = str_printf("%s\n", name);
	cleanup_close int fd = -EBADF;
	int r;

	if (!line)
		return sbx_err_oom(err, "repo");
	r = open_list(repo, &fd, err);
	if (r < 0)
		return r;
	r = fd_write_all(fd, line, strlen(line));
	if (r < 0)
		return sbx_err_errno(err, r, "repo", "cannot write %s/autoexp/.packs",
				     repo->common);
	return 0;
}

int pack_finish(struct repo *repo, git_packbuilder *pb, struct sbx_err *err)
{
	int r;

	r = git_packbuilder_write(pb, NULL, 0, NULL, NULL);
	if (r < 0) {
		r = git_fail(err, r, "cannot write objects to %s/objects", repo->common);
		git_mempack_reset(repo->memory);
		return r;
	}
	r = git_mempack_reset(repo->memory);
	if (r < 0)
		return git_fail(err, r, "cannot forget the objects in memory");
	return list_pack(repo, git_packbuilder_name(pb), err);
}

static char *pack_path(struct repo *repo, const char *name, const char *suffix)
{
	return str_printf("%s/objects/pack/pack-%s%s", repo->common, name, suffix);
}

/* Names of listed packs that are still there. */
static int read_list(struct repo *repo, int fd, char ***ret, struct sbx_err *err)
{
	cleanup_strv char **names = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	char *save;
	int r;

	r = fd_read_all(fd, LIST_MAX, &text);
	if (r < 0)
		return sbx_err_errno(err, r, "repo", "cannot read %s/autoexp/.packs",
				     repo->common);
	if (!text.len)
		return 0;
	for (char *p = strtok_r(text.data, "\n", &save); p;
	     p = strtok_r(NULL, "\n", &save)) {
		cleanup_free char *idx = NULL;

		if (strspn(p, "0123456789abcdef") != NAME_LEN || p[NAME_LEN] ||
		    strv_has(names, p))
			continue;
		idx = pack_path(repo, p, ".idx");
		if (!idx || (access(idx, F_OK) == 0 && strv_add(&names, p) < 0))
			return sbx_err_oom(err, "repo");
	}
	*ret = TAKE_PTR(names);
	return 0;
}

static int add_object(const git_oid *id, void *pb)
{
	return git_packbuilder_insert(pb, id, NULL);
}

/* A database of this one pack tells what is in it; the objects are read from the usual
 * one. */
static int add_pack(struct repo *repo, git_packbuilder *pb, const char *name,
		    struct sbx_err *err)
{
	cleanup_git(odb) git_odb *odb = NULL;
	cleanup_free char *idx = pack_path(repo, name, ".idx");
	git_odb_backend *backend;
	int r;

	if (!idx)
		return sbx_err_oom(err, "repo");
	r = git_odb_new(&odb);
	if (r == 0)
		r = git_odb_backend_one_pack(&backend, idx);
	if (r == 0)
		r = git_odb_add_backend(odb, backend, 1);
	if (r == 0)
		r = git_odb_foreach(odb, add_object, pb);
	if (r < 0)
		return git_fail(err, r, "cannot merge %s", idx);
	return 0;
}

/*
 * Without its index git no longer sees a pack, so that the index goes first. @merged has
 * the name of a part when that part already held everything.
 */
static int remove_packs(struct repo *repo, char **names, const char *merged,
			struct sbx_err *err)
{
	for (char **name = names; name && *name; name++) {
		cleanup_free char *idx = pack_path(repo, *name, ".idx");
		cleanup_free char *pack = pack_path(repo, *name, ".pack");

		if (!idx || !pack)
			return sbx_err_oom(err, "repo");
		if (streq(*name, merged))
			continue;
		if ((unlink(idx) < 0 && errno != ENOENT) ||
		    (unlink(pack) < 0 && errno != ENOENT))
			return sbx_err_errno(err, -errno, "repo", "cannot remove %s",
					     pack);
	}
	return 0;
}

/* libgit2 keeps packs open that it has seen; a new database forgets those removed. */
static int reopen_objects(struct repo *repo, struct sbx_err *err)
{
	cleanup_git(odb) git_odb *odb = NULL;
	cleanup_free char *dir = str_printf("%s/objects", repo->common);
	git_odb_backend *memory;
	int r;

	if (!dir)
		return sbx_err_oom(err, "repo");
	r = git_odb_open(&odb, dir);
	if (r == 0)
		r = git_add_memory(odb, &memory);
	if (r == 0)
		r = git_repository_set_odb(repo->git, odb);
	if (r != 0)
		return git_fail(err, r, "cannot open %s", dir);
	git_odb_free(repo->odb);
	repo->odb = TAKE_PTR(odb);
	repo->memory = memory;
	return 0;
}

static int merge(struct repo *repo, int fd, char **names, struct sbx_err *err)
{
	cleanup_git(packbuilder) git_packbuilder *pb = NULL;
	int r;

	r = git_packbuilder_new(&pb, repo->git);
	if (r < 0)
		return git_fail(err, r, "cannot make a pack");
	for (char **name = names; r == 0 && *name; name++)
		r = add_pack(repo, pb, *name, err);
	if (r < 0)
		return r;
	r = git_packbuilder_write(pb, NULL, 0, NULL, NULL);
	if (r < 0)
		return git_fail(err, r, "cannot merge packs in %s/objects", repo->common);
	r = remove_packs(repo, names, git_packbuilder_name(pb), err);
	if (r == 0 && ftruncate(fd, 0) < 0)
		r = sbx_err_errno(err, -errno, "repo", "cannot empty %s/autoexp/packs",
				  repo->common);
	return r;
}

/* Another campaign may have merged them since they were counted: the lock is held from
 * here. */
static int merge_aside(void *data, struct sbx_err *err)
{
	cleanup_strv char **names = NULL;
	cleanup_close int fd = -EBADF;
	struct repo *repo = data;
	int r;

	r = open_list(repo, &fd, err);
	if (r == 0)
		r = read_list(repo, fd, &names, err);
	return r < 0 || !names ? r : merge(repo, fd, names, err);
}

int pack_merge(struct repo *repo, struct sbx_err *err)
{
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r;

	r = open_list(repo, &fd, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return sbx_err_errno(err, -errno, "repo",
				     "cannot look at %s/autoexp/packs", repo->common);
	if (st.st_size < MERGE_AT * (NAME_LEN + 1))
		return 0;
	fd = fd_close(fd);
	r = fork_run(merge_aside, repo, "merging packs", err);
	return r < 0 ? r : reopen_objects(repo, err);
}

/* A temporary file of libgit2, or an index whose pack did not get its name any more. */
static bool is_litter(int dir_fd, const char *name)
{
	const char *dot = strrchr(name, '.');
	char pack[NAME_MAX + 8];

	if (str_after(name, "pack_git2_"))
		return true;
	if (!str_after(name, "pack-") || !dot || !streq(dot, ".idx"))
		return false;
	snprintf(pack, sizeof(pack), "%.*s.pack", (int)(dot - name), name);
	return faccessat(dir_fd, pack, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

int pack_recover(struct repo *repo, struct sbx_err *err)
{
	cleanup_free char *path = str_printf("%s/objects/pack", repo->common);
	cleanup_closedir DIR *d = path ? opendir(path) : NULL;
	uint64_t now = clock_us(CLOCK_REALTIME);
	struct dirent *e;
	struct stat st;

	if (!path)
		return sbx_err_oom(err, "repo");
	if (!d)
		return errno == ENOENT ? 0
				       : sbx_err_errno(err, -errno, "repo",
						       "cannot open %s", path);
	while ((errno = 0, e = readdir(d))) {
		if (!is_litter(dirfd(d), e->d_name) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_uid != geteuid() ||
		    (uint64_t)st.st_mtime * USEC_PER_SEC + LITTER_US > now)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT)
			return sbx_err_errno(err, -errno, "repo", "cannot remove %s/%s",
					     path, e->d_name);
	}
	return errno ? sbx_err_errno(err, -errno, "repo", "cannot read %s", path) : 0;
}
