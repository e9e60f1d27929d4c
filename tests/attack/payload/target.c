/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The target is the one file that outlives the box. The runner hands it in with target=MODE,
 * and looks from outside at what was copied out, and at what the record says of it.
 */
#include "attack.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static const char *target(void)
{
	const char *path = given("target");

	return path ? path : "/nowhere";
}

static const char *beside(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(target(), '/') - target()),
		 target(), name);
	return path;
}

static void write_target(const char *text)
{
	int fd = open(target(), O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		note("write %s", strerrorname_np(errno));
	close(fd);
}

static void replace_bound(void)
{
	const char *fresh = "/tmp/fresh";

	close(open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	tried("unlink", unlink(target()));
	tried("rename over it", rename(fresh, target()));
	tried("rename away", rename(target(), beside("moved")));
	tried("symlink beside", symlink("/etc/passwd", beside("link")));
	tried("hard link", link(target(), "/tmp/second"));
	tried("hard link beside", link(target(), beside("second")));
	tried("exchange", syscall(SYS_renameat2, AT_FDCWD, target(), AT_FDCWD,
				  beside("evaluate.py"), RENAME_EXCHANGE));
	tried("parent folder", rename(beside("."), "/tmp/repo"));
}

static void replaced(long r)
{
	if (r < 0)
		note("replace %s", strerrorname_np(errno));
	else
		note("replaced");
}

static void become_link(void)
{
	unlink(target());
	replaced(symlink(given("secret-file"), target()));
}

static void become_git_link(void)
{
	unlink(target());
	replaced(symlink(".git/config", target()));
}

static void become_proc_link(void)
{
	unlink(target());
	replaced(symlink("/proc/self/environ", target()));
}

static void become_fifo(void)
{
	unlink(target());
	replaced(mkfifo(target(), 0666));
}

static void become_folder(void)
{
	unlink(target());
	replaced(mkdir(target(), 0777));
}

static void become_socket(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(target());
	strncpy(addr.sun_path, target(), sizeof(addr.sun_path) - 1);
	replaced(bind(fd, (void *)&addr, sizeof(addr)));
}

static void become_nothing(void)
{
	replaced(unlink(target()));
}

static void become_closed(void)
{
	write_target("changed\n");
	replaced(chmod(target(), 0));
}

static void second_name(void)
{
	write_target("changed\n");
	replaced(link(target(), beside("second")));
}

static void sparse(void)
{
	int fd = open(target(), O_WRONLY | O_CLOEXEC);

	replaced(ftruncate(fd, 10L << 30));
}

static void grow(void)
{
	static char block[MIB];
	int fd = open(target(), O_WRONLY | O_CLOEXEC);
	long n = 0, r, cap = given_number("scratch", 16 * MIB);

	memset(block, 'x', sizeof(block));
	while (n < 2 * cap && (r = write(fd, block, sizeof(block))) > 0)
		n += r;
	if (n >= 2 * cap)
		won("wrote %ld MiB", n / MIB);
	else
		note("%ld KiB, then %s", n / 1024, strerrorname_np(errno));
}

static void set_ids(void)
{
	write_target("#!/bin/sh\nid\n");
	replaced(chmod(target(), 07777));
}

static void immutable(void)
{
	int fd = open(target(), O_RDONLY | O_CLOEXEC);
	int flags = FS_IMMUTABLE_FL;

	write_target("changed\n");
	tried("chattr +i", ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

static void empty(void)
{
	write_target("");
	note("emptied");
}

static void bytes(void)
{
	write_target("\xff\xfe\033[2J\r\n\xc0\xaf");
	note("written");
}

/* Same size, same time: who compares no content sees no change. */
static void racy_time(void)
{
	struct stat st;
	int fd = open(target(), O_RDWR | O_CLOEXEC);

	if (fstat(fd, &st) < 0 || pwrite(fd, "X", 1, 0) != 1 ||
	    futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }) < 0)
		note("%s", strerrorname_np(errno));
	note("changed");
}

static void daemon_map(void)
{
	int fd = open(target(), O_RDWR | O_CLOEXEC);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		note("map %s", strerrorname_np(errno));
		return;
	}
	if (fork() == 0) {
		setsid();
		for (int i = 0; i < 255; i++)
			signal(i, SIG_IGN);
		for (;;)
			p[0]++;
	}
	sleep_ms(20);
	note("a daemon keeps writing");
}

static void daemon_swap(void)
{
	char other[PATH_MAX];

	snprintf(other, sizeof(other), "%s", beside("other"));
	replaced(symlink(given("secret-file"), other));
	if (fork() == 0) {
		setsid();
		for (;;)
			syscall(SYS_renameat2, AT_FDCWD, target(), AT_FDCWD, other,
				RENAME_EXCHANGE);
	}
	sleep_ms(20);
}

static void neighbours(void)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "%s", beside("evaluate.py"));
	tried("write", open_for_write(file));
	tried("unlink", unlink(file));
	tried("rename", rename(file, beside("gone")));
	tried("rename over", rename(target(), file));
	tried("exchange", syscall(SYS_renameat2, AT_FDCWD, target(), AT_FDCWD, file,
				  RENAME_EXCHANGE));
	tried("chmod", chmod(file, 0777));
	tried(".git", rename(beside(".git"), target()));
	tried("git hook",
	      open(beside(".git/hooks/x"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
}

static void read_only(void)
{
	tried("write", open_for_write(target()));
	tried("truncate", truncate(target(), 0));
	tried("unlink", unlink(target()));
	tried("chmod", chmod(target(), 0777));
}

#define BOUND   "target=bind needs:target"
#define OVERLAY "target=overlay needs:target"

const struct attack target_attacks[] = {
	{ "F1a", "replace a bound target: unlink, rename, link, exchange", NULL, BOUND,
	  replace_bound },
	{ "F1b", "target becomes a link to a secret of the host",
	  "held+target-error+kept", OVERLAY, become_link },
	{ "F1c", "target becomes a link to ../.git/config", "held+target-error+kept",
	  OVERLAY, become_git_link },
	{ "F1d", "target becomes a link to /proc/self/environ", "held+target-error+kept",
	  OVERLAY, become_proc_link },
	{ "F2a", "target becomes a FIFO", "held+target-error+kept", OVERLAY,
	  become_fifo },
	{ "F2b", "target becomes a directory", "held+target-error+kept", OVERLAY,
	  become_folder },
	{ "F2c", "target becomes a socket", "held+target-error+kept", OVERLAY,
	  become_socket },
	{ "F2d", "target is removed", "held+target-error+kept", OVERLAY, become_nothing },
	{ "F2e", "target is closed to its reader", "held", OVERLAY, become_closed },
	{ "F3", "target gets a second name", "held+target-error+kept", OVERLAY,
	  second_name },
	{ "F4a", "target becomes 10 GiB sparse", "held+target-error+kept", BOUND,
	  sparse },
	{ "F4b", "target grows until the disk is full", "held", BOUND " dangerous",
	  grow },
	{ "F4c", "target gets set-user-ID and set-group-ID", "held+changed", BOUND,
	  set_ids },
	{ "F4d", "target becomes immutable", NULL, BOUND, immutable },
	{ "F4e", "target is emptied", "held+changed", BOUND, empty },
	{ "F4f", "target is no text", "held+changed", BOUND, bytes },
	{ "F18", "link and file trade places while the target is collected",
	  "held+no-secret", OVERLAY, daemon_swap },
	{ "F19", "a daemon writes the mapped target after the end", "held+still", BOUND,
	  daemon_map },
	{ "F20", "change the target and put size and time back", "held+changed", BOUND,
	  racy_time },
	{ "F25a", "change the target's neighbours in overlay mode", NULL, OVERLAY,
	  neighbours },
	{ "F25b", "change a read-only target", "held+kept", "target=ro needs:target",
	  read_only },
	{ 0 },
};
