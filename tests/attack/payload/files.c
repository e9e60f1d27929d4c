/* SPDX-License-Identifier: Apache-2.0 */

/* Files that are not the candidate's: to write, to read, to fill the disk with. */
#include "attack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *below(const char *dir, const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % ARRAY_SIZE(path)];

	snprintf(p, PATH_MAX, "%s/%s", dir ? dir : "/nowhere", name);
	return p;
}

/* A tmpfs of the box's own goes away with it; the runner looks for traces on the host's. */
static bool in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static void try_create(const char *dir, const char *name)
{
	const char *path = below(dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	tried(path, fd);
	if (fd >= 0)
		close(fd);
}

static void try_write(const char *path)
{
	tried(path, open_for_write(path));
}

/* --- writing where it would be run or believed later ----------------------------------- */

static void git_folder(void)
{
	const char *repo = given("repo");
	static const char *const names[] = {
		".git/hooks/post-commit", ".git/config", ".gitattributes", ".gitmodules",
		".git/info/attributes",   "HEAD",        "objects",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		try_create(repo, names[i]);
	tried("rename .git", rename(below(repo, ".git"), below(repo, "git")));
	tried("rmdir .git", rmdir(below(repo, ".git")));
	tried("symlink .git", symlink("/tmp", below(repo, ".git2")));
}

static void harness(void)
{
	const char *repo = given("repo");

	try_write(below(repo, "evaluate.py"));
	try_create(repo, "results.tsv");
	try_create(repo, "sitecustomize.py");
	try_create(repo, "conftest.py");
	tried("__pycache__", mkdir(below(repo, "__pycache__"), 0755));
	tried("unlink the harness", unlink(below(repo, "evaluate.py")));
	tried("rename the harness", rename(below(repo, "evaluate.py"), below(repo, "x")));
	tried("chmod the harness", chmod(below(repo, "evaluate.py"), 0777));
	tried("truncate the harness", truncate(below(repo, "evaluate.py"), 0));
}

static void persistence(void)
{
	static const char *const files[] = {
		"/etc/passwd",
		"/etc/ld.so.preload",
		"/etc/crontab",
		"/etc/profile",
		"/usr/bin/env",
		"/root/.bashrc",
		"/root/.profile",
		"/var/spool/cron/root",
		"/var/tmp/x",
		"/etc/cron.d/x",
		"/usr/local/bin/git",
		"/run/x",
		"/etc/sudoers.d/x",
		"/root/.ssh/authorized_keys",
		"/boot/x",
		"/usr/lib/python3/dist-packages/sitecustomize.py",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = open(files[i], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

		if (fd >= 0 && in_memory(fd))
			note("%s is in memory", files[i]);
		else
			tried(files[i], fd);
	}
	try_create(given("home"), ".bashrc");
	try_create(given("home"), ".config");
}

static unsigned created;

static void create_in(const char *path, unsigned char type)
{
	static const char *const own[] = { "/tmp", "/dev/shm", "/home/autoexp", "/out",
					   "/proc" };
	const char *name;
	int fd;

	if (type != DT_DIR)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!strncmp(path, own[i], strlen(own[i])))
			return;
	name = below(path, "attack-was-here");
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (in_memory(fd))
		note("%s is in memory", path);
	else if (++created < 8)
		won("created a file in %s", path);
	close(fd);
	unlink(name);
}

static void everywhere(void)
{
	create_in("/", DT_DIR);
	walk("/", 3, create_in);
	create_in(given("repo"), DT_DIR);
	create_in(given("home"), DT_DIR);
	note("files created: %u", created);
}

static void odd_ways_to_write(void)
{
	const char *file = below(given("repo"), "evaluate.py");
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char path[64];
	void *p;

	tried("O_TMPFILE", open("/usr", O_TMPFILE | O_WRONLY, 0600));
	tried("rdwr", open(file, O_RDWR | O_CLOEXEC));
	tried("truncating", open(file, O_RDONLY | O_TRUNC | O_CLOEXEC));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	tried("shared map", p == MAP_FAILED ? -1 : 0);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	tried("mprotect",
	      p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_WRITE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	tried("reopen", open(path, O_WRONLY | O_CLOEXEC));
	tried("ftruncate", ftruncate(fd, 0));
	tried("fchmod", fchmod(fd, 0666));
	tried("xattr", fsetxattr(fd, "user.attack", "x", 1, 0));
	tried("utimes", futimens(fd, NULL));
	tried("fallocate", fallocate(fd, 0, 0, 4096));
	tried("link", link(file, "/tmp/linked"));
}

/* --- reading secrets ------------------------------------------------------------------- */

static void secrets_in_homes(void)
{
	const char *secret = given("secret");
	static const char *const paths[] = {
		"/root/.ssh",
		"/root/.bash_history",
		"/root/.netrc",
		"/root/.aws",
		"/etc/shadow",
		"/etc/gshadow",
		"/etc/ssh/ssh_host_ed25519_key",
		"/var/log/auth.log",
		"/etc/sudoers",
	};

	tried("the canary's file",
	      open(below(given("home"), "secret"), O_RDONLY | O_CLOEXEC));
	if (secret && file_contains(below(given("home"), "secret"), secret))
		won("read the secret");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		tried(paths[i], open(paths[i], O_RDONLY | O_CLOEXEC));
}

static void secrets_in_processes(void)
{
	const char *secret = given("secret");
	char path[64];
	int seen = 0;

	for (int pid = 1; secret && pid < 100000; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/environ", pid);
		if (pid != getpid() && file_contains(path, secret))
			won("%s has the secret", path);
		seen += pid != getpid() && access(path, F_OK) == 0;
	}
	note("other processes seen: %d", seen);
	snprintf(path, sizeof(path), "/proc/%ld/mem", given_number("victim", 0));
	tried("the victim's memory", open(path, O_RDONLY | O_CLOEXEC));
}

static void own_environment(void)
{
	static const char *const names[] = {
		"ATTACK_SECRET",
		"SSH_AUTH_SOCK",
		"DBUS_SESSION_BUS_ADDRESS",
		"XDG_RUNTIME_DIR",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (getenv(names[i]))
			won("%s is set", names[i]);
	if (given("secret") && file_contains("/proc/self/environ", given("secret")))
		won("the secret is in the environment's memory");
}

static void kernel_secrets(void)
{
	static const char *const files[] = { "/proc/kcore", "/proc/kmsg",
					     "/dev/kmsg",   "/dev/mem",
					     "/proc/keys",  "/proc/timer_list" };
	char byte;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = open(files[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);

		if (fd < 0) {
			note("%s %s", files[i], strerrorname_np(errno));
			continue;
		}
		if (read(fd, &byte, 1) == 1)
			won("read %s", files[i]);
		close(fd);
	}
	for (char line[256];;) {
		FILE *f = fopen("/proc/kallsyms", "r");

		if (f && fgets(line, sizeof(line), f) &&
		    strncmp(line, "0000000000000000", 16))
			won("addresses in /proc/kallsyms");
		if (f)
			fclose(f);
		break;
	}
}

static unsigned closed_files;

static void look_closed(const char *path, unsigned char type)
{
	struct stat st;

	if (type != DT_REG || stat(path, &st) < 0 || st.st_mode & S_IROTH)
		return;
	if (access(path, R_OK) < 0)
		return;
	if (++closed_files < 6)
		won("%s is closed to others and readable", path);
}

static void closed_to_others(void)
{
	walk("/etc", 4, look_closed);
	walk("/opt", 3, look_closed);
	note("readable: %u", closed_files);
}

/* --- descriptors and /proc's links ----------------------------------------------------- */

static void leaked_descriptors(void)
{
	char path[64], to[PATH_MAX];
	struct stat st;

	for (int fd = 0; fd < 1024; fd++) {
		ssize_t n;

		if (fstat(fd, &st) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, to, sizeof(to) - 1);
		to[n < 0 ? 0 : n] = '\0';
		if (fd > 2)
			won("descriptor %d is open: %s", fd, to);
		else if (S_ISDIR(st.st_mode))
			won("descriptor %d is the directory %s", fd, to);
		else
			note("%d is %s", fd, to);
	}
}

static void through_descriptors(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (up >= 0)
			won("went up from descriptor %d", fd);
		if (openat(fd, "secret", O_RDONLY | O_CLOEXEC) >= 0)
			won("opened a secret below descriptor %d", fd);
	}
}

static void proc_links(void)
{
	static const char *const links[] = {
		"/proc/1/root/etc/hostname",
		"/proc/1/cwd/etc",
		"/proc/1/exe",
		"/proc/1/fd/0",
		"/proc/1/map_files",
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		int fd = open(links[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0)
			note("%s opened", links[i]);
		else
			note("%s %s", links[i], strerrorname_np(errno));
	}
	/* What counts is whether any of them leads out. */
	snprintf(path, sizeof(path), "/proc/1/root%s/secret", given("home"));
	tried("secret by /proc/1/root", open(path, O_RDONLY | O_CLOEXEC));
	snprintf(path, sizeof(path), "/proc/1/cwd%s/secret", given("home"));
	tried("secret by /proc/1/cwd", open(path, O_RDONLY | O_CLOEXEC));
	snprintf(path, sizeof(path), "/proc/%ld/root%s/secret", given_number("victim", 0),
		 given("home"));
	tried("secret by the victim's root", open(path, O_RDONLY | O_CLOEXEC));
}

static void own_program(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n < 0 ? 0 : n] = '\0';
	tried("/proc/self/exe", open("/proc/self/exe", O_WRONLY | O_CLOEXEC));
	tried("by its path", open(path, O_WRONLY | O_CLOEXEC));
	tried("unlink it", unlink(path));
	tried("/proc/1/exe", open("/proc/1/exe", O_WRONLY | O_CLOEXEC));
}

/* CVE-2019-5736: become a link to the runner, wait until it is not busy, write it. */
static void runner_program(void)
{
	int fd = open("/proc/1/exe", O_PATH | O_CLOEXEC);
	char path[64];
	struct stat st, own;

	if (fd < 0) {
		tried("open /proc/1/exe as a path", fd);
		return;
	}
	if (fstat(fd, &st) == 0 && stat("/proc/self/exe", &own) == 0 &&
	    st.st_ino == own.st_ino && st.st_dev == own.st_dev) {
		note("process 1 is the command itself");
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int i = 0; i < 50; i++) {
		int w = open(path, O_WRONLY | O_CLOEXEC);

		if (w >= 0) {
			won("the runner's program is open for writing");
			return;
		}
		if (i == 49)
			tried("write the runner", w);
		sleep_ms(2);
	}
}

static void leave_by_cwd(void)
{
	struct stat here, up, root;
	char path[PATH_MAX];

	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			break;
	if (stat(".", &here) == 0 && stat("/", &root) == 0 &&
	    (here.st_ino != root.st_ino || here.st_dev != root.st_dev))
		won("the current directory climbed out of the root");
	if (getcwd(path, sizeof(path)) && !strncmp(path, "(unreachable)", 13))
		won("the current directory is outside");
	if (stat("/..", &up) == 0 && up.st_ino != root.st_ino)
		won("/.. is not /");
	snprintf(path, sizeof(path), "../../../../../../..%s/secret", given("home"));
	tried("secret by dots", open(path, O_RDONLY | O_CLOEXEC));
}

/* --- devices --------------------------------------------------------------------------- */

static void device_files(void)
{
	static const char *const names[] = {
		"/dev/mem",           "/dev/kmem",         "/dev/port",
		"/dev/kmsg",          "/dev/sda",          "/dev/vda",
		"/dev/nvme0n1",       "/dev/loop-control", "/dev/loop0",
		"/dev/fuse",          "/dev/kvm",          "/dev/net/tun",
		"/dev/console",       "/dev/tty0",         "/dev/tty1",
		"/dev/ttyS0",         "/dev/input/event0", "/dev/rtc0",
		"/dev/hpet",          "/dev/uinput",       "/dev/vhost-net",
		"/dev/vsock",         "/dev/userfaultfd",  "/dev/cpu/0/msr",
		"/dev/watchdog",      "/dev/dri/card0",    "/dev/mapper/control",
		"/dev/btrfs-control", "/dev/snd/timer",    "/dev/ptp0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd = open(names[i], O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		if (fd < 0)
			fd = open(names[i], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0)
			won("%s", names[i]);
	}
	note("tried %zu", ARRAY_SIZE(names));
}

static void make_device(void)
{
	static const struct {
		const char *name;
		mode_t type;
		unsigned major, minor;
	} nodes[] = { { "mem", S_IFCHR, 1, 1 },    { "kmsg", S_IFCHR, 1, 11 },
		      { "disk", S_IFBLK, 254, 0 }, { "sda", S_IFBLK, 8, 0 },
		      { "null", S_IFCHR, 1, 3 },   { "fuse", S_IFCHR, 10, 229 } };
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		snprintf(path, sizeof(path), "/tmp/%s", nodes[i].name);
		if (mknod(path, nodes[i].type | 0600,
			  makedev(nodes[i].major, nodes[i].minor)) < 0)
			note("%s %s", nodes[i].name, strerrorname_np(errno));
		else if (open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0)
			won("made and opened %s", nodes[i].name);
		else
			note("%s made, of no use: %s", nodes[i].name,
			     strerrorname_np(errno));
	}
}

static void null_device(void)
{
	struct stat st;

	tried("unlink /dev/null", unlink("/dev/null"));
	tried("rename over /dev/null", rename("/tmp", "/dev/null"));
	tried("symlink in /dev", symlink("/etc", "/dev/attack"));
	tried("rename /dev", rename("/dev", "/dev2"));
	if (stat("/dev/null", &st) < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(1, 3))
		won("/dev/null is something else");
}

/* --- filling --------------------------------------------------------------------------- */

/* Write until it fails or @limit bytes are there. Returns the bytes written. */
static long fill_file(const char *path, long limit)
{
	static char block[1 << 16];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	long n = 0, r = 0;

	memset(block, 'x', sizeof(block));
	while (fd >= 0 && n < limit && (r = write(fd, block, sizeof(block))) > 0)
		n += r;
	if (fd < 0 || r <= 0)
		note("%s at %ld KiB: %s", path, n / 1024, strerrorname_np(errno));
	if (fd >= 0)
		close(fd);
	return n;
}

static void judge_fill(long got)
{
	long cap = given_number("scratch", 16 * MIB);

	if (got > cap + cap / 4)
		won("wrote %ld MiB where %ld were allowed", got / MIB, cap / MIB);
	else
		note("%ld KiB of %ld", got / 1024, cap / 1024);
}

static void fill_tmp(void)
{
	judge_fill(fill_file("/tmp/fill", 2 * given_number("scratch", 16 * MIB)));
}

static void fill_all(void)
{
	long cap = given_number("scratch", 16 * MIB), sum = 0;
	const char *home = getenv("HOME");

	sum += fill_file("/tmp/fill", cap);
	sum += fill_file("/dev/shm/fill", cap);
	sum += fill_file(below(home ? home : "/tmp", "fill"), cap);
	sum += fill_file("/var/tmp/fill", cap);
	sum += fill_file("/run/fill", cap);
	judge_fill(sum);
}

static void fill_out(void)
{
	const char *out = getenv("AUTOEXP_OUT");

	if (!out)
		absent("no AUTOEXP_OUT");
	judge_fill(fill_file(below(out, "fill"), 2 * given_number("scratch", 16 * MIB)));
}

static void fill_root(void)
{
	static const char *const places[] = { "/fill",     "/dev/fill", "/home/fill",
					      "/sys/fill", "/mnt/fill", "/var/fill",
					      "/run/fill" };
	long sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		sum += fill_file(places[i], 32 * MIB);
	judge_fill(sum);
}

static void fill_allocate(void)
{
	int fd = open("/tmp/fill", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	long cap = given_number("scratch", 16 * MIB);

	tried("fallocate twice the size", fallocate(fd, 0, 0, 2 * cap));
	tried("keeping the size", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * cap));
}

static void fill_inodes(void)
{
	long most = 4 * given_number("scratch", 16 * MIB) / 4096, n;
	char path[64];

	for (n = 0; n < most; n++) {
		snprintf(path, sizeof(path), "/tmp/inode%ld", n);
		if (mknod(path, S_IFREG | 0600, 0) < 0)
			break;
	}
	if (n == most)
		won("made %ld files where %ld pages are allowed", n, most / 4);
	else
		note("%ld files, then %s", n, strerrorname_np(errno));
}

/* A long link target is kept in kernel memory, not in pages of the file system. */
static void fill_links(void)
{
	long most = 4 * given_number("scratch", 16 * MIB) / 4096, n;
	static char to[4000];
	char path[64];

	memset(to, 'x', sizeof(to) - 1);
	for (n = 0; n < most; n++) {
		snprintf(path, sizeof(path), "/tmp/link%ld", n);
		if (symlink(to, path) < 0)
			break;
	}
	if (n == most)
		won("made %ld links of 4 kB", n);
	else
		note("%ld links, then %s", n, strerrorname_np(errno));
}

static void fill_names(void)
{
	long most = 4 * given_number("scratch", 16 * MIB) / 4096, n;
	char path[300];

	close(open("/tmp/one", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	for (n = 0; n < most; n++) {
		snprintf(path, sizeof(path), "/tmp/%0200ld", n);
		if (link("/tmp/one", path) < 0)
			break;
	}
	if (n == most)
		won("%ld names for one file", n);
	else
		note("%ld names, then %s", n, strerrorname_np(errno));
}

static void fill_attributes(void)
{
	long cap = given_number("scratch", 16 * MIB), sum = 0;
	static char value[32768];
	char name[64];
	int fd = open("/tmp/one", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	for (int i = 0; sum < 4 * cap; i++) {
		snprintf(name, sizeof(name), "user.x%d", i);
		if (fsetxattr(fd, name, value, sizeof(value), 0) < 0)
			break;
		sum += (long)sizeof(value);
	}
	if (sum >= 4 * cap)
		won("%ld MiB of attributes", sum / MIB);
	else
		note("%ld KiB, then %s", sum / 1024, strerrorname_np(errno));
}

/* Deleted while open: no name counts it. */
static void fill_deleted(void)
{
	long cap = given_number("scratch", 16 * MIB), sum = 0;
	static char block[MIB];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 2 * cap / MIB; i++) {
		int fd = open("/tmp", O_TMPFILE | O_WRONLY, 0600);
		long r = write(fd, block, sizeof(block));

		if (r <= 0)
			break;
		sum += r;
	}
	judge_fill(sum);
}

static void deep_folders(void)
{
	long depth = 0;

	if (chdir("/tmp") < 0)
		return;
	while (depth < 100000 && mkdir("d", 0755) == 0 && chdir("d") == 0)
		depth++;
	note("%ld deep, then %s", depth,
	     depth < 100000 ? strerrorname_np(errno) : "enough");
}

static void odd_names(void)
{
	static const char *const names[] = {
		"-rf",
		"--",
		"a\nb",
		"\033]52;c;ZXZpbA==\a",
		"\xff\xfe",
		"\t",
		" ",
		"*",
		"$(touch x)",
		"`touch x`",
		"\xe2\x80\xae"
		"cod.exe",
		"'\"\\",
	};
	char name[256];

	if (chdir("/tmp") < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (mkdir(names[i], 0755) < 0)
			note("%s", strerrorname_np(errno));
	memset(name, 'n', 255);
	name[255] = '\0';
	if (mkdir(name, 0) < 0)
		note("%s", strerrorname_np(errno));
	note("made");
}

const struct attack files_attacks[] = {
	{ "F5", "hooks, configuration and links in the repository's .git", NULL, NULL,
	  git_folder },
	{ "F6a", "change the harness or put a module before it", NULL, NULL, harness },
	{ "F6b", "leave something that the host runs later", NULL, NULL, persistence },
	{ "F6c", "create a file in every directory three levels deep", NULL, NULL,
	  everywhere },
	{ "F6d", "O_TMPFILE, shared map, reopened descriptor on a read-only file", NULL,
	  NULL, odd_ways_to_write },
	{ "F7a", "read keys, histories and shadow files", NULL, NULL, secrets_in_homes },
	{ "F7b", "read a secret in any process's environment or memory", NULL, "wall=60s",
	  secrets_in_processes },
	{ "F7c", "find a secret in the own environment", NULL, NULL, own_environment },
	{ "F7d", "read kernel memory, log and addresses", NULL, NULL, kernel_secrets },
	{ "F7e", "read files of /etc and /opt that are closed to others", NULL, NULL,
	  closed_to_others },
	{ "F8a", "overwrite the running program by /proc/self/exe", NULL, NULL,
	  own_program },
	{ "F8b", "overwrite the runner by /proc/1/exe (CVE-2019-5736)", NULL, NULL,
	  runner_program },
	{ "F9a", "use descriptors that the runner left open (CVE-2024-21626)", NULL, NULL,
	  leaked_descriptors },
	{ "F9b", "go up from every descriptor", NULL, NULL, through_descriptors },
	{ "F9c", "leave by /proc/1/root, cwd and fd", NULL, NULL, proc_links },
	{ "F9d", "leave by .. from the current directory", NULL, NULL, leave_by_cwd },
	{ "F10", "replace /dev/null and /dev itself", NULL, NULL, null_device },
	{ "F12a", "open memory, disks and other devices", NULL, NULL, device_files },
	{ "F12b", "make device nodes of one's own", NULL, NULL, make_device },
	{ "F16a", "fill /tmp by bytes", NULL, "needs:scratch dangerous", fill_tmp },
	{ "F16b", "fill /tmp, /dev/shm, $HOME together", NULL, "needs:scratch dangerous",
	  fill_all },
	{ "F16c", "fill $AUTOEXP_OUT", NULL, "needs:scratch dangerous", fill_out },
	{ "F16d", "fill the root and what else can be written", NULL,
	  "needs:scratch dangerous", fill_root },
	{ "F16e", "allocate space without writing it", NULL, "needs:scratch dangerous",
	  fill_allocate },
	{ "F16f", "fill by inodes", NULL, "needs:scratch dangerous", fill_inodes },
	{ "F16g", "fill by long link targets", NULL, "needs:scratch dangerous",
	  fill_links },
	{ "F16h", "fill by names of one file", NULL, "needs:scratch dangerous",
	  fill_names },
	{ "F16i", "fill by extended attributes", NULL, "needs:scratch dangerous",
	  fill_attributes },
	{ "F16j", "fill by deleted files", NULL, "needs:scratch dangerous",
	  fill_deleted },
	{ "F17a", "nest folders until something gives in", NULL, "dangerous wall=20s",
	  deep_folders },
	{ "F17b", "names with newlines, escapes and dashes", NULL, NULL, odd_names },
	{ 0 },
};
