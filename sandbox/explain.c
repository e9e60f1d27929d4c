/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"

#include <fcntl.h>
#include <limits.h>

#include "base/file.h"

static const char by_apparmor[] =
	"AppArmor gives ordinary users no rights in user namespaces on this host "
	"(kernel.apparmor_restrict_unprivileged_userns=1); as root, load the profile "
	"contrib/apparmor/autoexp with apparmor_parser -r, or run: sysctl "
	"kernel.apparmor_restrict_unprivileged_userns=0";

static const char by_seccomp[] =
	"a seccomp filter that was in force before us forbids it, as containers have "
	"one; "
	"docker and podman: --security-opt seccomp=unconfined, systemd: "
	"RestrictNamespaces=no and no SystemCallFilter=";

/* A file of proc as text, "" where there is none. */
static const char *look(const char *proc, const char *name, struct buf *b)
{
	char path[PATH_MAX];

	buf_clear(b);
	snprintf(path, sizeof(path), "%s/%s", proc, name);
	if (file_read(AT_FDCWD, path, 0, 1 << 20, b) < 0)
		buf_clear(b);
	return buf_str(b);
}

static bool is_number(const char *text, char digit)
{
	return text[0] == digit && (!text[1] || text[1] == '\n');
}

static const char *find_none(const char *proc)
{
	static const char *const kinds[] = { "user", "mnt", "pid",   "net",
					     "ipc",  "uts", "cgroup" };
	cleanup_buf struct buf b = BUF_INIT;
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(name, sizeof(name), "sys/user/max_%s_namespaces", kinds[i]);
		if (is_number(look(proc, name, &b), '0'))
			return kinds[i];
	}
	return NULL;
}

/* The fifth word of a line of mountinfo is where it is mounted, below our root directory. */
static bool has_root_mount(const char *line)
{
	for (; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const char *p = line;

		for (int i = 0; p && i < 4; i++)
			p = (p = strchr(p, ' ')) ? p + 1 : NULL;
		if (p && str_after(p, "/ "))
			return true;
	}
	return false;
}

void explain_look(const char *proc, bool ordinary, struct host_facts *ret)
{
	cleanup_buf struct buf b = BUF_INIT;
	const char *text;

	*ret = (struct host_facts){ .ordinary = ordinary, .none_of = find_none(proc) };
	text = strstr(look(proc, "self/status", &b), "\nSeccomp:\t");
	ret->seccomp = text && text[strlen("\nSeccomp:\t")] == '2';
	text = look(proc, "self/mountinfo", &b);
	ret->chrooted = *text && !has_root_mount(text);
	ret->userns_off =
		is_number(look(proc, "sys/kernel/unprivileged_userns_clone", &b), '0');
	ret->apparmor = is_number(
		look(proc, "sys/kernel/apparmor_restrict_unprivileged_userns", &b), '1');
}

/* Forbidden, by whom? The first whose evidence is there. NULL: nobody known */
static const char *who_forbids(int r, const struct host_facts *f)
{
	if (f->ordinary && f->userns_off)
		return "ordinary users may not make user namespaces on this host "
		       "(kernel.unprivileged_userns_clone=0); as root: sysctl "
		       "kernel.unprivileged_userns_clone=1";
	if (f->chrooted)
		return "we are in a chroot, where no user namespace can be made; start "
		       "outside of it, or enter it with pivot_root as bwrap and "
		       "systemd-nspawn do";
	if (f->seccomp)
		return by_seccomp;
	if (f->ordinary && f->apparmor)
		return by_apparmor;
	if (r == -EACCES)
		return "a security module (SELinux, AppArmor) forbids user namespaces; "
		       "its messages are in the kernel's log (journalctl -k)";
	return "the kernel forbids user namespaces here, as it does in a chroot and "
	       "where "
	       "our own user does not exist in the user namespace we are in";
}

static int no_room(int r, const struct host_facts *f, struct sbx_err *err)
{
	if (f->none_of)
		return sbx_err_set(
			err, r, "clone",
			"no %s namespace may be made here: user.max_%s_namespaces is 0; "
			"as root (of the container, in one): sysctl "
			"user.max_%s_namespaces=15000",
			f->none_of, f->none_of, f->none_of);
	return sbx_err_set(err, r, "clone",
			   "a limit on namespaces is reached (sysctl "
			   "user.max_user_namespaces and its neighbours), or they are "
			   "nested 32 deep");
}

int explain_clone(int r, const struct host_facts *f, struct sbx_err *err)
{
	switch (-r) {
	case EPERM:
	case EACCES:
		return sbx_err_errno(err, r, "clone", "%s", who_forbids(r, f));
	case ENOSPC:
	case EUSERS:
		return no_room(r, f, err);
	case ENOSYS:
	case EINVAL:
	case E2BIG:
		/* Docker's filter says that there is no clone3(), for old C libraries. */
		return sbx_err_errno(
			err, r, "clone", "%s",
			f->seccomp ? by_seccomp
				   : "this kernel cannot start the box: Linux 5.10 or "
				     "later with all namespaces is needed");
	case EAGAIN:
		return sbx_err_errno(
			err, r, "clone",
			"no further process may be started: ulimit -u is reached, or "
			"pids.max of the cgroup we are in");
	}
	return sbx_err_errno(err, r, "clone", "cannot start process 1 of the box");
}

void explain_step(const struct host_facts *f, struct sbx_err *err)
{
	static const char *const stages[] = { "mount", "idmap", "net", "proc" };
	bool ours = false;

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		ours = ours || streq(err->stage, stages[i]);
	if (!ours || (err->code != -EPERM && err->code != -EACCES &&
		      !(err->code == -ENOSYS && f->seccomp)))
		return;
	/* A masked /proc has its remedy in the message already; containers often do both. */
	if (f->seccomp && streq(err->stage, "proc") && err->code == -EPERM)
		sbx_err_wrap(
			err, err->code,
			"either a seccomp filter that was in force before us forbids "
			"mounting (docker and podman: --security-opt "
			"seccomp=unconfined), or");
	else if (f->seccomp)
		sbx_err_wrap(err, err->code, "%s", by_seccomp);
	else if (f->ordinary && f->apparmor && !streq(err->stage, "proc"))
		sbx_err_wrap(err, err->code, "%s", by_apparmor);
}
