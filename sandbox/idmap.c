/* SPDX-License-Identifier: Apache-2.0 */
#include "idmap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "caps.h"

#define FIRST_UNUSED 2000000000U

/*
 * The highest run of ids that our own user namespace knows. In the initial one that is
 * everything; a container may have only 65536, and then ids near the end are taken.
 */
static int last_range(const char *map_file, uint64_t *ret_first, uint64_t *ret_count)
{
	cleanup_buf struct buf text = BUF_INIT;
	char *end;
	int r;

	r = file_read(AT_FDCWD, map_file, 0, 65536, &text);
	if (r < 0)
		return r;
	*ret_count = 0;
	/* Three numbers a line: first inside, first outside, count. */
	for (const char *at = buf_str(&text); *at; at = end + strspn(end, "\n")) {
		*ret_first = strtoull(at, &end, 10);
		strtoull(end, &end, 10);
		*ret_count = strtoull(end, &end, 10);
		if (end == at)
			return -EINVAL;
	}
	return *ret_count ? 0 : -ENOENT;
}

static int unused_id(const char *map_file, uint32_t *ret)
{
	uint64_t first, count, wanted = FIRST_UNUSED + (uint64_t)getpid();
	int r;

	r = last_range(map_file, &first, &count);
	if (r < 0)
		return r;
	if (wanted >= first && wanted < first + count)
		*ret = (uint32_t)wanted;
	else if (count > 2048) /* the last but one is "nobody" in many containers */
		*ret = (uint32_t)(first + count - 3 - (uint64_t)getpid() % 1024);
	else
		return -ERANGE;
	return 0;
}

/* What id 0 is one user namespace further out; UINT64_MAX where it is nobody. */
static uint64_t root_outside(const char *map_file)
{
	cleanup_buf struct buf text = BUF_INIT;
	uint64_t inside, outside;
	char *end;

	if (file_read(AT_FDCWD, map_file, 0, 65536, &text) < 0)
		return UINT64_MAX;
	for (const char *at = buf_str(&text); *at;
	     at = end + strcspn(end, "\n") + !!*end) {
		inside = strtoull(at, &end, 10);
		outside = strtoull(end, &end, 10);
		if (inside == 0)
			return outside;
	}
	return UINT64_MAX;
}

/*
 * Root of a user namespace that knows too few ids, as `unshare -r` makes it, is an ordinary user
 * outside, and so can the box be. Not where he is root outside: of the host's root nothing
 * may be in the box.
 */
static bool is_only_called_root(void)
{
	return root_outside("/proc/self/uid_map") != 0;
}

int idmap_choose(struct idmap *ret, struct sbx_err *err)
{
	struct idmap map = { .uid = geteuid(),
			     .gid = getegid(),
			     .root = caps_are_root() };

	if (map.root && (unused_id("/proc/self/uid_map", &map.uid) < 0 ||
			 unused_id("/proc/self/gid_map", &map.gid) < 0)) {
		if (!is_only_called_root())
			return sbx_err_set(
				err, -ERANGE, "idmap",
				"this user namespace has no unused ids to give to the "
				"box; run as an ordinary user, or map at least 65536 "
				"ids into this container");
		map = (struct idmap){ .uid = geteuid(), .gid = getegid() };
	}
	*ret = map;
	return 0;
}

static int write_map(pid_t pid, const char *file, uint32_t inside, uint32_t outside)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	snprintf(text, sizeof(text), "%" PRIu32 " %" PRIu32 " 1\n", inside, outside);
	return file_write(AT_FDCWD, path, text);
}

int idmap_write(pid_t pid, const struct idmap *map, struct sbx_err *err)
{
	char path[64];
	int r = 0;

	/* Without root the kernel wants setgroups() switched off before gids are mapped. */
	if (!map->root) {
		snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
		r = file_write(AT_FDCWD, path, "deny");
	}
	if (r == 0)
		r = write_map(pid, "uid_map", IDMAP_INSIDE, map->uid);
	if (r == 0)
		r = write_map(pid, "gid_map", IDMAP_INSIDE, map->gid);
	if (r < 0)
		return sbx_err_errno(err, r, "idmap", "cannot map the user of the box");
	return 0;
}

int idmap_userns(const struct idmap *map, uid_t owner, gid_t group, int *ret_fd,
		 struct sbx_err *err)
{
	pid_t pid, parent = getpid();
	char path[64];
	int fd = -EBADF, r = 0;

	pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		/* It must not outlive us, whenever we are killed. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent)
			pause();
		_exit(0);
	}
	if (pid < 0)
		return sbx_err_errno(err, -errno, "idmap",
				     "cannot make a user namespace");

	r = write_map(pid, "uid_map", owner, map->uid);
	if (r == 0)
		r = write_map(pid, "gid_map", group, map->gid);
	if (r == 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return sbx_err_errno(err, r, "idmap",
				     "cannot prepare an id-mapped mount");
	*ret_fd = fd;
	return 0;
}
