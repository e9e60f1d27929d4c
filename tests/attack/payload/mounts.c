/* SPDX-License-Identifier: Apache-2.0 */

/* The walls themselves: mounts, roots, handles, and what the kernel exports as files. */
#include "attack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's header and the kernel's do not go together. */
int mount(const char *from, const char *to, const char *type, unsigned long flags,
	  const void *data);
int umount2(const char *path, int flags);

#define FLAG_RDONLY  1UL
#define FLAG_REMOUNT 32UL
#define FLAG_BIND    4096UL
#define FLAG_MOVE    8192UL
#define FLAG_DETACH  2
#define AT_RECURSE   0x8000

static void new_mounts(void)
{
	mkdir("/tmp/m", 0755);
	tried("tmpfs", mount("none", "/tmp/m", "tmpfs", 0, NULL));
	tried("proc", mount("none", "/tmp/m", "proc", 0, NULL));
	tried("sysfs", mount("none", "/tmp/m", "sysfs", 0, NULL));
	tried("cgroup2", mount("none", "/tmp/m", "cgroup2", 0, NULL));
	tried("devpts", mount("none", "/tmp/m", "devpts", 0, NULL));
	tried("mqueue", mount("none", "/tmp/m", "mqueue", 0, NULL));
	tried("overlay", mount("none", "/tmp/m", "overlay", 0,
			       "lowerdir=/etc,upperdir=/tmp,workdir=/tmp"));
	tried("bind", mount("/etc", "/tmp/m", NULL, FLAG_BIND, NULL));
	tried("move", mount("/usr", "/tmp/m", NULL, FLAG_MOVE, NULL));
}

static void remounts(void)
{
	static const char *const paths[] = { "/",    "/usr", "/etc",      "/proc",
					     "/dev", "/sys", "/proc/sys", "/dev/null" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		tried(paths[i],
		      mount(NULL, paths[i], NULL, FLAG_REMOUNT | FLAG_BIND, NULL));
		if (mount(NULL, paths[i], NULL, FLAG_REMOUNT, NULL) == 0)
			won("remounted %s", paths[i]);
	}
}

/* Every mount point in here, the last first: a mask would be one of the later ones. */
static void unmount_all(void)
{
	static char points[256][256];
	char line[4096];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t n = 0;

	while (f && n < ARRAY_SIZE(points) && fgets(line, sizeof(line), f))
		n += sscanf(line, "%*s %*s %*s %*s %255s", points[n]) == 1;
	if (f)
		fclose(f);
	while (n-- > 0)
		if (umount2(points[n], FLAG_DETACH) == 0)
			won("unmounted %s", points[n]);
		else if (n < 2)
			note("%s %s", points[n], strerrorname_np(errno));
}

static void mount_api(void)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };
	long fd;

	tried("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
	fd = syscall(SYS_open_tree, AT_FDCWD, "/etc", OPEN_TREE_CLONE);
	tried("open_tree", fd);
	tried("move_mount",
	      syscall(SYS_move_mount, AT_FDCWD, "/etc", AT_FDCWD, "/tmp", 0));
	tried("mount_setattr",
	      syscall(SYS_mount_setattr, AT_FDCWD, "/usr", 0, &attr, sizeof(attr)));
	tried("mount_setattr of all",
	      syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSE, &attr, sizeof(attr)));
	tried("fspick", syscall(SYS_fspick, AT_FDCWD, "/", 0));
}

static void pivot(void)
{
	mkdir("/tmp/new", 0755);
	tried("pivot_root", syscall(SYS_pivot_root, "/tmp/new", "/tmp/new"));
	tried("pivot to here", syscall(SYS_pivot_root, ".", "."));
}

