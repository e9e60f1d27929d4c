/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Ways to talk to processes outside, and to leave something for the next run. Cases marked
 * "twice" run two times, with turn=1 and turn=2: the second looks for what the first left.
 */
#include "attack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_unix(const char *name, bool abstract, int type)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t n = name ? strlen(name) : 0;
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0 || !name || n + 1 >= sizeof(addr.sun_path))
		return -1;
	memcpy(addr.sun_path + abstract, name, n);
	r = connect(fd, (void *)&addr,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + n));
	if (r == 0)
		r = (int)send(fd, "attack\n", 7, MSG_NOSIGNAL);
	close(fd);
	return r;
}

static void abstract_sockets(void)
{
	static const char *const names[] = { "/tmp/.X11-unix/X0", "/tmp/dbus-attack",
					     "/org/kernel/linux/storage/multipathd" };
	char line[512];
	FILE *f = fopen("/proc/net/unix", "re");
	int seen = 0;

	tried("the host's listener", connect_unix(given("abstract"), true, SOCK_STREAM));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		tried(names[i], connect_unix(names[i], true, SOCK_STREAM));
	while (f && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, " @");

		if (!at)
			continue;
		at[strcspn(at, "\n")] = '\0';
		seen++;
		if (connect_unix(at + 2, true, SOCK_STREAM) >= 0)
			won("connected to %s", at + 1);
	}
	if (f)
		fclose(f);
	note("%d seen in /proc/net/unix", seen);
}

static void path_sockets(void)
{
	static const char *const names[] = {
		"/run/docker.sock",
		"/var/run/docker.sock",
		"/run/containerd/containerd.sock",
		"/run/dbus/system_bus_socket",
		"/run/systemd/private",
		"/run/systemd/notify",
		"/run/systemd/journal/socket",
		"/dev/log",
		"/run/nscd/socket",
		"/tmp/.X11-unix/X0",
		"/run/user/0/bus",
		"/run/user/1000/bus",
		"/run/user/1000/wayland-0",
		"/run/podman/podman.sock",
		"/run/crio/crio.sock",
		"/run/snapd.socket",
	};

	tried("the host's listener", connect_unix(given("socket"), false, SOCK_STREAM));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int r = connect_unix(names[i], false, SOCK_STREAM);

		if (r < 0 && errno == EPROTOTYPE)
			r = connect_unix(names[i], false, SOCK_DGRAM);
		tried(names[i], r);
	}
}

static unsigned ways;

static void look_for_ways_out(const char *path, unsigned char type)
{
	if (type == DT_SOCK && connect_unix(path, false, SOCK_STREAM) >= 0)
		won("connected to %s", path);
	if (type == DT_FIFO && open_for_write(path) >= 0)
		won("wrote into %s", path);
	ways += type == DT_SOCK || type == DT_FIFO;
}

