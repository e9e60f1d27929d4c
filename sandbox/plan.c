/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/strv.h"
#include "limit.h"
#include "mount.h"
#include "show.h"

/* Device nodes of the host that are safe to share: stateless, or the caller's own. */
static const struct device {
	const char *path;
	unsigned major, minor;
} devices[] = {
	{ "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static const char *const device_links[][2] = {
	{ "/dev/fd", "/proc/self/fd" },       { "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/ptmx", "pts/ptmx" },
};

/*
 * Parts of a fresh /proc that speak of the whole machine. Directories (with a slash behind) are
 * covered by an empty one, files by /dev/null; what a kernel does not have is skipped. Writing
 * any of /proc that reaches beyond the box needs a capability of the initial user namespace or
 * the host's root, and the box has neither.
 */
static const char *const proc_masked[] = {
	"/proc/acpi/", "/proc/asound/",       "/proc/bus/",          "/proc/driver/",
	"/proc/fs/",   "/proc/irq/",          "/proc/kallsyms",      "/proc/kcore",
	"/proc/keys",  "/proc/kmsg",          "/proc/latency_stats", "/proc/sched_debug",
	"/proc/scsi/", "/proc/sysrq-trigger", "/proc/timer_list",
};

/*
 * Settings of the namespaces that the box owns: no user namespace inside this one, and few
 * inotify objects, whose memory no tmpfs limit counts.
 */
static const char *const proc_settings[][2] = {
	{ "/proc/sys/user/max_user_namespaces", "0" },
	{ "/proc/sys/user/max_inotify_instances", "128" },
	{ "/proc/sys/user/max_inotify_watches", "8192" },
};

#define OUT "/out"

/*
 * Directories in which the box may write; mounting below one needs a guard (see guard()).
 * All but OUT lie on the one scratch file system.
 */
static const char *const writable_roots[] = { "/tmp", "/dev/shm", "/home/autoexp", OUT };

static const char passwd[] =
	"root:x:0:0:root:/root:/usr/sbin/nologin\n"
	"autoexp:x:1000:1000:autoexp:/home/autoexp:/bin/sh\n"
	"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
static const char group[] = "root:x:0:\nautoexp:x:1000:\nnogroup:x:65534:\n";

static int add(struct plan *p, struct op op, const char *dest, const char *source,
	       const char *arg, struct sbx_err *err)
{
	size_t room = p->n < p->room ? p->room : MAX(p->room * 2, 64);
	struct op *ops = room == p->room ? p->ops : realloc(p->ops, room * sizeof(*ops));

	if (!ops)
		return sbx_err_oom(err, "plan");
	p->ops = ops;
	p->room = room;
	op.fd = -EBADF;
	op.dest = strdup(dest);
	op.source = source ? strdup(source) : NULL;
	op.arg = arg ? strdup(arg) : NULL;
	p->ops[p->n++] = op;
	if (!op.dest || (source && !op.source) || (arg && !op.arg))
		return sbx_err_oom(err, "plan");
	return 0;
}

static int add_op(struct plan *p, enum op_type type, const char *dest, mode_t mode,
		  struct sbx_err *err)
{
	return add(p, (struct op){ .type = type, .mode = mode }, dest, NULL, NULL, err);
}

static int add_text(struct plan *p, enum op_type type, const char *dest, const char *arg,
		    struct sbx_err *err)
{
	return add(p, (struct op){ .type = type, .mode = 0644 }, dest, NULL, arg, err);
}

/* What is made on scratch under a name of its own and bound to @dest. */
static int add_place(struct plan *p, enum op_type type, const char *dest, mode_t mode,
		     const char *arg, struct sbx_err *err)
{
	char source[24];

	snprintf(source, sizeof(source), "%zu", p->n);
	return add(p, (struct op){ .type = type, .mode = mode }, dest, source, arg, err);
}

static int add_bind(struct plan *p, const char *dest, const char *source, unsigned flags,
		    struct sbx_err *err)
{
	return add(p, (struct op){ .type = OP_BIND, .flags = flags }, dest, source, NULL,
		   err);
}

static int add_mask(struct plan *p, const char *path, struct sbx_err *err)
{
	struct op op = { .type = OP_BIND, .is_dir = path[strlen(path) - 1] == '/' };

	return add(p, op, path, NULL, NULL, err);
}

/* On merged-usr systems /bin is a link; show it as one. */
static int add_system(struct plan *p, const char *path, struct sbx_err *err)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISLNK(st.st_mode))
		return add_bind(p, path, path, OP_OPTIONAL, err);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return sbx_err_errno(err, -errno, "plan", "cannot read the link %s",
				     path);
	target[n] = '\0';
	return add_text(p, OP_SYMLINK, path, target, err);
}

