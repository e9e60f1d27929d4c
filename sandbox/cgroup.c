/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where a leaf may be made, first match:
 *
 *	1. the directory the user named
 *	2. our own group, when it is marked as delegated (systemd's Delegate=yes sets an xattr)
 *	   or owned by us, and nobody lives in it but we, our ancestors, and whoever descends
 *	   from those of them that live in it. Owned is not yet delegated: systemd gives the
 *	   groups of a user's services to the user, but without every controller, so of these
 *	   only those that have the usual ones, or that we got by 3
 *	3. a scope that systemd makes for us, which is then our own group
 *	4. our own group of case 2 whatever its controllers
 *	5. as root, where systemd does not manage the tree: <cgroup2>/autoexp
 *
 * cgroup v2 forbids processes beside child groups that have controllers, so in 2 to 4 all of
 * these move to the child "supervisor" first. A later start finds itself there and
 * goes one up. Groups are reached through directory descriptors.
 *
 * Whoever makes a leaf holds a lock on its directory (flock) as long as the box lives. A leaf
 * that is not locked is left over from somebody who was killed, and the next start ends what
 * still lives in it and removes it: nothing else is ever touched. A pid could not tell, for two
 * pid namespaces may share a group.
 */
#include "cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include <linux/magic.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/strv.h"
#include "base/table.h"
#include "cgroup-file.h"
#include "cgroup-why.h"
#include "scope.h"

#define SUPERVISOR  "supervisor"
#define LEAF        "box-" /* and the pid of the autoexp that made it */
#define MOVE_ROUNDS 64
#define LEAF_ROUNDS 64

#define SWEEP_ROUNDS  20
#define SWEEP_WAIT_US 10000

const char *const cgroup_controller_names[_CGROUP_CONTROLLER_MAX] = {
	[CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids", [CGROUP_CPU] = "cpu",
	[CGROUP_CPUSET] = "cpuset", [CGROUP_IO] = "io",
};
TABLE_CHECK(cgroup_controller_names, _CGROUP_CONTROLLER_MAX);

static void explain(struct cgroup *cg, const char *why)
{
	if (!cg->why_not[0])
		snprintf(cg->why_not, sizeof(cg->why_not), "%s", why);
}

/* Where cgroup v2 is mounted: at the usual place, or beside v1 at unified. */
static int open_hierarchy(char path[static PATH_MAX])
{
	static const char *const places[] = { "/sys/fs/cgroup",
					      "/sys/fs/cgroup/unified" };
	struct statfs fs;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (statfs(places[i], &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		snprintf(path, PATH_MAX, "%s", places[i]);
		return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return -ENOENT;
}

/* Our group's path below the hierarchy, "/" for the root group. */
static int own_path(char path[static PATH_MAX])
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *line = cgroup_read_text(AT_FDCWD, "/proc/self/cgroup", &b), *rest;

	for (; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		rest = str_after(line, "0::");
		if (!rest)
			continue;
		snprintf(path, PATH_MAX, "%.*s", (int)strcspn(rest, "\n"), rest);
		return 0;
	}
	return -ENOENT;
}

static pid_t parent_of(pid_t pid)
{
	cleanup_buf struct buf b = BUF_INIT;
	char path[64];
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	p = strrchr(cgroup_read_text(AT_FDCWD, path, &b), ')');
	return p && strlen(p) > 4 ? (pid_t)strtol(p + 4, NULL, 10) : 0;
}

static bool is_ancestor(pid_t pid)
{
	for (pid_t p = getpid(); p > 0; p = parent_of(p))
		if (p == pid)
			return true;
	return false;
}

/*
 * Does @pid descend from an ancestor of ours that lives here too, as the rest of a pipeline or
 * a second autoexp of the same script does? What has ended meanwhile is in nobody's way.
 * @here: who lives in the group or was moved to "supervisor", one a line
 */
static bool is_family(pid_t pid, const char *here)
{
	char line[32];

	for (pid_t p = pid; p > 1; p = parent_of(p)) {
		snprintf(line, sizeof(line), "%d", p);
		if (cgroup_has_word(here, line) && is_ancestor(p))
			return true;
	}
	return kill(pid, 0) < 0 && errno == ESRCH;
}

static int move_all(int dir_fd, const char *procs, const char *here)
{
	char text[32];
	char *end;
	int r;

	for (const char *q = procs; *q; q = end + (*end == '\n'))
		if (!is_family((pid_t)strtol(q, &end, 10), here))
			return -EBUSY;
	if (mkdirat(dir_fd, SUPERVISOR, 0755) < 0 && errno != EEXIST)
		return -errno;
	for (const char *q = procs; *q; q = end + (*end == '\n')) {
		snprintf(text, sizeof(text), "%ld", strtol(q, &end, 10));
		r = file_write(dir_fd, SUPERVISOR "/cgroup.procs", text);
		if (r < 0 && r != -ESRCH)
			return r;
	}
	return 0;
}

/*
 * Move us and our family out of the way, again while forks of those not yet moved come after.
 * Return: 0; -EBUSY when others live here
 */
static int move_to_supervisor(int dir_fd)
{
	int r = 0;

	for (int i = 0; r == 0 && i < MOVE_ROUNDS; i++) {
		cleanup_buf struct buf b = BUF_INIT, here = BUF_INIT;
		const char *procs = cgroup_read_text(dir_fd, "cgroup.procs", &b);

		if (!*procs)
			return 0;
		/* Read second: another autoexp may be moving the same family right now. */
		cgroup_read_text(dir_fd, SUPERVISOR "/cgroup.procs", &here);
		buf_add(&here, procs, strlen(procs));
		r = here.failed ? -ENOMEM : move_all(dir_fd, procs, buf_str(&here));
	}
	return r < 0 ? r : -EBUSY;
}

static bool is_marked(int dir_fd)
{
	char value[8];

	return fgetxattr(dir_fd, "user.delegate", value, sizeof(value)) > 0 ||
	       fgetxattr(dir_fd, "trusted.delegate", value, sizeof(value)) > 0;
}

/* Those that systemd hands to a user's manager. */
static bool has_usual_controllers(int dir_fd)
{
	static const enum cgroup_controller usual[] = { CGROUP_MEMORY, CGROUP_PIDS,
							CGROUP_CPU };
	cleanup_buf struct buf b = BUF_INIT;
	const char *there = cgroup_read_text(dir_fd, "cgroup.controllers", &b);

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (!cgroup_has_word(there, cgroup_controller_names[usual[i]]))
			return false;
	return true;
}

/* @whole: only with the usual controllers, unless it was handed to us on purpose */
static bool is_ours(int dir_fd, const char *path, bool whole)
{
	struct stat st;

	if (is_marked(dir_fd))
		return true;
	return geteuid() != 0 && fstat(dir_fd, &st) == 0 && st.st_uid == geteuid() &&
	       (!whole || scope_is_own(path) || has_usual_controllers(dir_fd));
}

/*
 * Ask for every controller there is, one by one: some may be refused.
 * @refused: errno for each, 0 where it was not; or NULL
 */
static void enable_controllers(int dir_fd, int refused[_CGROUP_CONTROLLER_MAX])
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *there = cgroup_read_text(dir_fd, "cgroup.controllers", &b);
	char text[32];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(cgroup_controller_names); i++) {
		if (!cgroup_has_word(there, cgroup_controller_names[i]))
			continue;
		snprintf(text, sizeof(text), "+%s", cgroup_controller_names[i]);
		r = file_write(dir_fd, "cgroup.subtree_control", text);
		if (refused)
			refused[i] = -r;
	}
}

/*
 * Our own group or the one above "supervisor"; the root of the hierarchy only where that is
 * the root of a container's namespace, which is a group like others.
 *
 * Return: descriptor; -EBUSY when others live in it; -ENOENT when it is not usable
 */
static int open_own(int root_fd, bool whole)
{
	char path[PATH_MAX], *base;
	cleanup_close int fd = -EBADF;
	int r;

	if (own_path(path) < 0 ||
	    (streq(path, "/") && faccessat(root_fd, "cgroup.type", F_OK, 0) < 0))
		return -ENOENT;
	base = strrchr(path, '/');
	if (streq(base, "/" SUPERVISOR))
		*base = '\0';
	fd = openat(root_fd, path[0] && path[1] ? path + 1 : ".",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !is_ours(fd, path, whole))
		return -ENOENT;
	r = move_to_supervisor(fd);
	return r < 0 ? (r == -EBUSY ? r : -ENOENT) : TAKE_FD(fd);
}

static int open_top(int root_fd)
{
	if (geteuid() != 0 || access("/run/systemd/system", F_OK) == 0)
		return -ENOENT;
	/* The root of a container's namespace is bound by the rule on processes, too. */
	if (faccessat(root_fd, "cgroup.type", F_OK, 0) == 0)
		move_to_supervisor(root_fd);
	enable_controllers(root_fd, NULL);
	if (mkdirat(root_fd, "autoexp", 0755) < 0 && errno != EEXIST)
		return -ENOENT;
	return openat(root_fd, "autoexp",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/*
 * Only who may write to cgroup.procs of the nearest group that holds both, ours and @path, may
 * start a process there. @path: a real path, as ours is below the hierarchy
 */
static int check_reach(const char *path, struct sbx_err *err)
{
	char own[PATH_MAX], place[PATH_MAX], both[2 * PATH_MAX], file[2 * PATH_MAX + 32];
	size_t n = 0, common = 0;
	int root = open_hierarchy(place);

	fd_close(root);
	if (geteuid() == 0 || root < 0 || own_path(own) < 0)
		return 0;
	snprintf(both, sizeof(both), "%s%s", place, own);
	for (; both[n] && both[n] == path[n]; n++)
		if (both[n] == '/')
			common = n;
	if (!path[n] || (path[n] == '/' && !both[n]) || (both[n] == '/' && !path[n]))
		common = n;
	snprintf(file, sizeof(file), "%.*s/cgroup.procs", (int)common, both);
	if (faccessat(AT_FDCWD, file, W_OK, AT_EACCESS) == 0)
		return 0;
	return sbx_err_set(err, -EACCES, "cgroup",
			   "--cgroup %.100s: out of our reach: we run in %.100s, and to "
			   "start a process there %.120s has to be ours to write; start "
			   "autoexp in a group below the one that was delegated",
			   path, both, file);
}

static int not_a_group(const char *path, bool v1, struct sbx_err *err)
{
	return sbx_err_set(
		err, -EINVAL, "cgroup",
		v1 ? "--cgroup %s: this group belongs to cgroup v1; name one of "
		     "cgroup v2, whose groups have a file cgroup.controllers"
		   : "--cgroup %s: not a cgroup v2 directory; name one below "
		     "/sys/fs/cgroup that you may write",
		path);
}

static int open_named(const char *path, struct sbx_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *real = NULL;
	struct statfs fs = { 0 };
	int r;

	if (fd < 0 && errno == ENOTDIR)
		return sbx_err_set(err, -ENOTDIR, "cgroup",
				   "--cgroup %s: this is a file; name the directory of a "
				   "group",
				   path);
	if (fd < 0 || !(real = realpath(path, NULL)))
		return sbx_err_errno(err, -errno, "cgroup", "--cgroup %s", path);
	if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return not_a_group(path, fs.f_type == CGROUP_SUPER_MAGIC, err);
	r = check_reach(real, err);
	if (r < 0)
		return r;
	r = move_to_supervisor(fd);
	if (r == -EBUSY)
		return sbx_err_set(
			err, r, "cgroup",
			"--cgroup %s: other processes live in it, and cgroup v2 allows "
			"no processes beside child groups; name an empty group",
			path);
	if (r < 0)
		return sbx_err_errno(err, r, "cgroup", "--cgroup %s: cannot use it",
				     path);
	return TAKE_FD(fd);
}

/*
 * The box died with its owner, but a process may hang in the kernel, or still be on its way
 * out. What does not go is the next start's again.
 */
static void sweep_leaf(int parent_fd, const char *name, int fd)
{
	const struct cgroup left = { .fd = fd };
	struct timespec wait = timespec_of_us(SWEEP_WAIT_US);

	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
		return;
	cgroup_kill(&left);
	for (int i = 0; i < SWEEP_ROUNDS; i++) {
		nanosleep(&wait, NULL);
		if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0)
			return;
	}
}

/* Leaves that nobody holds any more: their owner was killed before it could tidy up. */
static void sweep(int parent_fd)
{
	cleanup_closedir DIR *d = NULL;
	int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return;
	}
	while ((e = readdir(d))) {
		cleanup_close int leaf = -EBADF;

		if (!str_after(e->d_name, LEAF))
			continue;
		leaf = openat(parent_fd, e->d_name,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (leaf >= 0 && flock(leaf, LOCK_EX | LOCK_NB) == 0)
			sweep_leaf(parent_fd, e->d_name, leaf);
	}
}

/* Is the directory behind @fd still the one of this name? */
static bool is_there(int parent_fd, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	       fstatat(parent_fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino;
}

/* Make one and hold it. Return: -EEXIST where the name is taken, or a sweep was quicker */
static int hold_leaf(struct cgroup *cg)
{
	cleanup_close int fd = -EBADF;

	if (mkdirat(cg->parent_fd, cg->name, 0755) < 0)
		return -errno;
	fd = openat(cg->parent_fd, cg->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ||
	    !is_there(cg->parent_fd, cg->name, fd))
		return -EEXIST;
	cg->fd = TAKE_FD(fd);
	return 0;
}

static void remove_leaf(struct cgroup *cg)
{
	unlinkat(cg->parent_fd, cg->name, AT_REMOVEDIR);
	cg->fd = fd_close(cg->fd);
}

/* Return: 0; -EOPNOTSUPP where it cannot hold processes; other negative errno */
static int make_leaf(struct cgroup *cg)
{
	cleanup_buf struct buf b = BUF_INIT, type = BUF_INIT;
	const char *there;
	int r = -EEXIST;

	/* The pid is for people; another pid namespace may have used the same. */
	snprintf(cg->name, sizeof(cg->name), LEAF "%d", (int)getpid());
	for (int i = 2; r == -EEXIST && i < LEAF_ROUNDS; i++) {
		r = hold_leaf(cg);
		if (r == -EEXIST)
			snprintf(cg->name, sizeof(cg->name), LEAF "%d-%d", (int)getpid(),
				 i);
	}
	if (r < 0)
		return r;
	there = cgroup_read_text(cg->fd, "cgroup.type", &type);
	if (*there && !streq(there, "domain\n")) {
		remove_leaf(cg);
		return -EOPNOTSUPP;
	}
	there = cgroup_read_text(cg->fd, "cgroup.controllers", &b);
	for (size_t i = 0; i < ARRAY_SIZE(cgroup_controller_names); i++)
		cg->has[i] = cgroup_has_word(there, cgroup_controller_names[i]);
	return 0;
}

/* The ways of the list on top, in order. Return: descriptor; negative errno, @err: why not */
static int open_subtree(int root_fd, struct sbx_err *err)
{
	int fd = open_own(root_fd, true), scope;

	if (fd >= 0)
		return fd;
	scope = scope_enter(err);
	fd = open_own(root_fd, false);
	if (fd == -EBUSY && scope == -ENOENT)
		sbx_err_set(err, fd, "cgroup",
			    "our cgroup is ours, but other processes live in it");
	if (fd < 0)
		fd = open_top(root_fd);
	return fd;
}

static int find_parent(struct cgroup *cg)
{
	struct sbx_err err = { 0 };
	cleanup_close int root = -EBADF;
	char place[PATH_MAX];

	root = open_hierarchy(place);
	if (root < 0) {
		explain(cg, "cgroup v2 is not mounted on this host; mount it (mount -t "
			    "cgroup2 none "
			    "/sys/fs/cgroup), or accept a watchdog with --soft-limits");
		return -ENOENT;
	}
	cg->parent_fd = open_subtree(root, &err);
	if (cg->parent_fd >= 0)
		return 0;
	snprintf(cg->why_not, sizeof(cg->why_not),
		 "no cgroup v2 subtree is delegated to us (%.280s); name one with "
		 "--cgroup, "
		 "or accept a watchdog with --soft-limits",
		 err.code ? err.msg : "and systemd, which could, does not run here");
	return -ENOENT;
}

void cgroup_prepare(void)
{
	struct cgroup cg = CGROUP_INIT;

	find_parent(&cg);
	fd_close(cg.parent_fd);
}

int cgroup_open(const char *explicit_path, struct cgroup *ret, struct sbx_err *err)
{
	int r;

	*ret = (struct cgroup)CGROUP_INIT;
	if (explicit_path) {
		ret->parent_fd = open_named(explicit_path, err);
		if (ret->parent_fd < 0)
			return ret->parent_fd;
	} else if (find_parent(ret) < 0) {
		return 0;
	}
	enable_controllers(ret->parent_fd, ret->refused);
	sweep(ret->parent_fd);
	r = make_leaf(ret);
	if (r == 0)
		return 0;
	cgroup_why_no_leaf(ret->parent_fd, r, ret->why_not, sizeof(ret->why_not));
	ret->parent_fd = fd_close(ret->parent_fd);
	if (explicit_path)
		return sbx_err_set(err, r, "cgroup", "--cgroup %s: %s", explicit_path,
				   ret->why_not);
	return 0;
}

int cgroup_close(struct cgroup *cg)
{
	int r = 0;

	if (cg->fd >= 0 && unlinkat(cg->parent_fd, cg->name, AT_REMOVEDIR) < 0)
		r = -errno;
	cg->fd = fd_close(cg->fd);
	cg->parent_fd = fd_close(cg->parent_fd);
	return r;
}
