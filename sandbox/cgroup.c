/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where a leaf may be made, first match:
 *
 *	1. the directory the user named
 *	2. our own group, when it is marked as delegated (systemd's Delegate=yes sets an xattr)
 *	   or owned by us, and nobody lives in it but we, our ancestors, and whoever descends
 *	   from those of them that live in it
 *	3. as root, where systemd does not manage the tree: <cgroup2>/autoexp
 *
 * cgroup v2 forbids processes beside child groups that have controllers, so in case 2 all of
 * these move to the child "supervisor" first. A later start finds itself there and
 * goes one up. Groups are reached through directory descriptors; nothing is deleted but the
 * leaf that we made.
 */
#include "cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include <linux/magic.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/strv.h"

#define SUPERVISOR "supervisor"
#define LEAF       "box-" /* and the pid of the autoexp that made it */
#define MAX_FILE   (1 << 20)
#define MOVE_ROUNDS 64

static const char *const controller_names[_CGROUP_CONTROLLER_MAX] = {
	[CGROUP_MEMORY] = "memory",
	[CGROUP_PIDS] = "pids",
	[CGROUP_CPU] = "cpu",
};

static const char remedy_user[] = "start it in a delegated scope: systemd-run --user "
				  "--scope -p Delegate=yes autoexp ... "
				  "(as root without --user), name a delegated group with "
				  "--cgroup, or accept a watchdog "
				  "with --soft-limits";

static void explain(struct cgroup *cg, const char *why)
{
	if (!cg->why_not[0])
		snprintf(cg->why_not, sizeof(cg->why_not), "%s", why);
}

/* A file of a group as text; "" when it is not there. The caller frees the buffer. */
static const char *read_text(int dir_fd, const char *name, struct buf *b)
{
	if (file_read(dir_fd, name, 0, MAX_FILE, b) < 0)
		buf_clear(b);
	return buf_str(b);
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p += n)
		if ((p == text || p[-1] == ' ' || p[-1] == '\n') &&
		    (p[n] == ' ' || p[n] == '\n' || !p[n]))
			return true;
	return false;
}

/* The number behind @key in a flat keyed file, 0 when it is missing. */
static uint64_t read_key(int dir_fd, const char *name, const char *key)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *p = read_text(dir_fd, name, &b), *rest;

	for (; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		rest = str_after(p, key);
		if (rest && (*rest == ' ' || *rest == '='))
			return strtoull(rest + 1, NULL, 10);
	}
	return 0;
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
	const char *line = read_text(AT_FDCWD, "/proc/self/cgroup", &b), *rest;

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
	p = strrchr(read_text(AT_FDCWD, path, &b), ')');
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
		if (has_word(here, line) && is_ancestor(p))
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
		const char *procs = read_text(dir_fd, "cgroup.procs", &b);

		if (!*procs)
			return 0;
		/* Read second: another autoexp may be moving the same family right now. */
		read_text(dir_fd, SUPERVISOR "/cgroup.procs", &here);
		buf_add(&here, procs, strlen(procs));
		r = here.failed ? -ENOMEM : move_all(dir_fd, procs, buf_str(&here));
	}
	return r < 0 ? r : -EBUSY;
}

static bool is_ours(int dir_fd)
{
	struct stat st;
	char value[8];

	if (fgetxattr(dir_fd, "user.delegate", value, sizeof(value)) > 0 ||
	    fgetxattr(dir_fd, "trusted.delegate", value, sizeof(value)) > 0)
		return true;
	return geteuid() != 0 && fstat(dir_fd, &st) == 0 && st.st_uid == geteuid();
}

/* Ask for every controller there is, one by one: some may be refused. */
static void enable_controllers(int dir_fd)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *there = read_text(dir_fd, "cgroup.controllers", &b);
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(controller_names); i++) {
		if (!has_word(there, controller_names[i]))
			continue;
		snprintf(text, sizeof(text), "+%s", controller_names[i]);
		file_write(dir_fd, "cgroup.subtree_control", text);
	}
}

