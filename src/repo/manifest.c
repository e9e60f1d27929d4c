/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/manifest.h"

/*
 * The manifest stands beside the checkout, where no box can see it:
 *
 *	autoexp-checkout 1 <boot> <key>\n
 *	<type> <mode> <blob> <inode> <size> <mtime> <ctime> <path>\0     once per name
 *	e <number of records>\0
 *
 * Numbers have a fixed width, so that the identity of a file can be renewed in place. A
 *file whose identity is the recorded one has the recorded content: a change sets ctime to
 *the kernel's clock, and nothing sets it back. The clock has ticks of up to 10 ms;
 *whoever makes a manifest lets one pass before anything else can run (worktree.c), and an
 *identity younger than that is never recorded here.
 *
 * Nothing here is synced. A power loss may leave files with the right identity and
 *without their content, so that an identity counts only in the boot it was recorded in;
 *in another one everything is read once.
 *
 * A directory whose identity is the recorded one has the recorded names. Otherwise its
 *names are counted: as each recorded name is looked at on its own, a number that fits
 *leaves no room for an extra one.
 *
 * Reading goes record by record: a large repository costs time, not memory.
 */

#include <dirent.h>
#include <fcntl.h>
#include <git2.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/strv.h"

#define MAGIC        "autoexp-checkout 1 "
#define BOOT_AT      (sizeof(MAGIC) - 1)
#define BOOT_LEN     36
#define BOOT_UNKNOWN "------------------------------------"
#define FRESH_NS     (20 * 1000 * 1000LL)
#define NO_BLOB      "0000000000000000000000000000000000000000"

#define ID_FORMAT "%016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64
#define ID_SCAN   "%16" SCNx64 " %16" SCNx64 " %16" SCNx64 " %16" SCNx64
#define ID_AT     48 /* behind "f 0644 <blob> " */
#define ID_LEN    (4 * 16 + 3)

struct identity {
	uint64_t ino, size, mtime, ctime;
};

struct record {
	char type;
	unsigned mode;
	char blob[COMMIT_HEX + 1];
	struct identity id;
	const char *path;
	off_t at; /* of the record in the file */
};

struct check {
	int dir_fd;
	FILE *in;
	off_t at; /* of the next record; asking the stream would be a system call each */
	char *file;
	char *line;
	size_t cap;
	char *what;
	char boot[BOOT_LEN + 1]; /* this one */
	bool other_boot;         /* the manifest is from another one */
};

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct identity identity_of(const struct stat *st, uint64_t size)
{
	return (struct identity){ .ino = st->st_ino,
				  .size = size,
				  .mtime = (uint64_t)ns_of(st->st_mtim),
				  .ctime = (uint64_t)ns_of(st->st_ctim) };
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
	return a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

/* Where it cannot be read, no identity will ever count. */
static void read_boot(char ret[static BOOT_LEN + 1])
{
	cleanup_buf struct buf text = BUF_INIT;

	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 0, 64, &text) < 0 ||
	    text.len < BOOT_LEN)
		buf_puts(&text, BOOT_UNKNOWN);
	snprintf(ret, BOOT_LEN + 1, "%s", buf_str(&text));
}

int manifest_begin(struct manifest *m, const char *dir, const char *key,
		   struct sbx_err *err)
{
	cleanup_free char *tmp = str_printf("%s.manifest.tmp", dir);
	char boot[BOOT_LEN + 1];

	*m = (struct manifest){ .path = str_printf("%s.manifest", dir) };
	if (!tmp || !m->path)
		return sbx_err_oom(err, "checkout");
	m->out = fopen(tmp, "we");
	if (!m->out || fchmod(fileno(m->out), 0600) < 0)
		return sbx_err_errno(err, -errno, "checkout", "cannot write %s", tmp);
	read_boot(boot);
	m->failed = fprintf(m->out, MAGIC "%s %s\n", boot, key) < 0;
	return 0;
}

void manifest_put(struct manifest *m, enum manifest_type type, const struct stat *st,
		  uint64_t size, const char *blob, const char *path)
{
	struct identity id = identity_of(st, size);

	m->failed |= fprintf(m->out, "%c %04o %s " ID_FORMAT " %s%c", type,
			     st->st_mode & 07777, blob ? blob : NO_BLOB, id.ino, id.size,
			     id.mtime, id.ctime, path, '\0') < 0;
	m->files += type != MANIFEST_DIR;
	m->records++;
}

int manifest_end(struct manifest *m, struct sbx_err *err)
{
	cleanup_free char *tmp = str_printf("%s.tmp", m->path);

	if (!tmp)
		return sbx_err_oom(err, "checkout");
	m->failed |= fprintf(m->out, "e %" PRIu64 "%c", m->records, '\0') < 0;
	m->failed |= fflush(m->out) != 0;
	if (m->failed)
		return sbx_err_errno(err, errno ? -errno : -EIO, "checkout",
				     "cannot write %s", tmp);
	if (rename(tmp, m->path) < 0)
		return sbx_err_errno(err, -errno, "checkout", "cannot rename %s", tmp);
	return 0;
}