static void chroot_escape(void)
{
	struct stat root, now;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	mkdir("/tmp/cell", 0755);
	if (chroot("/tmp/cell") < 0) {
		note("chroot %s", strerrorname_np(errno));
		return;
	}
	fstat(fd, &root);
	if (fchdir(fd) < 0)
		return;
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			break;
	if (stat(".", &now) == 0 &&
	    (now.st_ino != root.st_ino || now.st_dev != root.st_dev))
		won("left the root by chroot");
	else
		note("chroot is allowed, and leads nowhere");
}

static void namespaces_of(const char *process)
{
	static const char *const kinds[] = { "mnt", "pid",  "net",    "ipc",
					     "uts", "user", "cgroup", "time" };
	char path[PATH_MAX], mine[64], theirs[64];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		ssize_t n, m;
		int fd;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		n = readlink(path, mine, sizeof(mine) - 1);
		snprintf(path, sizeof(path), "/proc/%s/ns/%s", process, kinds[i]);
		m = readlink(path, theirs, sizeof(theirs) - 1);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			note("%s %s", kinds[i], strerrorname_np(errno));
		else if (syscall(SYS_setns, fd, 0) < 0)
			note("setns %s %s", kinds[i], strerrorname_np(errno));
		else if (n != m || memcmp(mine, theirs, (size_t)n))
			won("entered the %s namespace of process %s", kinds[i], process);
		else
			note("%s: the own one again", kinds[i]);
	}
}

static void enter_namespaces(void)
{
	char victim[32];
	long fd = syscall(SYS_pidfd_open, 1, 0);

	namespaces_of("1");
	snprintf(victim, sizeof(victim), "%ld", given_number("victim", 0));
	namespaces_of(victim);
	if (fd >= 0)
		tried("setns by pidfd", syscall(SYS_setns, fd, 0x7e020000));
}

struct handle {
	unsigned bytes;
	int type;
	unsigned char data[128];
};

static void by_handle(void)
{
	struct handle h = { .bytes = 8, .type = 1, .data = { 2 } };
	static const char *const paths[] = { "/", "/etc", "/usr", "/etc/hostname" };
	int id;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		/* Inode 2 is the root of an ext4, which "shocker" starts from. */
		tried(paths[i], syscall(SYS_open_by_handle_at, fd, &h, O_RDONLY));
		if (fd >= 0)
			close(fd);
	}
	h.bytes = sizeof(h.data);
	if (syscall(SYS_name_to_handle_at, AT_FDCWD, "/etc", &h, &id, 0) < 0)
		note("name_to_handle_at %s", strerrorname_np(errno));
	else
		tried("its own handle", syscall(SYS_open_by_handle_at, AT_FDCWD, &h,
						O_RDONLY | O_DIRECTORY));
}

/* --- what the kernel exports ------------------------------------------------------------ */

static unsigned writable;

/* Names that only touch the process or a namespace of its own. */
static bool own_setting(const char *path)
{
	static const char *const own[] = { "/proc/sys/net", "/proc/sys/user",
					   "/proc/sys/kernel/ns", "/proc/sys/fs/mqueue" };

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!strncmp(path, own[i], strlen(own[i])))
			return true;
	return false;
}

static void look_writable(const char *path, unsigned char type)
{
	if (type != DT_REG || open_for_write(path) < 0)
		return;
	if (own_setting(path))
		note("%s of the own namespace", path);
	else if (++writable < 6)
		won("%s is open for writing", path);
}

