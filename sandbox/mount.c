/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The new root is a small tmpfs. Everything in it is either made on it (directories, links,
 * small files) or a mount put on a path. The old root is left as early as possible: from
 * then on every path with a slash in front is a path of the box.
 *
 * One tmpfs, the working directory while the root is made, holds everything the box may write:
 * its directories are bound to /tmp, /dev/shm, $HOME, the scratch paths and the target, so a
 * single size and a single inode limit count them all. It is mounted in the old root and
 * detached at the end together with it, for each detaching waits for a grace period of the
 * whole machine; the bound directories keep the file system alive.
 *
 * nodev and nosuid are set on every mount but device nodes and the private /dev/pts, where
 * nodev would make them useless.
 */
#include "mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Since 2.36 glibc has the mount API itself, and the kernel's header collides with it. */
#if !__GLIBC_PREREQ(2, 36)
#include <linux/mount.h>
#endif

#include "base/file.h"
#include "remount.h"

#define EMPTY       "empty" /* on scratch */
#define NO_SUID_DEV (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* Where scratch and the new root are put while the old one is still there: right below it. */
#define BASE "/proc"

static int fail(struct sbx_err *err, const char *what, const char *path)
{
	return sbx_err_errno(err, -errno, "mount", "%s %s", what, path);
}

int mount_clone(int dir_fd, const char *path, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
	int fd;

	if (!*path)
		flags |= AT_EMPTY_PATH;
	fd = (int)syscall(SYS_open_tree, dir_fd, path,
			  flags | (recursive ? AT_RECURSIVE : 0));
	return fd < 0 ? -errno : fd;
}

static int set_attr(int fd, unsigned flags, const struct mount_attr *attr)
{
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | flags, attr,
		    sizeof(*attr)) < 0)
		return -errno;
	return 0;
}

/*
 * Private as well: a copy belongs to the peer group of what it was copied from. What is mounted
 * on the copy of a shared mount would be mounted on the host, and what the host mounts later
 * would come into the box, writable and with its devices.
 */
int mount_restrict(int mount_fd, bool device)
{
	const struct mount_attr attr = {
		.attr_set =
			MOUNT_ATTR_RDONLY |
			(device ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC : NO_SUID_DEV),
		.propagation = MS_PRIVATE,
	};

	return set_attr(mount_fd, device ? 0 : AT_RECURSIVE, &attr);
}

int mount_set_idmap(int mount_fd, int userns_fd)
{
	const struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)userns_fd,
	};

	return set_attr(mount_fd, 0, &attr);
}

static int attach(int mount_fd, const char *dest)
{
	return (int)syscall(SYS_move_mount, mount_fd, "", AT_FDCWD, dest,
			    MOVE_MOUNT_F_EMPTY_PATH);
}

/* The same mount once more, with the same restrictions. */
static int bind(const char *path, const char *dest, unsigned long flags)
{
	return mount(path, dest, NULL, MS_BIND | flags, NULL);
}

/* Only for what we have mounted ourselves: nosuid and nodev it is already. */
static int make_readonly(const char *path, unsigned flags)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY };

	if (syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &a, sizeof(a)) == 0)
		return 0;
	return errno == ENOSYS ? remount(path, MS_RDONLY | MS_NOSUID | MS_NODEV) : -1;
}

/* The new pid namespace's /proc as a detached mount. Return: descriptor, or -1 with errno */
static int new_proc(void)
{
	cleanup_close int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			    NO_SUID_DEV | MOUNT_ATTR_NOEXEC);
}

static int make_parents(const char *path)
{
	size_t n = strnlen(path, PATH_MAX - 1);
	char copy[PATH_MAX];

	memcpy(copy, path, n);
	copy[n] = '\0';
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST && errno != EROFS)
			return -1;
		*p = '/';
	}
	return 0;
}

static int create(const char *path, bool is_dir)
{
	return is_dir ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0);
}

