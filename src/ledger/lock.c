/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open file description lock: it belongs to the open file, not to the process, so
 * closing some other descriptor of the file does not lose it as with POSIX locks, and it
 * works over NFS, where flock() may be local. The file is never unlinked: two processes
 * that lock two files of the same name would both be the only one.
 *
 * Between taking it and writing its name, a supervisor stands behind the name of the one
 * before it, whose number may be anybody's by now. So a name counts only while that process
 * has the file open.
 */
#include "ledger/lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "ledger/journal.h"

void host_boot_id(char ret[static BOOT_ID_SIZE])
{
	cleanup_buf struct buf text = BUF_INIT;

	ret[0] = '\0';
	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 0, 64, &text) == 0)
		snprintf(ret, BOOT_ID_SIZE, "%s", buf_str(&text));
}

void host_name(char ret[static 256])
{
	if (gethostname(ret, 256) < 0 || !*ret)
		snprintf(ret, 256, "unknown");
	ret[255] = '\0';
}

static int describe_self(int fd)
{
	char host[256], boot[BOOT_ID_SIZE], since[JOURNAL_TIME_SIZE], text[512];
	int n;

	host_name(host);
	host_boot_id(boot);
	journal_stamp(since);
	n = snprintf(text, sizeof(text), "pid %d\nhost %s\nboot %s\nsince %s\n",
		     (int)getpid(), host, boot, since);
	if (ftruncate(fd, 0) < 0)
		return -errno;
	return fd_write_all(fd, text, (size_t)n);
}

/* Take the value of "key value\n" out of @text. */
static void pick(const char *text, const char *key, char *out, size_t size)
{
	const char *at = strstr(text, key);
	size_t n;

	*out = '\0';
	if (!at || (at != text && at[-1] != '\n'))
		return;
	at += strlen(key);
	n = strcspn(at, "\n");
	if (at[n] == '\n')
		snprintf(out, size, "%.*s", (int)n, at);
}

/* Where this cannot be seen, the process is another user's, whom nobody here can signal. */
static bool has_open(pid_t pid, const struct stat *file)
{
	cleanup_closedir DIR *d = NULL;
	char path[40];
	struct dirent *e;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (!d)
		return errno != ENOENT;
	while ((e = readdir(d)))
		if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 &&
		    st.st_dev == file->st_dev && st.st_ino == file->st_ino)
			return true;
	return false;
}

static int read_holder(int dir_fd, struct lock_holder *ret)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct lock_holder h = { 0 };
	struct stat st;
	char pid[24];
	uint64_t v;
	int r;

	r = file_read(dir_fd, LOCK_FILE, O_NOFOLLOW, 4096, &text);
	if (r < 0)
		return r;
	pick(buf_str(&text), "pid ", pid, sizeof(pid));
	pick(buf_str(&text), "host ", h.host, sizeof(h.host));
	pick(buf_str(&text), "boot ", h.boot_id, sizeof(h.boot_id));
	pick(buf_str(&text), "since ", h.since, sizeof(h.since));
	if (parse_u64(pid, &v) == 0 && v > 0 && v <= INT32_MAX && *h.since)
		h.pid = (pid_t)v;
	if (lock_holder_is_local(&h) && fstatat(dir_fd, LOCK_FILE, &st, 0) == 0 &&
	    !has_open(h.pid, &st))
		h.pid = 0;
	*ret = h;
	return 0;
}

static int busy(int dir_fd, const char *tag, struct sbx_err *err)
{
	struct lock_holder h;

	if (read_holder(dir_fd, &h) < 0 || !h.pid)
		return sbx_err_set(err, -EBUSY, "lock",
				   "another process is just starting on campaign \"%s\"",
				   tag);
	return sbx_err_set(
		err, -EBUSY, "lock",
		"campaign \"%s\" is being run by process %d on %s since %s: wait for it, "
		"stop it with `autoexp stop`, or choose another --tag",
		tag, (int)h.pid, h.host, h.since);
}

int lock_take(int dir_fd, const char *tag, int *ret_fd, struct sbx_err *err)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	cleanup_close int fd = -EBADF;
	int r;

	fd = openat(dir_fd, LOCK_FILE,
		    O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "lock",
				     "cannot open autoexp/%s/" LOCK_FILE
				     " in the repository's git directory",
				     tag);
	if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return busy(dir_fd, tag, err);
		return sbx_err_errno(
			err, -errno, "lock",
			"cannot lock campaign \"%s\": its file system must support "
			"locks",
			tag);
	}
	r = describe_self(fd);
	if (r < 0)
		return sbx_err_errno(err, r, "lock", "cannot write the lock of \"%s\"",
				     tag);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int lock_peek(int dir_fd, struct lock_holder *ret, struct sbx_err *err)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	cleanup_close int fd = -EBADF;
	int r;

	fd = openat(dir_fd, LOCK_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &whole) < 0)
		return sbx_err_errno(err, -errno, "lock", "cannot look at the lock");
	if (whole.l_type == F_UNLCK)
		return 0;
	r = read_holder(dir_fd, ret);
	return r < 0 ? sbx_err_errno(err, r, "lock", "cannot read the lock") : 1;
}

bool lock_holder_is_local(const struct lock_holder *h)
{
	char host[256], boot[BOOT_ID_SIZE];

	host_name(host);
	host_boot_id(boot);
	return h->pid > 0 && streq(h->host, host) && streq(h->boot_id, boot);
}