static void proc_sys(void)
{
	static const char *const files[] = {
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
		"/proc/sys/kernel/hostname",     "/proc/sys/vm/overcommit_memory",
		"/proc/sys/kernel/hotplug",      "/proc/sys/fs/binfmt_misc/register",
		"/proc/sys/kernel/shmmax",       "/proc/sys/kernel/msgmax",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		tried(files[i], open_for_write(files[i]));
	walk("/proc/sys", 5, look_writable);
	note("writable: %u", writable);
}

static void proc_files(void)
{
	static const char *const files[] = {
		"/proc/sysrq-trigger",
		"/proc/1/oom_score_adj",
		"/proc/1/uid_map",
		"/proc/1/mem",
		"/proc/1/attr/exec",
		"/proc/1/coredump_filter",
		"/proc/1/clear_refs",
		"/proc/1/setgroups",
		"/proc/1/timerslack_ns",
		"/proc/irq/default_smp_affinity",
		"/proc/fs/nfsd/exports",
		"/proc/bus/pci/00/00.0",
		"/proc/mtrr",
		"/proc/scsi/scsi",
		"/proc/1/sched",
		"/proc/1/comm",
		"/proc/1/autogroup",
	};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = open(files[i], O_WRONLY | O_NONBLOCK | O_CLOEXEC);

		/* Some open for everybody, and ask for rights when written. */
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode))
			note("%s is masked", files[i]);
		else
			tried(files[i], fd < 0 ? fd : write(fd, "1\n", 2));
		if (fd >= 0)
			close(fd);
	}
}

static void sys_files(void)
{
	static const char *const files[] = { "/sys/kernel/uevent_helper",
					     "/sys/power/state",
					     "/sys/module/kernel/parameters/panic" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		tried(files[i], open_for_write(files[i]));
	walk("/sys", 5, look_writable);
	note("writable: %u", writable);
}

static void cgroup_files(void)
{
	static const char *const files[] = {
		"/sys/fs/cgroup/cgroup.procs",
		"/sys/fs/cgroup/memory.max",
		"/sys/fs/cgroup/memory/release_agent",
		"/sys/fs/cgroup/rdma/release_agent",
		"/sys/fs/cgroup/unified/cgroup.procs",
		"/sys/fs/cgroup/cgroup.subtree_control",
	};
	char line[4096];
	FILE *f = fopen("/proc/self/mountinfo", "re");

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		tried(files[i], open_for_write(files[i]));
	tried("a group of one's own", mkdir("/sys/fs/cgroup/attack", 0755));
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, " - cgroup"))
			note("cgroup mount: %.60s", strchr(line, '/'));
	if (f)
		fclose(f);
}

/* Each mount of the host's file systems has to be nosuid, and nodev but for single nodes. */
static void mount_flags(void)
{
	char line[4096], point[256], options[256];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct stat st;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %*s %*s %255s %255s", point, options) != 2)
			continue;
		if (!strstr(options, "nosuid"))
			won("%s may have set-user-ID programs", point);
		if (stat(point, &st) < 0)
			continue;
		if (!strstr(options, "nodev") && !S_ISCHR(st.st_mode) &&
		    strcmp(point, "/dev/pts"))
			won("%s may have devices", point);
	}
	if (f)
		fclose(f);
}

const struct attack mounts_attacks[] = {
	{ "F12c", "find a mount that honours set-user-ID or devices", NULL, NULL,
	  mount_flags },
	{ "F13a", "write any setting below /proc/sys", NULL, "dangerous", proc_sys },
	{ "F13b", "write sysrq-trigger and the files of process 1", NULL, "dangerous",
	  proc_files },
	{ "F13c", "write anything below /sys", NULL, "dangerous", sys_files },
	{ "F13d", "change cgroups, release_agent (CVE-2022-0492)", NULL, "dangerous",
	  cgroup_files },
	{ "F14a", "mount file systems, bind and move", NULL, "dangerous", new_mounts },
	{ "F14b", "remount read-only mounts writable", NULL, "dangerous", remounts },
	{ "F14c", "unmount every mount and mask", NULL, "dangerous", unmount_all },
	{ "F14d", "fsopen, open_tree, move_mount, mount_setattr", NULL, "dangerous",
	  mount_api },
	{ "F14e", "pivot_root", NULL, "dangerous", pivot },
	{ "F14f", "leave a root by chroot and ..", NULL, NULL, chroot_escape },
	{ "F14g", "enter the namespaces of process 1 and of others", NULL, NULL,
	  enter_namespaces },
	{ "F15", "open files by handle (shocker)", NULL, NULL, by_handle },
	{ 0 },
};