static int add_device(struct plan *p, const struct device *d, struct sbx_err *err)
{
	struct op op = { .type = OP_BIND,
			 .flags = OP_DEVICE,
			 .rdev = makedev(d->major, d->minor) };

	return add(p, op, d->path, d->path, NULL, err);
}

static int add_devices(struct plan *p, struct sbx_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(devices); i++)
		r = add_device(p, &devices[i], err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(device_links); i++)
		r = add_text(p, OP_SYMLINK, device_links[i][0], device_links[i][1], err);
	if (r == 0)
		r = add_op(p, OP_PTS, "/dev/pts", 0, err);
	return r;
}

static int add_proc(struct plan *p, struct sbx_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(proc_settings); i++)
		r = add_text(p, OP_WRITE, proc_settings[i][0], proc_settings[i][1], err);
	if (r == 0)
		r = add_op(p, OP_LOCK, "/proc/sys", 0, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(proc_masked); i++)
		r = add_mask(p, proc_masked[i], err);
	return r;
}

/* Of the inodes 64 are for what the box itself makes there. */
static char *tmpfs_options(uint64_t bytes, uint64_t n_inodes, unsigned mode)
{
	return str_printf("size=%" PRIu64 ",nr_inodes=%" PRIu64 ",mode=%o", bytes,
			  n_inodes + 64, mode);
}

static int add_out(struct plan *p, uint64_t bytes, struct sbx_err *err)
{
	cleanup_free char *options = tmpfs_options(bytes, bytes / 4096, 0755);

	return options ? add_text(p, OP_OUT, OUT, options, err)
		       : sbx_err_oom(err, "plan");
}

/* The part of the root that no job changes. */
static int add_base(struct plan *p, const struct sbx_policy *policy, struct sbx_err *err)
{
	int r;

	/* First, for it tells of the mounts that follow. */
	r = add_op(p, OP_PROC, "/proc", 0, err);
	for (size_t i = 0; r == 0 && policy->system && policy->system[i]; i++)
		r = add_system(p, policy->system[i], err);
	if (r == 0)
		r = add_place(p, OP_FILE, "/etc/passwd", 0644, passwd, err);
	if (r == 0)
		r = add_place(p, OP_FILE, "/etc/group", 0644, group, err);
	if (r == 0)
		r = add_bind(p, "/sys/devices/system/cpu", "/sys/devices/system/cpu",
			     OP_OPTIONAL, err);
	if (r == 0)
		r = add_bind(p, "/sys/devices/system/node", "/sys/devices/system/node",
			     OP_OPTIONAL, err);
	if (r == 0)
		r = add_devices(p, err);
	if (r == 0)
		r = add_proc(p, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(writable_roots); i++)
		r = streq(writable_roots[i], OUT)
			    ? add_out(p, policy->limits[SBX_LIMIT_OUT], err)
			    : add_place(p, OP_SCRATCH, writable_roots[i],
					i < 2 ? 01777 : 0755, NULL, err);
	return r;
}

static bool planned(const struct plan *p, enum op_type type, const char *dest)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i].type == type && streq(p->ops[i].dest, dest))
			return true;
	return false;
}

/*
 * A mount at /tmp/a/b/repo would sit below directories that the box may rename, and a forged
 * /tmp/a/b/repo could take its place. So the first part below a writable directory becomes a
 * tmpfs of its own, which cannot be renamed (it is a mount point) and is sealed at the end.
 */
static int guard(struct plan *p, const char *dest, struct sbx_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(writable_roots); i++) {
		const char *rest = str_after(dest, writable_roots[i]);
		const char *slash = rest && *rest == '/' ? strchr(rest + 1, '/') : NULL;
		cleanup_free char *first = NULL;

		if (!slash)
			continue;
		first = strndup(dest, (size_t)(slash - dest));
		if (!first)
			return sbx_err_oom(err, "plan");
		if (!planned(p, OP_TMPFS, first) && !planned(p, OP_BIND, first))
			return add_text(p, OP_TMPFS, first, PLAN_ROOT_OPTIONS, err);
	}
	return 0;
}

