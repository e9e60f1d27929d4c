/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

void fuzz_broken(const char *file, int line, const char *property)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
	abort();
}

unsigned fuzz_byte(struct fuzz_input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->data++;
}

static char *without_nuls(const uint8_t *data, size_t n)
{
	char *s = malloc(n + 1);
	size_t len = 0;

	HOLDS(s);
	for (size_t i = 0; i < n; i++)
		if (data[i])
			s[len++] = (char)data[i];
	s[len] = '\0';
	return s;
}

char *fuzz_text(struct fuzz_input *in, char mark)
{
	const uint8_t *end = in->n ? memchr(in->data, mark, in->n) : NULL;
	size_t n = end ? (size_t)(end - in->data) : in->n;
	char *s = without_nuls(in->data, n);

	n += end ? 1 : 0;
	in->data += n;
	in->n -= n;
	return s;
}

char *fuzz_rest(struct fuzz_input *in)
{
	char *s = without_nuls(in->data, in->n);

	in->data += in->n;
	in->n = 0;
	return s;
}

/* --- properties --- */

/* The table 3-7 of the Unicode standard: which second bytes a first byte may have. */
static size_t sequence(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t len;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		if (forms[i].len > n)
			return 0;
		if (forms[i].len > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if (s[k] < 0x80 || s[k] > 0xbf)
				return 0;
		return forms[i].len;
	}
	return 0;
}

bool fuzz_is_utf8(const char *s, size_t n)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		len = sequence((const unsigned char *)s + i, n - i);
		if (!len)
			return false;
	}
	return true;
}

bool fuzz_is_line(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			return false;
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			return false;
	}
	return true;
}

bool fuzz_is_clean_path(const char *s)
{
	size_t n;

	if (strcmp(s, ".") == 0 || strcmp(s, "/") == 0)
		return true;
	if (*s == '/')
		s++;
	for (;; s += n + 1) {
		n = strcspn(s, "/");
		if (n == 0 || (n == 1 && s[0] == '.') ||
		    (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		if (!s[n])
			return true;
	}
}

void fuzz_check_err(int r, const struct sbx_err *err)
{
	HOLDS(r < 0);
	HOLDS(err->code < 0);
	HOLDS(memchr(err->msg, '\0', sizeof(err->msg)));
	HOLDS(*err->msg && fuzz_is_line(err->msg));
	HOLDS(*err->stage && memchr(err->stage, '\0', sizeof(err->stage)));
}

/* --- files --- */

static char dir_path[64];
static int dir_fd = -EBADF;

static void forget_dir(void)
{
	dir_fd = fd_close(dir_fd);
	dir_remove(AT_FDCWD, dir_path);
}

/* In memory where that can be: the journal's syncs would wait for a disk. */
int fuzz_dir(void)
{
	if (dir_fd >= 0)
		return dir_fd;
	snprintf(dir_path, sizeof(dir_path), "%s/autoexp-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	HOLDS(mkdtemp(dir_path));
	dir_fd = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HOLDS(dir_fd >= 0);
	atexit(forget_dir);
	return dir_fd;
}

const char *fuzz_dir_path(void)
{
	fuzz_dir();
	return dir_path;
}

void fuzz_put(const char *name, const void *data, size_t n)
{
	cleanup_close int fd = -EBADF;

	unlinkat(fuzz_dir(), name, 0);
	fd = openat(fuzz_dir(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	HOLDS(fd >= 0);
	HOLDS(fd_write_all(fd, data, n) == 0);
}

bool fuzz_get(const char *name, struct buf *ret)
{
	int r = file_read(fuzz_dir(), name, O_NOFOLLOW, SIZE_MAX / 4, ret);

	HOLDS(r == 0 || r == -ENOENT);
	return r == 0;
}
