/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is the event's JSON with one member more at the end, a sum that is chained from
 * line to line: chain.h.
 *
 * Order on disk: the first line appears with its file, by rename, and the directory is
 * synced behind it. Every further append is one write() to the end and one fdatasync();
 * only then does the caller do what the event announced. So a crash can leave nothing
 * worse than a last line that is incomplete, whose effect never began: it is cut. Anything
 * else that is wrong is damage, and refused: guessing would lose experiments or money.
 *
 *	tail of the file                     is
 *	no newline, sum missing              torn: cut
 *	newline, sum wrong, nothing behind   torn (blocks that never reached the disk): cut
 *	a whole sum inside the line          two lines whose newline was damaged: refused
 *	wrong sum, more lines behind         refused; salvage.h
 */
#include "ledger/journal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "ledger/chain.h"
#include "ledger/event.h"
#include "ledger/lines.h"

struct journal {
	int fd;
	struct chain chain;
	off_t size; /* where the last good line ends */
	bool broken;
	char path[400]; /* for messages */
};

static void name_file(int dir_fd, char *out, size_t size)
{
	char link[40], dir[300];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd);
	n = readlink(link, dir, sizeof(dir) - 1);
	dir[n < 0 ? 0 : n] = '\0';
	snprintf(out, size, "%s%s%s", dir, n > 0 ? "/" : "", JOURNAL_FILE);
}

/* Directories. */

static int check_dir(int fd, const char *name, struct sbx_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return sbx_err_errno(err, -errno, "journal", "cannot look at %s", name);
	if (st.st_uid != geteuid())
		return sbx_err_set(
			err, -EPERM, "journal",
			"%s belongs to user %u, not to you: it cannot be trusted with "
			"the record of a campaign",
			name, st.st_uid);
	if ((st.st_mode & 077) && fchmod(fd, 0700) < 0)
		return sbx_err_errno(err, -errno, "journal", "cannot make %s private",
				     name);
	return 0;
}

static int enter_dir(int parent, const char *name, bool create, int *ret_fd,
		     struct sbx_err *err)
{
	cleanup_close int fd = -EBADF;
	int r;

	if (create && mkdirat(parent, name, 0700) == 0) {
		if (fsync(parent) < 0)
			return sbx_err_errno(err, -errno, "journal", "cannot sync %s",
					     name);
	} else if (create && errno != EEXIST) {
		return sbx_err_errno(err, -errno, "journal",
				     "cannot make the directory %s", name);
	}
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "journal",
				     "cannot open the directory %s", name);
	r = check_dir(fd, name, err);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int journal_dir_open(const char *common_dir, const char *tag, bool create, int *ret_fd,
		     struct sbx_err *err)
{
	cleanup_close int top = -EBADF, all = -EBADF;
	int r;

	if (!*tag || *tag == '.' || strchr(tag, '/'))
		return sbx_err_set(err, -EINVAL, "journal",
				   "\"%s\" cannot name a campaign", tag);
	top = open(common_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return sbx_err_errno(err, -errno, "journal", "cannot open %s",
				     common_dir);
	r = enter_dir(top, "autoexp", create, &all, err);
	if (r == 0)
		r = enter_dir(all, tag, create, ret_fd, err);
	return r < 0 ? sbx_err_wrap(err, r, "in %s", common_dir) : 0;
}

/* Reading. */

static int damaged(struct sbx_err *err, const char *path, uint64_t line)
{
	return sbx_err_set(err, -EBADMSG, "journal",
			   "%s line %" PRIu64
			   " is damaged, and nothing was changed: `autoexp fsck` "
			   "says what can be mended",
			   path, line);
}

/* The sum of a format we do not know may be made differently, so look before judging it.
 */
static int check_format(const char *line, size_t n, const char *path, struct sbx_err *err)
{
	cleanup_json json_t *doc = NULL;
	uint64_t format;

	if (json_parse(line, n, path, &doc, NULL) < 0 ||
	    json_get_u64(doc, "format", &format, NULL) < 0 || format == JOURNAL_FORMAT)
		return 0;
	return sbx_err_set(
		err, -EPROTONOSUPPORT, "journal",
		"%s line 1: format %" PRIu64 " was written by another version of "
		"autoexp, this one knows format %d: use that version, or another tag",
		path, format, JOURNAL_FORMAT);
}

static int deliver(struct event_doc *doc, const char *line, size_t n, struct chain *chain,
		   journal_event_fn fn, void *user, struct sbx_err *err)
{
	int r;

	r = event_decode(line, n, doc, err);
	if (r < 0)
		return r;
	if (doc->ev.seq != ++chain->seq)
		return sbx_err_set(err, -EBADMSG, "journal",
				   "sequence number %" PRIu64 " where %" PRIu64
				   " belongs",
				   doc->ev.seq, chain->seq);
	if ((doc->ev.kind == JOURNAL_CREATE) != (chain->seq == 1))
		return sbx_err_set(err, -EBADMSG, "journal",
				   "\"create\" must be the first event and only that");
	return fn ? fn(&doc->ev, user, err) : 0;
}

static void note_torn(struct journal_info *info, uint64_t end, const char *path)
{
	info->torn = end - info->bytes;
	snprintf(info->notice, sizeof(info->notice),
		 "%s line %" PRIu64 " was cut short by a crash (%" PRIu64
		 " bytes) and is "
		 "dropped; what it announced had not begun",
		 path, info->lines + 1, info->torn);
}

static int bad_line(struct lines *in, const char *line, size_t n,
		    struct journal_info *info, const char *path, struct sbx_err *err)
{
	uint64_t end = in->offset;
	bool merged = chain_has_end_inside(line, n), last;
	int r;

