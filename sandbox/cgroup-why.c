/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A controller reaches a leaf only when every group from the top down hands it on: it stands
 * in cgroup.controllers of a group when the group above has it in cgroup.subtree_control. So
 * the groups are walked from the top, and the first that has a controller without handing it
 * on is the one to name, with what its owner has to do.
 */
#include "cgroup-why.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cgroup-file.h"

/* The directory behind a descriptor by name; "." when even that cannot be told. */
static void path_of(int fd, char path[static PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	snprintf(path + MAX(n, 0), (size_t)(PATH_MAX - MAX(n, 0)), "%s",
		 n > 0 ? "" : ".");
}

/* How much of @path is the top of the hierarchy, as far up as we can see it. */
static size_t top_of(const char *path)
{
	char file[PATH_MAX + 32];
	size_t top = strlen(path);

	for (size_t n = top; n > 0; n--) {
		if (path[n] && path[n] != '/')
			continue;
		snprintf(file, sizeof(file), "%.*s/cgroup.controllers", (int)n, path);
		if (access(file, F_OK) < 0)
			break;
		top = n;
	}
	return top;
}

static bool file_has_word(const char *group, const char *name, const char *word)
{
	cleanup_buf struct buf b = BUF_INIT;
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	return cgroup_has_word(cgroup_read_text(AT_FDCWD, path, &b), word);
}

bool cgroup_on_v1(const char *proc_cgroup, const char *controller)
{
	size_t n = strlen(controller);

	for (const char *p = proc_cgroup; (p = strstr(p, controller)); p += n)
		if (p > proc_cgroup && (p[-1] == ':' || p[-1] == ',') &&
		    (p[n] == ':' || p[n] == ','))
			return true;
	return false;
}

bool cgroup_no_swap(const char *proc_swaps)
{
	const char *line = strchr(proc_swaps, '\n');

	/* The first line is a heading; without it nothing is known. */
	return line && !line[1];
}

/* The top itself does not have it. Only the root group of the host has no cgroup.events. */
static void why_not_at_top(const char *top, const char *controller, char *out,
			   size_t size)
{
	/* The I/O controller had another name there. */
	const char *v1_name = streq(controller, "io") ? "blkio" : controller;
	cleanup_buf struct buf b = BUF_INIT;
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/cgroup.events", top);
	if (cgroup_on_v1(cgroup_read_text(AT_FDCWD, "/proc/self/cgroup", &b), v1_name))
		snprintf(out, size,
			 "the controller '%s' is bound to cgroup v1 on this host, so "
			 "cgroup v2 cannot use it; boot with "
			 "systemd.unified_cgroup_hierarchy=1 or, without systemd, "
			 "cgroup_no_v1=all",
			 controller);
	else if (access(path, F_OK) == 0)
		snprintf(out, size,
			 "the controller '%s' is not handed down to this container: it "
			 "is missing in %.100s/cgroup.controllers; the container's owner "
			 "has to delegate it",
			 controller, top);
	else
		snprintf(out, size,
			 "this kernel does not offer the controller '%s': it is missing "
			 "in %.100s/cgroup.controllers; look for cgroup_disable=%s in "
			 "/proc/cmdline, or take a kernel that is built with it",
			 controller, top, controller);
}

static const struct {
	int error;
	const char *text; /* behind "the controller 'x' cannot be enabled in DIR: " */
} refusals[] = {
	{ EBUSY,
	  "processes live in it, and cgroup v2 allows none beside child groups with "
	  "controllers; move them to a child group, or name an empty group with "
	  "--cgroup" },
	{ EACCES,
	  "its cgroup.subtree_control is not ours to write; its owner has to chown "
	  "it to us (systemd: Delegate=yes)" },
	{ EPERM,
	  "its cgroup.subtree_control is not ours to write; its owner has to chown "
	  "it to us (systemd: Delegate=yes)" },
	{ EROFS, "the cgroup tree is mounted read-only, as containers have it; start the "
		 "container with a writable one" },
	{ EOPNOTSUPP,
	  "it is a threaded group or lies below one, where this controller is "
	  "not to be had; name a group of type 'domain' with --cgroup" },
	{ EINVAL,
	  "the kernel refuses, as it does for 'cpu' while real-time processes run "
	  "outside the root group; give them an ordinary priority (chrt -o)" },
	{ ENOENT, "it went away there meanwhile; somebody above has just disabled it" },
};

static void why_refused(const char *group, const char *controller, int error, char *out,
			size_t size)
{
	const char *text = strerrordesc_np(error);

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (refusals[i].error == error)
			text = refusals[i].text;
	snprintf(out, size, "the controller '%s' cannot be enabled in %.100s: %s",
		 controller, group, text ? text : "unknown error");
}

void cgroup_why_controller(int parent_fd, const char *controller, int refused, char *out,
			   size_t size)
{
	char path[PATH_MAX], group[PATH_MAX];
	size_t len, end;

	path_of(parent_fd, path);
	len = strlen(path);
	end = top_of(path);
	snprintf(group, sizeof(group), "%.*s", (int)end, path);
	if (!file_has_word(group, "cgroup.controllers", controller)) {
		why_not_at_top(group, controller, out, size);
		return;
	}
	while (end < len && file_has_word(group, "cgroup.subtree_control", controller)) {
		end += 1 + strcspn(path + end + 1, "/");
		snprintf(group, sizeof(group), "%.*s", (int)end, path);
	}
	if (end < len)
		snprintf(
			out, size,
			"the controller '%s' is there but not handed down by %.100s; its "
			"owner has to run: echo +%s >%.100s/cgroup.subtree_control "
			"(systemd: Delegate=%s in the unit, for a user in user@.service)",
			controller, group, controller, group, controller);
	else
		why_refused(group, controller, refused ? refused : ENOENT, out, size);
}

/* The group from @path up whose own limit on groups below it is used up, or none. */
static bool find_full(const char *path, char group[static PATH_MAX], const char **ret)
{
	snprintf(group, PATH_MAX, "%s", path);
	for (size_t depth = 1;; depth++) {
		cleanup_close int fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		cleanup_buf struct buf b = BUF_INIT, c = BUF_INIT;
		const char *most, *deepest;
		char *slash = strrchr(group, '/');

		most = cgroup_read_text(fd, "cgroup.max.descendants", &b);
		deepest = cgroup_read_text(fd, "cgroup.max.depth", &c);
		if (!*most || !slash || slash == group)
			return false;
		*ret = *most != 'm' && cgroup_read_key(fd, "cgroup.stat",
						       "nr_descendants") >=
					       strtoull(most, NULL, 10)
			       ? "cgroup.max.descendants"
		       : *deepest != 'm' && depth > strtoull(deepest, NULL, 10)
			       ? "cgroup.max.depth"
			       : NULL;
		if (*ret)
			return true;
		*slash = '\0';
	}
}

static void why_full(const char *path, char *out, size_t size)
{
	char group[PATH_MAX];
	const char *file;

	if (find_full(path, group, &file))
		snprintf(out, size,
			 "no further cgroup can be made in %.100s: %s of %.100s is "
			 "reached; its owner has to raise it, or old groups have to go",
			 path, file, group);
	else
		snprintf(
			out, size,
			"no further cgroup can be made in %.100s: a limit on the number "
			"or depth of groups above it is reached (cgroup.max.descendants, "
			"cgroup.max.depth)",
			path);
}

void cgroup_why_no_leaf(int parent_fd, int r, char *out, size_t size)
{
	cleanup_buf struct buf b = BUF_INIT;
	char path[PATH_MAX];
	const char *type;

	path_of(parent_fd, path);
	type = cgroup_read_text(parent_fd, "cgroup.type", &b);
	if (r == -EAGAIN)
		why_full(path, out, size);
	else if (r == -EROFS)
		snprintf(out, size,
			 "the cgroup tree at %.100s is mounted read-only, as containers "
			 "have it; start the container with a writable one",
			 path);
	else if (r == -EACCES || r == -EPERM)
		snprintf(out, size,
			 "the cgroup %.100s is not ours to write; its owner has to chown "
			 "it to us (systemd: Delegate=yes)",
			 path);
	else if (r == -EOPNOTSUPP)
		snprintf(
			out, size,
			"the cgroup %.100s is of type '%.*s', below which no process can "
			"be started; name one of type 'domain' with --cgroup",
			path, (int)strcspn(type, "\n"), type);
	else
		snprintf(out, size, "no cgroup can be made in %.100s: %s", path,
			 strerrordesc_np(-r));
}