/* Our own group or the one above "supervisor". Return: descriptor; -ENOENT: not usable */
static int open_own(int root_fd, struct cgroup *cg)
{
	char path[PATH_MAX], *base;
	cleanup_close int fd = -EBADF;

	if (own_path(path) < 0 || streq(path, "/"))
		return -ENOENT;
	base = strrchr(path, '/');
	if (streq(base, "/" SUPERVISOR))
		*base = '\0';
	fd = openat(root_fd, path[1] ? path + 1 : ".",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !is_ours(fd))
		return -ENOENT;
	if (move_to_supervisor(fd) == 0)
		return TAKE_FD(fd);
	explain(cg, "our cgroup is ours but other processes live in it; start autoexp in "
		    "a scope "
		    "of its own: systemd-run --user --scope -p Delegate=yes autoexp ...");
	return -ENOENT;
}

static int open_top(int root_fd)
{
	if (geteuid() != 0 || access("/run/systemd/system", F_OK) == 0)
		return -ENOENT;
	enable_controllers(root_fd);
	if (mkdirat(root_fd, "autoexp", 0755) < 0 && errno != EEXIST)
		return -ENOENT;
	return openat(root_fd, "autoexp",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int open_named(const char *path, struct sbx_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	int r;

	if (fd < 0)
		return sbx_err_errno(err, -errno, "cgroup", "--cgroup %s", path);
	if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return sbx_err_set(
			err, -EINVAL, "cgroup",
			"--cgroup %s: not a cgroup v2 directory; name one below "
			"/sys/fs/cgroup that you may write",
			path);
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

/* Leaves of processes that are gone, killed before they could tidy up. */
static void sweep(int parent_fd)
{
	cleanup_closedir DIR *d = NULL;
	int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	uint64_t pid;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return;
	}
	while ((e = readdir(d))) {
		const char *number = str_after(e->d_name, LEAF);

		if (number && parse_u64(number, &pid) == 0 && pid && pid < INT_MAX &&
		    kill((pid_t)pid, 0) < 0 && errno == ESRCH)
			unlinkat(parent_fd, e->d_name, AT_REMOVEDIR);
	}
}

static int make_leaf(struct cgroup *cg)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *there;

	snprintf(cg->name, sizeof(cg->name), LEAF "%d", (int)getpid());
	/* A leaf of this name belonged to a dead process whose pid is now ours. */
	if (mkdirat(cg->parent_fd, cg->name, 0755) < 0 &&
	    (errno != EEXIST || unlinkat(cg->parent_fd, cg->name, AT_REMOVEDIR) < 0 ||
	     mkdirat(cg->parent_fd, cg->name, 0755) < 0))
		return -errno;
	cg->fd = openat(cg->parent_fd, cg->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cg->fd < 0) {
		unlinkat(cg->parent_fd, cg->name, AT_REMOVEDIR);
		return -errno;
	}
	there = read_text(cg->fd, "cgroup.controllers", &b);
	for (size_t i = 0; i < ARRAY_SIZE(controller_names); i++)
		cg->has[i] = has_word(there, controller_names[i]);
	return 0;
}

/* Where leaves may be made, unless the user said. Return: 0; -ENOENT with the reason kept */
static int find_parent(struct cgroup *cg)
{
	cleanup_close int root = -EBADF;
	char place[PATH_MAX];

	root = open_hierarchy(place);
	if (root < 0) {
		explain(cg, "cgroup v2 is not mounted on this host; mount it (mount -t "
			    "cgroup2 none "
			    "/sys/fs/cgroup), or accept a watchdog with --soft-limits");
		return -ENOENT;
	}
	cg->parent_fd = open_own(root, cg);
	if (cg->parent_fd < 0)
		cg->parent_fd = open_top(root);
	if (cg->parent_fd < 0 && !cg->why_not[0])
		snprintf(cg->why_not, sizeof(cg->why_not),
			 "no cgroup v2 subtree is delegated to us; %s", remedy_user);
	return cg->parent_fd < 0 ? -ENOENT : 0;
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
	enable_controllers(ret->parent_fd);
	sweep(ret->parent_fd);
	r = make_leaf(ret);
	if (r == 0)
		return 0;
	ret->parent_fd = fd_close(ret->parent_fd);
	if (explicit_path)
		return sbx_err_errno(err, r, "cgroup",
				     "--cgroup %s: cannot make a group in it",
				     explicit_path);
	snprintf(ret->why_not, sizeof(ret->why_not),
		 "a cgroup cannot be made here (%s; inside a container its cgroup tree "
		 "has to be "
		 "writable); --soft-limits accepts a watchdog",
		 strerrordesc_np(-r));
	return 0;
}

static int set_number(struct cgroup *cg, const char *file, uint64_t value,
		      struct sbx_err *err)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%" PRIu64, value);
	r = file_write(cg->fd, file, text);
	if (r < 0)
		return sbx_err_errno(err, r, "cgroup", "cannot write %s to %s", text,
				     file);
	return 1;
}