	r = info->lines == 0 ? check_format(line, n, path, err) : 0;
	if (r < 0)
		return r;
	r = lines_at_end(in, &last);
	if (r < 0)
		return sbx_err_errno(err, r, "journal", "cannot read %s", path);
	if (info->lines == 0 || merged || !last)
		return damaged(err, path, info->lines + 1);
	note_torn(info, end, path);
	return 0;
}

static int scan(int fd, const char *path, journal_event_fn fn, void *user,
		struct chain *chain, struct journal_info *info, struct sbx_err *err)
{
	struct lines in = { .fd = fd };
	struct event_doc doc = { 0 };
	const char *line;
	bool ended;
	uint64_t sum;
	size_t n;
	int r;

	while ((r = lines_next(&in, &line, &n, &ended)) > 0) {
		if (!ended || !chain_follows(chain->sum, line, n, &sum)) {
			r = bad_line(&in, line, n, info, path, err);
			break;
		}
		r = deliver(&doc, line, n, chain, fn, user, err);
		if (r < 0) {
			r = sbx_err_wrap(err, r, "%s line %" PRIu64, path,
					 info->lines + 1);
			break;
		}
		chain->sum = sum;
		info->lines++;
		info->bytes = in.offset;
	}
	lines_done(&in);
	event_doc_done(&doc);
	if (r == -EMSGSIZE)
		return damaged(err, path, info->lines + 1);
	if (r == 0 && info->lines == 0)
		return sbx_err_set(
			err, -EBADMSG, "journal",
			"%s is empty: restore it from a backup, or remove it if no "
			"experiment was made under this tag",
			path);
	return r < 0 ? sbx_err_errno(err, r, "journal", "cannot read %s", path) : 0;
}

static int open_file(int dir_fd, int flags, const char *path, int *ret_fd,
		     struct sbx_err *err)
{
	cleanup_close int fd = -EBADF;
	struct stat st;

	fd = openat(dir_fd, JOURNAL_FILE, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "journal", "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return sbx_err_errno(err, -errno, "journal", "cannot look at %s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink > 1)
		return sbx_err_set(err, -EPERM, "journal",
				   "%s is not a plain file of yours with one name", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int journal_replay(int dir_fd, journal_event_fn fn, void *user,
		   struct journal_info *ret_info, struct sbx_err *err)
{
	struct journal_info info = { 0 };
	struct chain chain = CHAIN_INIT;
	cleanup_close int fd = -EBADF;
	char path[400];
	int r;

	name_file(dir_fd, path, sizeof(path));
	r = open_file(dir_fd, O_RDONLY, path, &fd, err);
	if (r == 0)
		r = scan(fd, path, fn, user, &chain, &info, err);
	if (r == 0 && ret_info)
		*ret_info = info;
	return r;
}

int journal_exists(int dir_fd, bool *ret, struct sbx_err *err)
{
	struct stat st;

	*ret = fstatat(dir_fd, JOURNAL_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*ret && errno != ENOENT)
		return sbx_err_errno(err, -errno, "journal",
				     "cannot look for the journal");
	return 0;
}

/* Writing. */

static struct journal *journal_new(int dir_fd)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->fd = -EBADF;
	j->chain = (struct chain)CHAIN_INIT;
	name_file(dir_fd, j->path, sizeof(j->path));
	return j;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	fd_close(j->fd);
	free(j);
}

int journal_open(int dir_fd, journal_event_fn fn, void *user, struct journal **ret,
		 struct journal_info *ret_info, struct sbx_err *err)
{
	cleanup_journal struct journal *j = journal_new(dir_fd);
	struct journal_info info = { 0 };
	int r;