static void any_path_socket(void)
{
	static const char *const dirs[] = { "/etc",  "/opt",       "/run", "/var",
					    "/srv",  "/usr/local", "/tmp", "/home",
					    "/root", "/mnt" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		walk(dirs[i], 4, look_for_ways_out);
	note("sockets and FIFOs seen: %u", ways);
}

static void shown_socket(void)
{
	const char *dir = given("shown-socket");
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/socket", dir ? dir : "/nowhere");
	tried("connect", connect_unix(path, false, SOCK_STREAM));
	tried("datagram", connect_unix(path, false, SOCK_DGRAM));
}

static void shown_fifo(void)
{
	const char *dir = given("shown-fifo");
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/fifo", dir ? dir : "/nowhere");
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	tried("write", fd < 0 ? fd : write(fd, "attack\n", 7));
}

static void host_fifo(void)
{
	const char *path = given("fifo");

	tried("the host's FIFO", open_for_write(path ? path : "/nowhere"));
}

/* --- left for the next run ----------------------------------------------------------------- */

static void sysv_objects(void)
{
	key_t key = (key_t)given_number("key", 1);
	bool again = given_number("turn", 1) == 2;

	if (again) {
		tried("shared memory of the last run", shmget(key, 4096, 0));
		tried("queue of the last run", msgget(key, 0));
		tried("semaphores of the last run", semget(key, 1, 0));
		return;
	}
	note("left %d %d %d", shmget(key, 4096, IPC_CREAT | 0666),
	     msgget(key, IPC_CREAT | 0666), semget(key, 1, IPC_CREAT | 0666));
}

static void posix_objects(void)
{
	bool again = given_number("turn", 1) == 2;
	char name[64];
	int flags = again ? O_RDWR : O_RDWR | O_CREAT;
	int fd;

	snprintf(name, sizeof(name), "/dev/shm/%s", given("mark"));
	fd = open(name, flags, 0666);
	if (again)
		tried("shared memory of the last run", fd);
	snprintf(name, sizeof(name), "/%s", given("mark"));
	fd = (int)mq_open(name, flags, 0666, NULL);
	if (again)
		tried("queue of the last run", fd);
	else
		note("left, queue %s", fd < 0 ? strerrorname_np(errno) : "too");
}

static void left_files(void)
{
	static const char *const dirs[] = { "/tmp",          "/var/tmp", "/dev/shm",
					    "/home/autoexp", "/out",     "/run",
					    "/run/lock" };
	bool again = given_number("turn", 1) == 2;
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dirs[i], given("mark"));
		fd = open(path, again ? O_RDONLY : O_WRONLY | O_CREAT, 0666);
		if (again)
			tried(dirs[i], fd);
	}
}

#define KEYCTL_SEARCH         10
#define KEYCTL_GET_PERSISTENT 22
#define KEY_USER              -4
#define KEY_USER_SESSION      -5
#define KEY_SESSION           -3

static void keyrings(void)
{
	bool again = given_number("turn", 1) == 2;
	const char *mark = given("mark");
	long ring;

	if (again) {
		tried("key of the last run",
		      syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_USER, "user", mark, 0));
		tried("asked for", syscall(SYS_request_key, "user", mark, NULL, 0));
		return;
	}
	ring = syscall(SYS_keyctl, KEYCTL_GET_PERSISTENT, -1, KEY_SESSION);
	note("persistent %s", ring < 0 ? strerrorname_np(errno) : "joined");
	tried("add a key to the user's ring",
	      syscall(SYS_add_key, "user", mark, "secret", 6, KEY_USER));
	tried("to the session of the user",
	      syscall(SYS_add_key, "user", mark, "secret", 6, KEY_USER_SESSION));
}

static void host_sysv(void)
{
	key_t key = (key_t)given_number("host-key", 1);
	int id = shmget(key, 0, 0);

	tried("the host's shared memory", id);
	if (id >= 0)
		tried("mapped", shmat(id, NULL, 0) == (void *)-1 ? -1 : 0);
	for (id = 0; id < 64; id++) {
		struct shmid_ds ds;

		if (shmctl(id, SHM_STAT, &ds) >= 0)
			won("segment %d of somebody", id);
	}
}

const struct attack ipc_attacks[] = {
	{ "SHOWa", "connect to a socket in a folder shown read-only", "setup-error",
	  "show-socket needs:show", shown_socket },
	{ "SHOWb", "write into a FIFO in a folder shown read-only", "setup-error",
	  "show-fifo needs:show", shown_fifo },
	{ "I55", "abstract sockets of the host (CVE-2020-15257)", NULL, NULL,
	  abstract_sockets },
	{ "I56a", "socket files of the host: docker, dbus, ssh-agent, X11", NULL, NULL,
	  path_sockets },
	{ "I56b", "find any socket or FIFO to use", NULL, NULL, any_path_socket },
	{ "I56c", "write into a FIFO of the host", NULL, NULL, host_fifo },
	{ "I57a", "System V objects for the next run", NULL, "twice", sysv_objects },
	{ "I57b", "POSIX objects for the next run", NULL, "twice", posix_objects },
	{ "I57c", "files for the next run", NULL, "twice", left_files },
	{ "I57d", "System V memory of the host", NULL, NULL, host_sysv },
	{ "I58", "keys for the next run", NULL, "twice", keyrings },
	{ 0 },
};
