/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/derived.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strv.h"

#define CHUNK ((size_t)64 * 1024)

static int enter(int parent, const char *name, bool create, int *ret_fd,
		 struct sbx_err *err)
{
	cleanup_close int fd = -EBADF;
	struct stat st;

	if (create && mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return sbx_err_errno(err, -errno, "results",
				     "cannot make the directory %s", name);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return sbx_err_set(
			err, -errno, "results",
			"%s is a link or no directory: remove it, results are only "
			"written to a directory of your own",
			name);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "results",
				     "cannot open the directory %s", name);
	if (fstat(fd, &st) < 0)
		return sbx_err_errno(err, -errno, "results", "cannot look at %s", name);
	if (st.st_uid != geteuid())
		return sbx_err_set(
			err, -EPERM, "results",
			"the directory %s belongs to user %u, not to you: move it away",
			name, st.st_uid);
	if ((st.st_mode & 077) && fchmod(fd, 0700) < 0)
		return sbx_err_errno(err, -errno, "results", "cannot make %s private",
				     name);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int derived_dir_open(const char *workdir, const char *tag, bool create, int *ret_fd,
		     struct sbx_err *err)
{
	cleanup_close int top = -EBADF, all = -EBADF;
	int r;

	top = open(workdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return sbx_err_errno(err, -errno, "results", "cannot open %s", workdir);
	r = enter(top, ".autoexp", create, &all, err);
	if (r == 0)
		r = enter(all, tag, create, ret_fd, err);
	return r < 0 ? sbx_err_wrap(err, r, "in %s", workdir) : 0;
}

static int failed(const struct derived *d, int r, struct sbx_err *err)
{
	return sbx_err_errno(
		err, r, "results",
		"cannot write %s (it can be made again from the journal at any time)",
		d->name);
}

/* A file we may compare with and append to: plain, ours, and reached by one name only. */
static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       st.st_nlink == 1;
}

static char *new_name(const struct derived *d)
{
	return str_printf("%s.tmp~", d->name);
}

static int flush(struct derived *d)
{
	int r = d->out.failed ? -ENOMEM
			      : fd_write_all(d->new_fd, d->out.data, d->out.len);

	buf_clear(&d->out);
	return r;
}

static int copy_good(struct derived *d)
{
	cleanup_free char *chunk = malloc(CHUNK);
	off_t at = 0;
	ssize_t n;
	int r;

	if (!chunk)
		return -ENOMEM;
	for (; at < d->good; at += n) {
		n = pread(d->fd, chunk, MIN(CHUNK, (size_t)(d->good - at)), at);
		if (n <= 0)
			return n < 0 ? -errno : -ESTALE;
		r = fd_write_all(d->new_fd, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A difference was found. */
static int start_rebuild(struct derived *d)
{
	cleanup_free char *name = NULL;
	int r;

	d->differs = true;
	if (d->look) {
		d->mode = DERIVED_WRONG;
		return 0;
	}
	name = new_name(d);
	if (!name)
		return -ENOMEM;
	if (unlinkat(d->dir_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	d->new_fd = openat(d->dir_fd, name,
			   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->new_fd < 0)
		return -errno;
	r = copy_good(d);
	d->fd = fd_close(d->fd);
	buf_done(&d->in);
	d->mode = DERIVED_REBUILD;
	return r;
}

int derived_begin(struct derived *d, int dir_fd, const char *name, bool look,
		  struct sbx_err *err)
{
	int r;

	*d = (struct derived)DERIVED_INIT;
	d->dir_fd = dir_fd;
	d->name = name;
	d->look = look;
	d->fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (d->fd < 0 && errno != ENOENT && errno != ELOOP && errno != ENXIO)
		return sbx_err_errno(err, -errno, "results", "cannot open %s", name);
	if (d->fd >= 0 && is_ours(d->fd)) {
		d->mode = DERIVED_CHECK;
		return 0;
	}
	r = start_rebuild(d);
	return r < 0 ? failed(d, r, err) : 0;
}

/* Read until @n bytes are there, or the file ends. Return: bytes there; negative errno */
static ssize_t read_ahead(struct derived *d, size_t n)
{
	cleanup_free char *chunk = NULL;
	ssize_t got;

	while (d->in.len - d->in_pos < n) {
		buf_drop(&d->in, d->in_pos);
		d->in_pos = 0;
		chunk = chunk ? chunk : malloc(CHUNK);
		if (!chunk)
			return -ENOMEM;
		got = read(d->fd, chunk, CHUNK);
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		buf_add(&d->in, chunk, (size_t)got);
		if (d->in.failed)
			return -ENOMEM;
	}
	return (ssize_t)(d->in.len - d->in_pos);
}

static int append(struct derived *d, const char *line, size_t n)
{
	int r = fd_write_all(d->fd, line, n);

	if (r < 0) {
		/* Half a line would be found at the next start anyway. */
		if (ftruncate(d->fd, d->good) < 0)
			return r;
		return r;
	}
	d->good += (off_t)n;
	return 0;
}

int derived_line(struct derived *d, const char *line, size_t n, struct sbx_err *err)
{
	ssize_t there;
	int r = 0;

	assert(d->mode != DERIVED_CLOSED);
	if (d->mode == DERIVED_CHECK) {
		there = read_ahead(d, n);
		if (there < 0)
			return sbx_err_errno(err, (int)there, "results", "cannot read %s",
					     d->name);
		if ((size_t)there >= n && memcmp(d->in.data + d->in_pos, line, n) == 0) {
			d->in_pos += n;
			d->good += (off_t)n;
			return 0;
		}
		r = start_rebuild(d);
	}
	if (r == 0 && d->mode == DERIVED_LIVE)
		r = append(d, line, n);
	if (r == 0 && d->mode == DERIVED_REBUILD) {
		buf_add(&d->out, line, n);
		d->good += (off_t)n;
		r = d->out.len > CHUNK ? flush(d) : 0;
	}
	return r < 0 ? failed(d, r, err) : 0;
}

static int finish_rebuild(struct derived *d)
{
	cleanup_free char *name = new_name(d);
	int r = name ? flush(d) : -ENOMEM;

	if (r == 0 && renameat(d->dir_fd, name, d->dir_fd, d->name) < 0)
		r = -errno;
	if (r < 0) {
		if (name)
			unlinkat(d->dir_fd, name, 0);
		return r;
	}
	d->new_fd = fd_close(d->new_fd);
	buf_done(&d->out);
	return 0;
}

int derived_settle(struct derived *d, struct sbx_err *err)
{
	ssize_t left;
	int r = 0;

	if (d->mode == DERIVED_CHECK) {
		left = read_ahead(d, 1);
		if (left < 0)
			return sbx_err_errno(err, (int)left, "results", "cannot read %s",
					     d->name);
		if (left > 0)
			r = start_rebuild(d);
	}
	if (r == 0 && d->mode == DERIVED_REBUILD)
		r = finish_rebuild(d);
	if (r < 0)
		return failed(d, r, err);
	if (d->look)
		return 0;
	fd_close(d->fd);
	buf_done(&d->in);
	d->fd = openat(d->dir_fd, d->name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (d->fd < 0)
		return failed(d, -errno, err);
	d->mode = DERIVED_LIVE;
	return 0;
}

bool derived_stale(const struct derived *d)
{
	struct stat here, named;

	return fstat(d->fd, &here) < 0 || here.st_size != d->good ||
	       fstatat(d->dir_fd, d->name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	       named.st_ino != here.st_ino || named.st_dev != here.st_dev;
}

void derived_done(struct derived *d)
{
	cleanup_free char *name = NULL;

	if (d->mode == DERIVED_REBUILD && (name = new_name(d)))
		unlinkat(d->dir_fd, name, 0);
	fd_close(d->fd);
	fd_close(d->new_fd);
	buf_done(&d->in);
	buf_done(&d->out);
	*d = (struct derived)DERIVED_INIT;
}
