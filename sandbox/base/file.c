/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/strv.h"

int fd_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	ssize_t w;

	while (n) {
		w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int fd_read_all(int fd, size_t max, struct buf *ret)
{
	char chunk[4096];
	size_t total = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		total += (size_t)n;
		if (total > max)
			return -EFBIG;
		buf_add(ret, chunk, (size_t)n);
	}
	buf_add(ret, "", 0);
	return ret->failed ? -ENOMEM : 0;
}

int file_read(int dir_fd, const char *path, int flags, size_t max, struct buf *ret)
{
	cleanup_close int fd = -EBADF;
	struct stat st;

	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return fd_read_all(fd, max, ret);
}

int file_write(int dir_fd, const char *path, const char *text)
{
	cleanup_close int fd = -EBADF;
	size_t n = strlen(text);
	ssize_t w;

	fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do
		w = write(fd, text, n);
	while (w < 0 && errno == EINTR);
	if (w < 0)
		return -errno;
	return (size_t)w == n ? 0 : -EIO;
}

int file_sync_parent(int dir_fd, const char *path)
{
	cleanup_close int fd = -EBADF;
	cleanup_free char *copy = strdup(path);
	char *slash;

	if (!copy)
		return -ENOMEM;
	slash = strrchr(copy, '/');
	if (slash == copy)
		slash[1] = '\0';
	else if (slash)
		*slash = '\0';
	fd = openat(dir_fd, slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_synced(int dir_fd, const char *path, const void *data, size_t n,
			mode_t mode, const struct stat *owner)
{
	cleanup_close int fd = -EBADF;
	int r;

	fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, n);
	if (r == 0 && owner && fchown(fd, owner->st_uid, owner->st_gid) < 0)
		r = -errno;
	/* Last, for a change of owner clears bits. */
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r < 0)
		unlinkat(dir_fd, path, 0);
	return r;
}

/* The written @tmp becomes @path. */
static int put_in_place(int dir_fd, const char *tmp, const char *path)
{
	int r;

	if (renameat(dir_fd, tmp, dir_fd, path) == 0)
		return file_sync_parent(dir_fd, path);
	r = -errno;
	unlinkat(dir_fd, tmp, 0);
	return r;
}

int file_replace(int dir_fd, const char *path, const void *data, size_t n, mode_t mode)
{
	cleanup_free char *tmp = str_printf("%s.tmp~", path);
	int r;

	if (!tmp)
		return -ENOMEM;
	/* Of a replacement that was killed. */
	if (unlinkat(dir_fd, tmp, 0) < 0 && errno != ENOENT)
		return -errno;
	r = write_synced(dir_fd, tmp, data, n, mode, NULL);
	return r < 0 ? r : put_in_place(dir_fd, tmp, path);
}

int file_replace_theirs(int dir_fd, const char *path, const void *data, size_t n,
			const struct stat *like)
{
	int r = -EEXIST;

	for (unsigned i = 0; r == -EEXIST && i < 100; i++) {
		cleanup_free char *tmp = str_printf("%s.tmp~%u", path, i);

		if (!tmp)
			return -ENOMEM;
		r = write_synced(dir_fd, tmp, data, n, like->st_mode & 07777,
				 geteuid() == 0 ? like : NULL);
		if (r == 0)
			return put_in_place(dir_fd, tmp, path);
	}
	return r;
}

int dir_make(int dir_fd, const char *path, mode_t mode)
{
	cleanup_free char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; *copy && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdirat(dir_fd, copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdirat(dir_fd, copy, mode) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/*
 * Removal walks down with one directory open at a time: enter the first subdirectory found,
 * or, where there is none, step to ".." and remove the directory left behind. Deep trees
 * cost time but neither stack nor descriptors.
 */
static int empty_dir(int fd, char name[static NAME_MAX + 1])
{
	cleanup_closedir DIR *d = NULL;
	struct dirent *e;
	int copy;

	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0)
		return -errno;
	d = fdopendir(copy);
	if (!d) {
		fd_close(copy);
		return -errno;
	}
	while ((errno = 0, e = readdir(d))) {
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
		snprintf(name, NAME_MAX + 1, "%s", e->d_name);
		return 1;
	}
	return -errno;
}

int dir_remove(int dir_fd, const char *path)
{
	cleanup_close int fd = -EBADF;
	char name[NAME_MAX + 1] = "";
	size_t depth = 0;
	int r, next;

	fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return unlinkat(dir_fd, path, 0) < 0 ? -errno : 0;
	if (fd < 0)
		return -errno;

	for (;;) {
		r = empty_dir(fd, name);
		if (r < 0)
			return r;
		if (r == 0 && depth == 0)
			break;
		next = openat(fd, r > 0 ? name : "..",
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (next < 0)
			return -errno;
		fd_close(fd);
		fd = next;
		depth += r > 0 ? 1 : -(size_t)1;
		/* The parent's scan meets the emptied directory again and unlinks it. */
		if (r == 0) {
			r = empty_dir(fd, name);
			if (r < 0)
				return r;
			if (r > 0 && unlinkat(fd, name, AT_REMOVEDIR) < 0 &&
			    errno != ENOTEMPTY)
				return -errno;
		}
	}
	return unlinkat(dir_fd, path, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int fd_pipe(int *ret_read, int *ret_write)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	*ret_read = p[0];
	*ret_write = p[1];
	return 0;
}

int fd_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}
