/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The list of what a checkout consists of. With an odd first byte the input changes bytes
 * of a genuine list of a genuine folder, else it is the list. A damaged list is a missing
 * one; it never makes a changed folder look right.
 */

#include <fcntl.h>
#include <git2.h>

#include "base/strv.h"
#include "fuzz.h"
#include "repo/manifest.h"

#define KEY      "0123456789abcdef0123456789abcdef01234567 train.py"
#define CHECKOUT "checkout"
#define LIST     CHECKOUT ".manifest"
/* Of "hello\n". */
#define BLOB     "ce013625030ba8dba906f756967f9e9ca394464a"

static void put_file(const char *name, const char *text)
{
	cleanup_close int fd =
		openat(fuzz_dir(), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	HOLDS(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void list(struct manifest *m, const char *path, uint64_t size, const char *blob)
{
	struct stat st;
	char full[64];

	snprintf(full, sizeof(full), CHECKOUT "/%s", path);
	HOLDS(fstatat(fuzz_dir(), full, &st, AT_SYMLINK_NOFOLLOW) == 0);
	manifest_put(m, blob ? MANIFEST_FILE : MANIFEST_DIR, &st,
		     blob ? (uint64_t)st.st_size : size, blob, path);
}

/* A folder with a file and a folder with a file; its list is kept as it is at first. */
static const struct buf *genuine(const char *path)
{
	static struct buf text = BUF_INIT;
	cleanup_manifest struct manifest m = { 0 };

	if (text.len)
		return &text;
	git_libgit2_init();
	HOLDS(mkdirat(fuzz_dir(), CHECKOUT, 0700) == 0);
	HOLDS(mkdirat(fuzz_dir(), CHECKOUT "/sub", 0700) == 0);
	put_file(CHECKOUT "/a", "hello\n");
	put_file(CHECKOUT "/sub/b", "hello\n");
	HOLDS(manifest_begin(&m, path, KEY, NULL) == 0);
	list(&m, ".", 2, NULL);
	list(&m, "a", 0, BLOB);
	list(&m, "sub", 1, NULL);
	list(&m, "sub/b", 0, BLOB);
	HOLDS(manifest_end(&m, NULL) == 0);
	HOLDS(fuzz_get(LIST, &text));
	return &text;
}

/* Pairs of position and byte; a pair beyond the end cuts. */
static void mutate(struct fuzz_input *in, const struct buf *from, struct buf *to)
{
	buf_add(to, from->data, from->len);
	while (in->n >= 3) {
		size_t at = fuzz_byte(in) * 256U + fuzz_byte(in);

		if (at < to->len)
			to->data[at] = (char)fuzz_byte(in);
		else
			to->len = to->len ? to->len - 1 - fuzz_byte(in) % to->len : 0;
	}
}

static void check(const char *path, const struct buf *text, const struct buf *first)
{
	cleanup_free char *what = NULL;
	struct sbx_err err = { 0 };
	int r;

	fuzz_put(LIST, text->data, text->len);
	r = manifest_verify(path, KEY, &what, &err);
	if (r < 0) {
		fuzz_check_err(r, &err);
		HOLDS(!what);
		return;
	}
	HOLDS(!what || (*what && fuzz_is_line(what)));
	if (text->len == first->len && memcmp(text->data, first->data, first->len) == 0)
		HOLDS(!what);
}

/* With the genuine list, a file that changed is found. */
static void check_change(const char *path, const struct buf *first)
{
	cleanup_free char *what = NULL;

	put_file(CHECKOUT "/extra", "");
	fuzz_put(LIST, first->data, first->len);
	HOLDS(manifest_verify(path, KEY, &what, NULL) == 0);
	HOLDS(what);
	HOLDS(unlinkat(fuzz_dir(), CHECKOUT "/extra", 0) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	cleanup_buf struct buf text = BUF_INIT;
	const struct buf *first;
	char path[128];

	snprintf(path, sizeof(path), "%s/" CHECKOUT, fuzz_dir_path());
	first = genuine(path);
	if (fuzz_byte(&in) & 1)
		mutate(&in, first, &text);
	else
		buf_add(&text, in.data, in.n);
	check(path, &text, first);
	if (size < 2)
		check_change(path, first);
	return 0;
}
