/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Managers listen on two kinds of sockets: one of their own, which answers also where no bus
 * runs, and the bus. The first that lets us in is asked to make the scope. Its answer comes
 * before the process is moved, so we look until we are there, and at the same time whether
 * the scope has failed: a scope that fails is forgotten at once (CollectMode).
 *
 * PID 0 stands for the sender. Our own number could be that of somebody else's process where
 * a container has the host's socket mounted.
 */
#include "scope.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "dbus.h"

#define NAME_PREFIX "autoexp-"
#define MOVE_US     (25 * USEC_PER_SEC)

static const struct dbus_method start_transient_unit = {
	"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
	"org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))"
};

static const struct dbus_method get_unit = { "org.freedesktop.systemd1",
					     "/org/freedesktop/systemd1",
					     "org.freedesktop.systemd1.Manager",
					     "GetUnit", "s" };

static bool is_our_dir(const char *path)
{
	struct stat st;

	return path && *path == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid();
}

/* Where this user's manager listens. cron, su and Slurm set no variable; it may be there. */
static bool runtime_dir(char path[static PATH_MAX])
{
	const char *named = getenv("XDG_RUNTIME_DIR");

	if (is_our_dir(named) && strlen(named) < PATH_MAX) {
		memcpy(path, named, strlen(named) + 1);
		return true;
	}
	snprintf(path, PATH_MAX, "/run/user/%u", (unsigned)geteuid());
	return is_our_dir(path);
}

static int open_first(const char *own, const char *bus, const char *whose,
		      struct dbus *ret, struct sbx_err *err)
{
	int r = dbus_open(own, false, ret);

	if (r < 0)
		r = dbus_open(bus, true, ret);
	return r < 0 ? sbx_err_errno(err, r, "scope", "%s cannot be reached through %s",
				     whose, bus)
		     : 0;
}

static int open_manager(struct dbus *ret, struct sbx_err *err)
{
	char dir[PATH_MAX], own[PATH_MAX + 32], bus[PATH_MAX + 32];

	if (geteuid() == 0)
		return open_first("/run/systemd/private", "/run/dbus/system_bus_socket",
				  "systemd", ret, err);
	if (!runtime_dir(dir))
		return sbx_err_set(
			err, -ENOLINK, "scope",
			"no systemd user manager runs for us (there is no /run/user/%u); "
			"log in (ssh, console), or ask root for: loginctl enable-linger "
			"%u",
			(unsigned)geteuid(), (unsigned)geteuid());
	snprintf(own, sizeof(own), "%s/systemd/private", dir);
	snprintf(bus, sizeof(bus), "%s/bus", dir);
	return open_first(own, bus, "our systemd user manager", ret, err);
}

/* One property: its name, and a variant, whose value the caller adds. */
static void add_property(struct buf *b, const char *name, const char *type)
{
	dbus_align(b, 8);
	dbus_add_string(b, name);
	dbus_add_signature(b, type);
}

static void add_properties(struct buf *b)
{
	size_t all = dbus_begin_array(b, 8), pids;

	add_property(b, "Description", "s");
	dbus_add_string(b, "autoexp");
	add_property(b, "CollectMode", "s");
	dbus_add_string(b, "inactive-or-failed");
	add_property(b, "Delegate", "b");
	dbus_add_u32(b, true);
	add_property(b, "PIDs", "au");
	pids = dbus_begin_array(b, 4);
	dbus_add_u32(b, 0);
	dbus_end_array(b, pids, 4);
	dbus_end_array(b, all, 8);
}

static int request(struct dbus *manager, const char *name, struct sbx_err *err)
{
	cleanup_buf struct buf b = BUF_INIT;
	struct sbx_err said = { 0 };
	int r;

	dbus_add_string(&b, name);
	dbus_add_string(&b, "fail");
	add_properties(&b);
	dbus_end_array(&b, dbus_begin_array(&b, 8), 8); /* no auxiliary units */
	r = dbus_call(manager, &start_transient_unit, &b, &said);
	return r < 0 ? sbx_err_set(err, r, "scope", "systemd refuses a scope: %s",
				   said.msg)
		     : 0;
}

bool scope_is_inside(const char *part)
{
	cleanup_buf struct buf b = BUF_INIT;

	return file_read(AT_FDCWD, "/proc/self/cgroup", 0, 1 << 16, &b) == 0 &&
	       strstr(buf_str(&b), part);
}

static bool has_failed(struct dbus *manager, const char *name)
{
	cleanup_buf struct buf b = BUF_INIT;

	dbus_add_string(&b, name);
	return dbus_call(manager, &get_unit, &b, NULL) < 0;
}

static int wait_inside(struct dbus *manager, const char *name, struct sbx_err *err)
{
	const uint64_t end = now_us() + MOVE_US;
	uint64_t pause_us = 500;
	struct timespec pause;

	while (!scope_is_inside(name)) {
		if (now_us() > end ||
		    (has_failed(manager, name) && !scope_is_inside(name)))
			return sbx_err_set(
				err, -EIO, "scope",
				"systemd made a scope but did not move us into "
				"it; `journalctl -u %s` may know why",
				name);
		pause = timespec_of_us(pause_us);
		nanosleep(&pause, NULL);
		pause_us = MIN(pause_us * 2, 50 * USEC_PER_MSEC);
	}
	return 0;
}

int scope_enter(struct sbx_err *err)
{
	const char *wanted = getenv(SCOPE_VARIABLE);
	struct dbus manager = DBUS_INIT;
	char name[64];
	int r;

	if (access("/run/systemd/system", F_OK) < 0)
		return -ENOENT;
	if (wanted && streq(wanted, "no"))
		return sbx_err_set(err, -EPERM, "scope",
				   SCOPE_VARIABLE "=no, so systemd is not asked for one");
	snprintf(name, sizeof(name), NAME_PREFIX "%d-%" PRIu64 ".scope", (int)getpid(),
		 clock_us(CLOCK_BOOTTIME));
	r = open_manager(&manager, err);
	if (r == 0)
		r = request(&manager, name, err);
	if (r == 0)
		r = wait_inside(&manager, name, err);
	dbus_close(&manager);
	return r;
}

bool scope_is_own(const char *path)
{
	return strstr(path, "/" NAME_PREFIX) != NULL;
}
