/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/openat2.h>

#include "base/file.h"

#define TARGET_MAX (64 << 20)

static int open_copy(int dir_fd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH |
			   RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
}

/* A sentence about why @fd is not a file we may take, or NULL. */
static const char *objection(int fd, const struct stat *st)
{
	if (fd < 0)
		return errno == ENOENT   ? "the target is gone"
		       : errno == ELOOP  ? "the target became a symbolic link"
		       : errno == EACCES ? "the target cannot be read any more"
					 : "the target is no regular file any more";
	if (!S_ISREG(st->st_mode))
		return "the target is no regular file any more";
	if (st->st_nlink != 1)
		return "the target has a second name (hard link)";
	if (st->st_size > TARGET_MAX)
		return "the target grew beyond 64 MiB";
	return NULL;
}

int target_collect(int dir_fd, const char *name, int original_fd, struct sbx_result *r,
		   struct sbx_err *err)
{
	cleanup_close int fd = open_copy(dir_fd, name);
	cleanup_buf struct buf now = BUF_INIT, before = BUF_INIT;
	struct stat st = { 0 };
	const char *why;
	int e;

	if (fd >= 0 && fstat(fd, &st) < 0)
		fd = fd_close(fd);
	why = objection(fd, &st);
	if (why) {
		r->target_changed = true;
		snprintf(r->target_error, sizeof(r->target_error), "%s", why);
		return 0;
	}
	if (lseek(original_fd, 0, SEEK_SET) < 0)
		return sbx_err_errno(err, -errno, "target",
				     "cannot read the target again");
	e = fd_read_all(original_fd, TARGET_MAX, &before);
	if (e == 0)
		e = fd_read_all(fd, TARGET_MAX, &now);
	if (e < 0)
		return sbx_err_errno(err, e, "target", "cannot compare the target");
	if (now.len == before.len &&
	    memcmp(buf_str(&now), buf_str(&before), now.len) == 0)
		return 0;
	r->target_changed = true;
	r->target_len = now.len;
	r->target_data = buf_steal(&now);
	return 0;
}