void manifest_done(struct manifest *m)
{
	if (m->out)
		fclose(m->out);
	free(m->path);
	*m = (struct manifest){ 0 };
}

static void check_done(struct check *c)
{
	fd_close(c->dir_fd);
	if (c->in)
		fclose(c->in);
	free(c->file);
	free(c->line);
	free(c->what);
}

/* Record the first difference. Names may be a candidate's work: no control bytes get out.
 */
static int differs(struct check *c, const char *path, const char *how)
{
	c->what = str_printf("%s %s", path, how);
	if (!c->what)
		return -ENOMEM;
	for (char *p = c->what; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return 0;
}

static int hash_file(struct check *c, const struct record *rec, git_oid *ret)
{
	cleanup_close int fd = -EBADF;
	char proc[32];

	fd = openat(c->dir_fd, rec->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	errno = 0;
	if (git_odb_hashfile(ret, proc, GIT_OBJECT_BLOB) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

static int hash_link(struct check *c, const struct record *rec, git_oid *ret)
{
	char target[PATH_MAX];
	ssize_t n;

	n = readlinkat(c->dir_fd, rec->path, target, sizeof(target));
	if (n < 0)
		return -errno;
	return git_odb_hash(ret, target, (size_t)n, GIT_OBJECT_BLOB) < 0 ? -EIO : 0;
}

static int check_content(struct check *c, const struct record *rec)
{
	char hex[COMMIT_HEX + 1];
	git_oid id;
	int r;

	r = rec->type == MANIFEST_LINK ? hash_link(c, rec, &id) : hash_file(c, rec, &id);
	if (r < 0)
		return r;
	git_oid_tostr(hex, sizeof(hex), &id);
	return streq(hex, rec->blob) ? 0 : differs(c, rec->path, "has another content");
}

/* Into the line. Return: how many bytes; -EINVAL at the end; other negative errno */
static ssize_t read_to(struct check *c, char end)
{
	ssize_t n;

	errno = 0;
	n = getdelim(&c->line, &c->cap, end, c->in);
	return n >= 0 ? n : errno ? -errno : -EINVAL;
}

/* Where reading starts again after the header. */
static int rewind_records(struct check *c)
{
	if (fseek(c->in, 0, SEEK_SET) < 0)
		return -errno;
	return (c->at = read_to(c, '\n')) < 0 ? (int)c->at : 0;
}

/* Return: 1 with a record; 0 behind the last, complete one; -EINVAL for a damaged file */
static int next_record(struct check *c, struct record *ret, uint64_t *n)
{
	const off_t at = c->at;
	uint64_t end;
	int path_at = 0;
	ssize_t len;

	len = read_to(c, '\0');
	if (len < 0)
		return (int)len;
	c->at += len;
	if (sscanf(c->line, "e %" SCNu64, &end) == 1)
		return end == *n ? 0 : -EINVAL;
	*ret = (struct record){ .at = at };
	if (sscanf(c->line, "%c %o %40s " ID_SCAN "%n", &ret->type, &ret->mode, ret->blob,
		   &ret->id.ino, &ret->id.size, &ret->id.mtime, &ret->id.ctime,
		   &path_at) != 7 ||
	    path_at != ID_AT + ID_LEN || c->line[path_at] != ' ')
		return -EINVAL;
	ret->path = c->line + path_at + 1;
	++*n;
	return 1;
}

/* Is @name recorded directly below @dir ("." or a path)? Slow, for the message only. */
static int is_recorded(struct check *c, const char *dir, const char *name)
{
	cleanup_free char *path = NULL;
	struct record rec;
	uint64_t n = 0;
	int r;

	path = streq(dir, ".") ? strdup(name) : str_printf("%s/%s", dir, name);
	if (!path)
		return -ENOMEM;
	r = rewind_records(c);
	while (r == 0 && (r = next_record(c, &rec, &n)) > 0) {
		if (streq(rec.path, path))
			return 1;
		r = 0;
	}
	return r;
}

static int name_extra(struct check *c, const char *dir, DIR *d)
{
	struct dirent *e;
	int r;

	rewinddir(d);
	while ((errno = 0, e = readdir(d))) {
		cleanup_free char *path = NULL;

		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		r = is_recorded(c, dir, e->d_name);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		path = streq(dir, ".") ? strdup(e->d_name)
				       : str_printf("%s/%s", dir, e->d_name);
		return path ? differs(c, path, "is not part of the commit") : -ENOMEM;
	}
	return errno ? -errno : differs(c, dir, "changed while it was read");
}

static int check_names(struct check *c, const struct record *rec)
{
	cleanup_closedir DIR *d = NULL;
	cleanup_free char *dir = NULL;
	struct dirent *e;
	uint64_t n = 0;
	int fd;

	fd = openat(c->dir_fd, rec->path,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return -errno;
	}
	while ((errno = 0, e = readdir(d)))
		n += !streq(e->d_name, ".") && !streq(e->d_name, "..");
	if (errno)
		return -errno;
	if (n == rec->id.size)
		return 0;
	dir = strdup(rec->path); /* the line is read over */
	return dir ? name_extra(c, dir, d) : -ENOMEM;
}

static int put(struct check *c, const char *text, size_t n, off_t at)
{
	ssize_t w = pwrite(fileno(c->in), text, n, at);

	return w < 0 ? -errno : (size_t)w == n ? 0 : -EIO;
}

/*
 * Content was found right under another identity (a copied repository, a hard link made
 * and removed): spare the next reading. A crash in the middle costs one more reading.
 */
static int renew(struct check *c, const struct record *rec, const struct identity *id)
{
	char text[ID_LEN + 1];
	int64_t now = (int64_t)clock_us(CLOCK_REALTIME) * 1000;

	if ((int64_t)id->ctime > now - FRESH_NS)
		return 0;
	snprintf(text, sizeof(text), ID_FORMAT, id->ino, id->size, id->mtime, id->ctime);
	return put(c, text, ID_LEN, rec->at + ID_AT);
}

static char type_of(mode_t mode)
{
	return S_ISREG(mode)   ? MANIFEST_FILE
	       : S_ISLNK(mode) ? MANIFEST_LINK
	       : S_ISDIR(mode) ? MANIFEST_DIR
			       : '?';
}

static int check_record(struct check *c, const struct record *rec)
{
	struct identity now;
	struct stat st;
	int r;

	if (fstatat(c->dir_fd, rec->path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return -errno;
		return differs(c, rec->path, "is missing");
	}
	if (type_of(st.st_mode) != rec->type)
		return differs(c, rec->path, "is of another type");
	if ((st.st_mode & 07777) != rec->mode)
		return differs(c, rec->path, "has other permissions");
	now = identity_of(&st, rec->type == MANIFEST_DIR ? rec->id.size
							 : (uint64_t)st.st_size);
	if (same_identity(&now, &rec->id) && !c->other_boot)
		return 0;
	r = rec->type == MANIFEST_DIR ? check_names(c, rec) : check_content(c, rec);
	return r == 0 && !c->what ? renew(c, rec, &now) : r;
}

/* Return: 0; -ENOENT where there is none or it is of another key */
static int check_open(struct check *c, const char *dir, const char *key)
{
	const char *rest;

	c->file = str_printf("%s.manifest", dir);
	if (!c->file)
		return -ENOMEM;
	c->in = fopen(c->file, "r+e");
	if (!c->in)
		return -errno;
	c->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->dir_fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
	c->at = read_to(c, '\n');
	if (c->at < 0)
		return c->at == -EINVAL ? -ENOENT : (int)c->at;
	if (strlen(c->line) < BOOT_AT + BOOT_LEN + 1 || !str_after(c->line, MAGIC))
		return -ENOENT;
	read_boot(c->boot);
	c->other_boot =
		streq(c->boot, BOOT_UNKNOWN) || !str_after(c->line + BOOT_AT, c->boot);
	rest = str_after(c->line + BOOT_AT + BOOT_LEN + 1, key);
	return rest && (*rest == ' ' || *rest == '\n') ? 0 : -ENOENT;
}

/* Everything was read and is right: from now on identities count in this boot. */
static int renew_boot(struct check *c)
{
	return put(c, c->boot, BOOT_LEN, BOOT_AT);
}

int manifest_verify(const char *dir, const char *key, char **ret_what,
		    struct sbx_err *err)
{
	cleanup(check_done) struct check c = { .dir_fd = -EBADF };
	struct record rec;
	uint64_t n = 0;
	int r;

	r = check_open(&c, dir, key);
	if (r == -ENOENT)
		return sbx_err_set(err, r, "checkout",
				   "there is no complete checkout in %s", dir);
	if (r < 0)
		return sbx_err_errno(err, r, "checkout", "cannot open the checkout %s",
				     dir);
	while ((r = next_record(&c, &rec, &n)) > 0) {
		r = check_record(&c, &rec);
		if (r < 0 || c.what)
			break;
	}
	if (r == 0 && !c.what && c.other_boot)
		r = renew_boot(&c);
	if (r == -EINVAL)
		return sbx_err_set(err, -ENOENT, "checkout", "%s is damaged", c.file);
	if (r < 0)
		return sbx_err_errno(err, r, "checkout", "cannot verify the checkout %s",
				     dir);
	*ret_what = TAKE_PTR(c.what);
	return 0;
}