static bool is_below(const char *path, const char *dir)
{
	const char *rest = str_after(path, dir);

	return rest && (!*rest || *rest == '/');
}

/* Sockets of the host's services live here: a read-only mount does not stop connect(). */
static const char *const never_shown[] = { "/run", "/var/run", "/proc", "/sys", "/dev" };

/* Absolute, without empty, "." and ".." parts: below, paths are compared as text. */
static bool is_clean(const char *path)
{
	size_t n;

	if (*path != '/' || strlen(path) >= PATH_MAX)
		return false;
	for (const char *p = path + 1; path[1]; p += n + 1) {
		n = strcspn(p, "/");
		if (n == 0 || (n <= 2 && strncmp(p, "..", n) == 0))
			return false;
		if (!p[n])
			break;
	}
	return true;
}

static int check_path(const char *what, const char *path, struct sbx_err *err)
{
	if (!is_clean(path))
		return sbx_err_set(err, -EINVAL, "plan",
				   "%s '%s': not a clean absolute path", what, path);
	if (streq(path, "/") || streq(path, "/tmp"))
		return sbx_err_set(err, -EINVAL, "plan",
				   "%s '%s': too wide; name the directory that is needed",
				   what, path);
	for (size_t i = 0; i < ARRAY_SIZE(never_shown); i++)
		if (is_below(path, never_shown[i]))
			return sbx_err_set(
				err, -EINVAL, "plan",
				"%s '%s': paths below %s are not shown, for sockets and "
				"devices there reach out of the box",
				what, path, never_shown[i]);
	return 0;
}

static int add_shown(struct plan *p, const char *what, const char *dest,
		     const char *source, unsigned flags, struct sbx_err *err)
{
	int r;

	r = check_path(what, dest, err);
	if (r == 0)
		r = guard(p, dest, err);
	if (r == 0)
		r = add_bind(p, dest, source, flags, err);
	return r;
}

static int add_show(struct plan *p, const char *path, struct sbx_err *err)
{
	int r;

	/* First what is quickly said: looking for sockets walks through the whole tree. */
	r = add_shown(p, "show", path, path, OP_OWNED, err);
	return r < 0 ? r : show_check(path, err);
}

static int add_job(struct plan *p, const struct sbx_job *job, struct sbx_err *err)
{
	int r = 0;

	if (job->view_path)
		r = add_shown(p, "repository", job->view_path, job->view_source, 0, err);
	for (size_t i = 0; r == 0 && job->show && job->show[i]; i++)
		r = add_show(p, job->show[i], err);
	for (size_t i = 0; r == 0 && job->scratch && job->scratch[i]; i++) {
		r = check_path("scratch path", job->scratch[i], err);
		if (r == 0)
			r = add_place(p, OP_SCRATCH, job->scratch[i], 0755, NULL, err);
	}
	if (r < 0 || !job->target_path)
		return r;
	r = check_path("target", job->target_path, err);
	if (r == 0)
		r = guard(p, job->target_path, err);
	return r < 0 ? r : add_op(p, OP_POINT, job->target_path, 0, err);
}

/* The copy is made under the target's own name: as an overlay, its directory is bound. */
static int add_target(struct plan *p, const char *path, unsigned flags,
		      struct sbx_err *err)
{
	const char *name = strrchr(path, '/');
	cleanup_free char *source = str_printf(PLAN_TARGET "%s", name);
	cleanup_free char *dir = strndup(path, (size_t)(name - path));

	if (!source || !dir)
		return sbx_err_oom(err, "plan");
	if (flags & OP_OVERLAY && !*dir)
		return sbx_err_set(
			err, -EINVAL, "plan",
			"target %s: the root directory cannot be an overlay; use "
			"the target mode 'bind'",
			path);
	return add(p, (struct op){ .type = OP_TARGET, .flags = flags }, path, source, dir,
		   err);
}

/*
 * The end, in this order: guards are sealed before the target may cover one of them, and the
 * root last, when nothing is made in it any more.
 */