/* A mount point: a new one where there is room for it, else what is there already. */
static int make_point(const char *path, bool is_dir)
{
	struct stat st;
	int saved;

	if (create(path, is_dir) == 0)
		return 0;
	if (errno == ENOENT && make_parents(path) == 0 && create(path, is_dir) == 0)
		return 0;
	saved = errno;
	if (lstat(path, &st) < 0) {
		errno = saved;
		return -1;
	}
	if (S_ISDIR(st.st_mode) == is_dir && !S_ISLNK(st.st_mode))
		return 0;
	errno = S_ISLNK(st.st_mode) ? ELOOP : is_dir ? ENOTDIR : EISDIR;
	return -1;
}

static int write_file(const char *path, mode_t mode, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t n = strlen(text);

	if (fd < 0)
		return -1;
	return write(fd, text, n) == (ssize_t)n ? 0 : -1;
}

/* The box's own version of a file of the system: made on scratch, bound over the path. */
static int do_file(const struct op *op, struct sbx_err *err)
{
	if (write_file(op->source, op->mode, op->arg) < 0)
		return fail(err, "cannot write", op->dest);
	/* A system without that file needs none. */
	if (bind(op->source, op->dest, 0) < 0)
		return errno == ENOENT ? 0 : fail(err, "cannot replace", op->dest);
	return make_readonly(op->dest, 0) < 0
		       ? fail(err, "cannot make read-only:", op->dest)
		       : 0;
}

static int do_symlink(const struct op *op, struct sbx_err *err)
{
	if (symlink(op->arg, op->dest) == 0)
		return 0;
	if (errno != ENOENT || make_parents(op->dest) < 0 ||
	    symlink(op->arg, op->dest) < 0)
		return fail(err, "cannot link", op->dest);
	return 0;
}

/*
 * A bind without source masks: an empty directory, or the null device, which reads as empty.
 * Both are restricted already. What this kernel does not have is looked for before anything is
 * copied: to drop a mount again costs a grace period of the whole machine.
 */
static int do_mask(const struct op *op, struct sbx_err *err)
{
	if (bind(op->is_dir ? EMPTY : "/dev/null", op->dest, 0) < 0 && errno != ENOENT)
		return fail(err, "cannot mask", op->dest);
	return 0;
}

static int do_bind(const struct op *op, struct sbx_err *err)
{
	if (!op->source)
		return do_mask(op, err);
	if (op->fd < 0)
		return 0;
	if (make_point(op->dest, op->is_dir) < 0 || attach(op->fd, op->dest) < 0)
		return fail(err, "cannot mount", op->dest);
	if (op->flags & OP_UNRESTRICTED &&
	    remount_tree(op->dest,
			 MS_RDONLY | MS_NOSUID |
				 (op->flags & OP_DEVICE ? MS_NOEXEC : MS_NODEV)) < 0)
		return fail(err, "cannot make read-only:", op->dest);
	return 0;
}