	if (!j)
		return sbx_err_oom(err, "journal");
	r = open_file(dir_fd, O_RDWR | O_APPEND, j->path, &j->fd, err);
	if (r == 0)
		r = scan(j->fd, j->path, fn, user, &j->chain, &info, err);
	if (r < 0)
		return r;
	j->size = (off_t)info.bytes;
	if (info.torn && (ftruncate(j->fd, j->size) < 0 || fdatasync(j->fd) < 0))
		return sbx_err_errno(err, -errno, "journal",
				     "cannot cut the torn end of %s", j->path);
	if (ret_info)
		*ret_info = info;
	*ret = TAKE_PTR(j);
	return 0;
}

void journal_stamp(char out[static JOURNAL_TIME_SIZE])
{
	uint64_t us = clock_us(CLOCK_REALTIME);
	time_t s = (time_t)(us / USEC_PER_SEC);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(out, JOURNAL_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, JOURNAL_TIME_SIZE - n, ".%03uZ",
		 (unsigned)(us % USEC_PER_SEC / USEC_PER_MSEC));
}

/* The lines of @n events; @chain moves on. */
static int format_events(struct journal_event *ev, size_t n, struct chain *chain,
			 struct buf *out, struct sbx_err *err)
{
	size_t start;
	int r;

	for (size_t i = 0; i < n; i++) {
		ev[i].seq = chain->seq + 1;
		if (!*ev[i].time)
			journal_stamp(ev[i].time);
		start = out->len;
		r = event_encode(&ev[i], out, err);
		if (r < 0)
			return r;
		assert(out->len - start < LINES_MAX_BYTES);
		chain_close(chain, out, start);
	}
	return out->failed ? sbx_err_oom(err, "journal") : 0;
}

int journal_create(int dir_fd, struct journal_event *first, struct journal **ret,
		   struct sbx_err *err)
{
	cleanup_journal struct journal *j = journal_new(dir_fd);
	cleanup_buf struct buf line = BUF_INIT;
	bool exists;
	int r;

	assert(first->kind == JOURNAL_CREATE);
	if (!j)
		return sbx_err_oom(err, "journal");
	r = journal_exists(dir_fd, &exists, err);
	if (r < 0)
		return r;
	if (exists)
		return sbx_err_set(err, -EEXIST, "journal", "%s exists", j->path);
	r = format_events(first, 1, &j->chain, &line, err);
	if (r < 0)
		return r;
	r = file_replace(dir_fd, JOURNAL_FILE, line.data, line.len, 0600);
	if (r < 0)
		return sbx_err_errno(err, r, "journal", "cannot create %s", j->path);
	r = open_file(dir_fd, O_RDWR | O_APPEND, j->path, &j->fd, err);
	if (r < 0)
		return r;
	j->size = (off_t)line.len;
	*ret = TAKE_PTR(j);
	return 0;
}

/* Take back what was half written, so that readers see no torn line meanwhile. */
static int append_failed(struct journal *j, int code, struct sbx_err *err)
{
	j->broken = true;
	if (ftruncate(j->fd, j->size) == 0)
		fdatasync(j->fd);
	return sbx_err_set(err, code, "journal",
			   "cannot write %s: %s. Nothing recorded so far is lost%s",
			   j->path, strerrordesc_np(-code),
			   code == -EFBIG
				   ? ": raise the file size limit (ulimit -f), then "
				     "start the same command again"
				   : "");
}

int journal_append(struct journal *j, struct journal_event *ev, size_t n,
		   struct sbx_err *err)
{
	cleanup_buf struct buf lines = BUF_INIT;
	struct chain chain = j->chain;
	struct stat st;
	int r;

	if (j->broken)
		return sbx_err_set(
			err, -EIO, "journal",
			"%s could not be written before and takes no further events",
			j->path);
	r = format_events(ev, n, &chain, &lines, err);
	if (r < 0)
		return r;
	if (fstat(j->fd, &st) < 0 || st.st_size != j->size || st.st_nlink == 0) {
		j->broken = true;
		return sbx_err_set(
			err, -ESTALE, "journal",
			"%s was changed or removed by another program while this one "
			"was using it; nothing was written",
			j->path);
	}
	r = fd_write_all(j->fd, lines.data, lines.len);
	if (r == 0 && fdatasync(j->fd) < 0)
		r = -errno;
	if (r < 0)
		return append_failed(j, r, err);
	j->chain = chain;
	j->size += (off_t)lines.len;
	return 0;
}