static int set_memory(struct cgroup *cg, uint64_t bytes, struct sbx_err *err)
{
	int r;

	r = set_number(cg, "memory.max", bytes, err);
	if (r > 0)
		r = set_number(cg, "memory.oom.group", 1, err);
	/* Kernels without swap accounting have no swap for a group to use. */
	if (r > 0 && faccessat(cg->fd, "memory.swap.max", F_OK, 0) == 0)
		r = set_number(cg, "memory.swap.max", 0, err);
	return r;
}

static int set_cpus(struct cgroup *cg, uint64_t milli, struct sbx_err *err)
{
	char text[64];
	int r;

	snprintf(text, sizeof(text), "%" PRIu64 " 100000", milli * 100);
	r = file_write(cg->fd, "cpu.max", text);
	if (r < 0)
		return sbx_err_errno(err, r, "cgroup", "cannot write '%s' to cpu.max",
				     text);
	return 1;
}

int cgroup_limit(struct cgroup *cg, enum sbx_limit limit, uint64_t value,
		 struct sbx_err *err)
{
	enum cgroup_controller need = limit == SBX_LIMIT_MEMORY ? CGROUP_MEMORY
				      : limit == SBX_LIMIT_PIDS ? CGROUP_PIDS
								: CGROUP_CPU;

	if (cg->fd < 0)
		return 0;
	if (!cg->has[need]) {
		snprintf(cg->why_not, sizeof(cg->why_not),
			 "the cgroup v2 controller '%s' is not available to us here (it "
			 "may be bound "
			 "to cgroup v1: boot with systemd.unified_cgroup_hierarchy=1; or "
			 "not "
			 "delegated: see 'autoexp doctor'); --soft-limits accepts a "
			 "watchdog",
			 controller_names[need]);
		return 0;
	}
	if (limit == SBX_LIMIT_MEMORY)
		return set_memory(cg, value, err);
	if (limit == SBX_LIMIT_PIDS)
		return set_number(cg, "pids.max", value + 1, err); /* our own process 1 */
	return set_cpus(cg, value, err);
}

void cgroup_kill(const struct cgroup *cg)
{
	if (cg->fd >= 0)
		file_write(cg->fd, "cgroup.kill", "1");
}

bool cgroup_is_empty(const struct cgroup *cg)
{
	return cg->fd < 0 || read_key(cg->fd, "cgroup.events", "populated") == 0;
}

static uint64_t read_number(int dir_fd, const char *name)
{
	cleanup_buf struct buf b = BUF_INIT;

	return strtoull(read_text(dir_fd, name, &b), NULL, 10);
}

uint64_t cgroup_memory_now(const struct cgroup *cg)
{
	return cg->fd >= 0 ? read_number(cg->fd, "memory.current") : 0;
}

uint64_t cgroup_cpu_us(const struct cgroup *cg)
{
	return cg->fd >= 0 ? read_key(cg->fd, "cpu.stat", "usage_usec") : 0;
}

static uint64_t read_pressure(int dir_fd, const char *name)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *full = strstr(read_text(dir_fd, name, &b), "full ");
	const char *total = full ? strstr(full, "total=") : NULL;

	return total ? strtoull(total + strlen("total="), NULL, 10) : 0;
}

void cgroup_read_stats(const struct cgroup *cg, struct cgroup_stats *ret)
{
	*ret = (struct cgroup_stats){ 0 };
	if (cg->fd < 0)
		return;
	ret->memory_peak = read_number(cg->fd, "memory.peak");
	ret->memory_max = read_key(cg->fd, "memory.events", "max");
	ret->oom = read_key(cg->fd, "memory.events", "oom");
	ret->oom_kill = read_key(cg->fd, "memory.events", "oom_kill");
	ret->oom_group_kill = read_key(cg->fd, "memory.events", "oom_group_kill");
	ret->pids_max = read_key(cg->fd, "pids.events", "max");
	ret->cpu_us = read_key(cg->fd, "cpu.stat", "usage_usec");
	ret->throttled = read_key(cg->fd, "cpu.stat", "nr_throttled");
	ret->throttled_us = read_key(cg->fd, "cpu.stat", "throttled_usec");
	ret->memory_pressure_us = read_pressure(cg->fd, "memory.pressure");
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