static int do_tmpfs(const char *dest, const char *options, struct sbx_err *err)
{
	if (make_point(dest, true) < 0 ||
	    mount("tmpfs", dest, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return fail(err, "cannot mount a tmpfs at", dest);
	return 0;
}

static int do_out(const struct op *op, int *ret_fd, struct sbx_err *err)
{
	int r = do_tmpfs(op->dest, op->arg, err);

	if (r < 0)
		return r;
	*ret_fd = open(op->dest, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? fail(err, "cannot open", op->dest) : 0;
}

/* They are counted over the whole host, and their memory by no limit: hence a maximum. */
static int do_pts(const struct op *op, struct sbx_err *err)
{
	if (make_point(op->dest, true) < 0 ||
	    mount("devpts", op->dest, "devpts", MS_NOSUID | MS_NOEXEC,
		  "ptmxmode=0666,mode=620,max=64") < 0)
		return fail(err, "cannot mount pseudo terminals at", op->dest);
	return 0;
}

static int do_scratch(const struct op *op, struct sbx_err *err)
{
	if (mkdir(op->source, op->mode) < 0 || chmod(op->source, op->mode) < 0)
		return fail(err, "cannot make", op->dest);
	if (make_point(op->dest, true) < 0 || bind(op->source, op->dest, 0) < 0)
		return fail(err, "cannot make writable:", op->dest);
	return 0;
}

static int copy_content(int from, const char *path)
{
	cleanup_close int to = -EBADF;
	char chunk[16384];
	struct stat st;
	ssize_t n;

	if (fstat(from, &st) < 0)
		return -1;
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return -1;
	for (off_t at = 0; (n = pread(from, chunk, sizeof(chunk), at)) > 0; at += n)
		if (write(to, chunk, (size_t)n) != n)
			return -1;
	if (n < 0)
		return -1;
	return fchmod(to, st.st_mode & 0111 ? 0755 : 0644);
}

struct dirent64_raw {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* One neighbour of the target, as it was: a link again, or bound read-only. */
static int keep_sibling(const char *dir, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX], link[PATH_MAX];
	cleanup_close int fd = -EBADF;
	struct stat st;
	ssize_t n;

	snprintf(from, sizeof(from), "%.*s/%s", PATH_MAX - 300, dir, name);
	snprintf(to, sizeof(to), PLAN_TARGET "/%s", name);
	if (lstat(from, &st) < 0)
		return -1;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(from, link, sizeof(link) - 1);
		if (n < 0)
			return -1;
		link[n] = '\0';
		return symlink(link, to);
	}
	fd = mount_clone(AT_FDCWD, from, true);
	if (fd < 0 || make_point(to, S_ISDIR(st.st_mode)) < 0)
		return -1;
	return attach(fd, to);
}

/*
 * Any way of saving a file needs its directory writable. The target's directory becomes one
 * of the scratch tmpfs in which every neighbour is a mount of its own: those can be neither
 * written, renamed nor removed, and new files go away with the box.
 */
static int keep_siblings(const char *dir, const char *except, struct sbx_err *err)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char entries[8192] __attribute__((__aligned__(8)));
	long n;

	if (fd < 0)
		return fail(err, "cannot list", dir);
	while ((n = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < n;) {
			struct dirent64_raw *e = (struct dirent64_raw *)(entries + at);

			at += e->reclen;
			if (streq(e->name, ".") || streq(e->name, "..") ||
			    streq(e->name, except))
				continue;
			if (keep_sibling(dir, e->name) < 0)
				return fail(err,
					    "cannot keep beside the target:", e->name);
		}
	}
	return n < 0 ? fail(err, "cannot list", dir) : 0;
}

static int do_target(const struct plan *plan, const struct op *op, int *ret_dir,
		     struct sbx_err *err)
{
	const char *name = strrchr(op->dest, '/') + 1, *dir = op->arg;
	cleanup_close int fd = -EBADF;
	bool overlay = op->flags & OP_OVERLAY;
	int r;

	if (mkdir(PLAN_TARGET, 0755) < 0 || copy_content(plan->target_fd, op->source) < 0)
		return fail(err, "cannot copy the target", op->dest);
	if (overlay) {
		r = keep_siblings(dir, name, err);
		if (r < 0)
			return r;
	}
	fd = mount_clone(AT_FDCWD, overlay ? PLAN_TARGET : op->source, overlay);
	if (fd < 0 || attach(fd, overlay ? dir : op->dest) < 0 ||
	    (op->flags & OP_READONLY && make_readonly(op->dest, 0) < 0))
		return fail(err, "cannot mount the target", op->dest);
	*ret_dir = open(overlay ? dir : PLAN_TARGET, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_dir < 0 ? fail(err, "cannot open the directory of", op->dest) : 0;
}

/* A kernel built without a namespace's setting has nothing to switch off. */
static int do_write(const struct op *op, struct sbx_err *err)
{
	int r = file_write(AT_FDCWD, op->dest, op->arg);

	if (r < 0 && r != -ENOENT)
		return sbx_err_errno(err, r, "mount", "cannot set %s", op->dest);
	return 0;
}

static int do_lock(const struct op *op, struct sbx_err *err)
{
	if (bind(op->dest, op->dest, MS_REC) < 0)
		return errno == ENOENT ? 0 : fail(err, "cannot hold:", op->dest);
	if (make_readonly(op->dest, AT_RECURSIVE) < 0)
		return fail(err, "cannot make read-only:", op->dest);
	return 0;
}

static int do_seal(const struct op *op, struct sbx_err *err)
{
	if (make_readonly(op->dest, 0) < 0)
		return fail(err, "cannot make read-only:", op->dest);
	return 0;
}

/* What the working directory lies in is the old root. */
static int do_leave(int *ret_scratch, struct sbx_err *err)
{
	*ret_scratch = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_scratch < 0 || umount2("..", MNT_DETACH) < 0 || chdir("/") < 0)
		return fail(err, "cannot leave", "the old root");
	return 0;
}

static int carry_out(const struct plan *plan, const struct op *op, int proc_fd,
		     struct mount_handles *handles, struct sbx_err *err)
{
	switch (op->type) {
	case OP_TMPFS:
		return do_tmpfs(op->dest, op->arg, err);
	case OP_FILE:
		return do_file(op, err);
	case OP_SYMLINK:
		return do_symlink(op, err);
	case OP_BIND:
		return do_bind(op, err);
	case OP_PROC:
		if (make_point(op->dest, true) < 0 || attach(proc_fd, op->dest) < 0)
			return fail(err, "cannot mount", op->dest);
		return 0;
	case OP_WRITE:
		return do_write(op, err);
	case OP_LOCK:
		return do_lock(op, err);
	case OP_PTS:
		return do_pts(op, err);
	case OP_SCRATCH:
		return do_scratch(op, err);
	case OP_OUT:
		return do_out(op, &handles->out, err);
	case OP_POINT:
		if (make_point(op->dest, false) < 0)
			return fail(err, "cannot make a place for the target", op->dest);
		return 0;
	case OP_SEAL:
		return do_seal(op, err);
	case OP_TARGET:
		return do_target(plan, op, &handles->target, err);
	case OP_LEAVE:
		return do_leave(&handles->scratch, err);
	}
	return sbx_err_set(err, -EINVAL, "mount", "unknown operation %d", (int)op->type);
}

/*
 * A new /proc may be mounted only while one is fully visible in this mount namespace, so it
 * is made before the old root goes.
 */
static int enter_new_root(const char *scratch_options, int *ret_proc, struct sbx_err *err)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV;
	cleanup_close int proc = -EBADF;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(err, "cannot make private:", "/");
	proc = new_proc();
	if (proc < 0)
		return sbx_err_errno(
			err, -errno, "proc",
			"cannot mount a /proc of the box's own; inside a container "
			"this needs an unmasked /proc (docker: --security-opt "
			"systempaths=unconfined)");
	if (mount("tmpfs", BASE, "tmpfs", flags, scratch_options) < 0 ||
	    chdir(BASE) < 0 ||
	    mount("tmpfs", BASE, "tmpfs", flags, PLAN_ROOT_OPTIONS) < 0)
		return fail(err, "cannot mount the new root on", BASE);
	if (syscall(SYS_pivot_root, BASE, BASE) < 0)
		return fail(err, "cannot change the root to", BASE);
	*ret_proc = TAKE_FD(proc);
	return 0;
}

/* An empty read-only directory to mask others with. */
static int make_empty(struct sbx_err *err)
{
	if (mkdir(EMPTY, 0555) < 0 || bind(EMPTY, EMPTY, 0) < 0 ||
	    make_readonly(EMPTY, 0) < 0)
		return fail(err, "cannot make", EMPTY);
	return 0;
}

int mount_root(const struct plan *plan, struct mount_handles *ret, struct sbx_err *err)
{
	struct mount_handles handles = { .scratch = -EBADF,
					 .out = -EBADF,
					 .target = -EBADF };
	cleanup_close int proc = -EBADF;
	int r;

	umask(0022);
	r = enter_new_root(plan->scratch_options, &proc, err);
	if (r == 0)
		r = make_empty(err);
	for (size_t i = 0; r == 0 && i < plan->n; i++)
		r = carry_out(plan, &plan->ops[i], proc, &handles, err);
	if (r < 0)
		return r;
	*ret = handles;
	return 0;
}