static int add_end(struct plan *p, const struct sbx_policy *policy,
		   const struct sbx_job *job, struct sbx_err *err)
{
	static const unsigned target_flags[_SBX_TARGET_MAX] = {
		[SBX_TARGET_OVERLAY] = OP_OVERLAY,
		[SBX_TARGET_RO] = OP_READONLY,
	};
	size_t n = p->n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		if (p->ops[i].type == OP_TMPFS)
			r = add_op(p, OP_SEAL, p->ops[i].dest, 0, err);
	if (r == 0 && job->target_path)
		r = add_target(p, job->target_path, target_flags[policy->target], err);
	if (r == 0)
		r = add_op(p, OP_LEAVE, "/", 0, err);
	return r < 0 ? r : add_op(p, OP_SEAL, "/", 0, err);
}

int plan_new(const struct sbx_policy *policy, const struct sbx_job *job,
	     struct plan **ret, struct sbx_err *err)
{
	struct plan *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return sbx_err_oom(err, "plan");
	p->target_fd = job->target_fd;
	p->scratch_options = tmpfs_options(policy->limits[SBX_LIMIT_SCRATCH],
					   limit_inodes(policy->limits), 0700);

	r = p->scratch_options ? add_base(p, policy, err) : sbx_err_oom(err, "plan");
	if (r == 0)
		r = add_job(p, job, err);
	if (r == 0)
		r = add_end(p, policy, job, err);
	if (r < 0) {
		plan_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void plan_close(struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		plan->ops[i].fd = fd_close(plan->ops[i].fd);
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	plan_close(plan);
	for (size_t i = 0; i < plan->n; i++) {
		free(plan->ops[i].source);
		free(plan->ops[i].dest);
		free(plan->ops[i].arg);
	}
	free(plan->ops);
	free(plan->scratch_options);
	free(plan);
}

static int open_owned(const struct op *op, const struct stat *st, const struct idmap *map,
		      struct sbx_err *err)
{
	cleanup_close int userns = -EBADF;
	int r;

	if (!(op->flags & OP_OWNED) || !map->root)
		return 0;
	r = idmap_userns(map, st->st_uid, st->st_gid, &userns, err);
	if (r < 0)
		return r;
	/* Kernels and file systems without id-mapped mounts: what others may read is shown all the same. */
	r = mount_set_idmap(op->fd, userns);
	return r == -EINVAL || r == -ENOSYS ? 0 : r;
}

/* Whoever could put something else there must not have it lent to the box, or mask with it. */
static int check_kind(const struct op *op, const struct stat *st, struct sbx_err *err)
{
	if (op->flags & OP_DEVICE) {
		if (S_ISCHR(st->st_mode) && st->st_rdev == op->rdev)
			return 0;
		return sbx_err_set(err, -ENODEV, "mount",
				   "%s of this host is not the device %u:%u that it has "
				   "to be",
				   op->source, major(op->rdev), minor(op->rdev));
	}
	if (S_ISDIR(st->st_mode) || S_ISREG(st->st_mode))
		return 0;
	return sbx_err_set(err, -EINVAL, "mount",
			   "cannot show %s: neither a file nor a directory", op->source);
}

static int open_source(struct op *op, const struct idmap *map, struct sbx_err *err)
{
	struct stat st;
	int r;

	op->fd = mount_clone(AT_FDCWD, op->source, !(op->flags & OP_DEVICE));
	if (op->fd == -ENOENT && op->flags & OP_OPTIONAL)
		return 0;
	if (op->fd < 0)
		return sbx_err_errno(err, op->fd, "mount", "cannot show %s", op->source);
	if (fstat(op->fd, &st) < 0)
		return sbx_err_errno(err, -errno, "mount", "cannot look at %s",
				     op->source);
	op->is_dir = S_ISDIR(st.st_mode);
	r = check_kind(op, &st, err);
	if (r < 0)
		return r;
	r = mount_restrict(op->fd, op->flags & OP_DEVICE);
	if (r == -ENOSYS) {
		op->flags |= OP_UNRESTRICTED;
		r = 0;
	}
	if (r < 0)
		return sbx_err_errno(err, r, "mount", "cannot make %s read-only",
				     op->source);
	return open_owned(op, &st, map, err);
}

int plan_open(struct plan *plan, const struct idmap *map, struct sbx_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n; i++)
		if (plan->ops[i].type == OP_BIND && plan->ops[i].source)
			r = open_source(&plan->ops[i], map, err);
	return r;
}
