/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Whole files, atomic replacement, and the removal of hostile trees.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

/* A fresh directory to work in: its descriptor. */
struct place {
	char path[64];
	int fd;
};

static int set_up(void **state)
{
	static struct place p;

	p = (struct place){ .path = "/tmp/autoexp-file-XXXXXX", .fd = -EBADF };
	if (!mkdtemp(p.path))
		return -1;
	p.fd = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &p;
	return p.fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	p->fd = fd_close(p->fd);
	return dir_remove(AT_FDCWD, p->path);
}

static int dir_of(void **state)
{
	return ((struct place *)*state)->fd;
}

static void assert_content(int dir_fd, const char *path, const char *text)
{
	cleanup_buf struct buf b = BUF_INIT;

	assert_int_equal(file_read(dir_fd, path, 0, 1 << 20, &b), 0);
	assert_string_equal(buf_str(&b), text);
}

static void replaced_files_are_new_files(void **state)
{
	int dir = dir_of(state);
	struct stat before, after;

	assert_int_equal(file_replace(dir, "a", "one", 3, 0640), 0);
	assert_content(dir, "a", "one");
	assert_int_equal(fstatat(dir, "a", &before, 0), 0);
	assert_int_equal(before.st_mode & 07777, 0640);
	assert_int_equal(file_replace(dir, "a", "", 0, 0600), 0);
	assert_content(dir, "a", "");
	assert_int_equal(fstatat(dir, "a", &after, 0), 0);
	assert_int_equal(after.st_mode & 07777, 0600);
	assert_int_not_equal(after.st_ino, before.st_ino);
	assert_int_equal(faccessat(dir, "a.tmp~", F_OK, 0), -1);
}

/* What a crash has left, or a hostile link at either name, is replaced and never followed. */
static void replacing_follows_no_link(void **state)
{
	int dir = dir_of(state);

	assert_int_equal(file_replace(dir, "precious", "keep", 4, 0600), 0);
	assert_int_equal(symlinkat("precious", dir, "a"), 0);
	assert_int_equal(symlinkat("precious", dir, "a.tmp~"), 0);
	assert_int_equal(file_replace(dir, "a", "new", 3, 0600), 0);
	assert_content(dir, "precious", "keep");
	assert_content(dir, "a", "new");
	assert_int_equal(readlinkat(dir, "a", (char[8]){ 0 }, 8), -1);
}

/* In a folder of the user's own a neighbour may have any name, and the file any owner. */
static void replacing_a_users_file_spares_its_neighbours(void **state)
{
	int dir = dir_of(state);
	struct stat like = { 0 }, now;

	assert_int_equal(file_replace(dir, "a", "old", 3, 0640), 0);
	assert_int_equal(file_replace(dir, "a.tmp~", "mine", 4, 0600), 0);
	assert_int_equal(file_replace(dir, "a.tmp~0", "mine too", 8, 0600), 0);
	if (geteuid() == 0)
		assert_int_equal(fchownat(dir, "a", 12345, 54321, 0), 0);
	assert_int_equal(fstatat(dir, "a", &like, 0), 0);
	assert_int_equal(file_replace_theirs(dir, "a", "new", 3, &like), 0);
	assert_content(dir, "a", "new");
	assert_content(dir, "a.tmp~", "mine");
	assert_content(dir, "a.tmp~0", "mine too");
	assert_int_equal(faccessat(dir, "a.tmp~1", F_OK, 0), -1);
	assert_int_equal(fstatat(dir, "a", &now, 0), 0);
	assert_int_equal(now.st_mode, like.st_mode);
	assert_int_equal(now.st_uid, like.st_uid);
	assert_int_equal(now.st_gid, like.st_gid);
}

static void a_failed_replacement_leaves_the_old_file_alone(void **state)
{
	int dir = dir_of(state);

	assert_int_equal(mkdirat(dir, "folder", 0700), 0);
	assert_int_equal(file_replace(dir, "folder", "x", 1, 0600), -EISDIR);
	assert_int_equal(faccessat(dir, "folder.tmp~", F_OK, 0), -1);
	assert_int_equal(file_replace(dir, "none/a", "x", 1, 0600), -ENOENT);
}

static void reading_is_bounded_and_never_blocks(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;
	int dir = dir_of(state);

	assert_int_equal(file_replace(dir, "a", "12345", 5, 0600), 0);
	assert_int_equal(file_read(dir, "a", 0, 5, &b), 0);
	assert_int_equal(file_read(dir, "a", 0, 4, &b), -EFBIG);
	assert_int_equal(file_read(dir, "none", 0, 5, &b), -ENOENT);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(file_read(dir, "fifo", 0, 5, &b), -EINVAL);
	assert_int_equal(mkdirat(dir, "folder", 0700), 0);
	assert_int_equal(file_read(dir, "folder", 0, 5, &b), -EISDIR);
	assert_int_equal(symlinkat("a", dir, "link"), 0);
	assert_int_equal(file_read(dir, "link", O_NOFOLLOW, 5, &b), -ELOOP);
	buf_clear(&b);
	assert_int_equal(file_read(dir, "link", 0, 5, &b), 0);
	assert_string_equal(buf_str(&b), "12345");
	buf_clear(&b);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/comm", 0, 64, &b), 0);
	assert_true(b.len > 0);
}

static void an_empty_file_is_an_empty_text(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;

	assert_int_equal(file_replace(dir_of(state), "a", "", 0, 0600), 0);
	assert_int_equal(file_read(dir_of(state), "a", 0, 0, &b), 0);
	assert_non_null(b.data);
	assert_int_equal(b.len, 0);
}

static void writing_needs_the_file_and_does_not_cut_it(void **state)
{
	int dir = dir_of(state);

	assert_int_equal(file_write(dir, "none", "x"), -ENOENT);
	assert_int_equal(file_replace(dir, "a", "12345", 5, 0600), 0);
	assert_int_equal(file_write(dir, "a", "xy"), 0);
	assert_content(dir, "a", "xy345");
	assert_int_equal(file_write(AT_FDCWD, "/proc/self/oom_score_adj", "nonsense"),
			 -EINVAL);
}

static void directories_are_made_with_their_parents(void **state)
{
	int dir = dir_of(state);

	assert_int_equal(dir_make(dir, "a/b/c", 0755), 0);
	assert_int_equal(dir_make(dir, "a/b/c", 0755), 0);
	assert_int_equal(faccessat(dir, "a/b/c", X_OK, 0), 0);
	assert_int_equal(file_replace(dir, "a/file", "x", 1, 0600), 0);
	assert_int_equal(dir_make(dir, "a/file/d", 0755), -ENOTDIR);
}

/* Deeper than any path, and than any stack a walk with recursion has. */
static void a_tree_without_bottom_is_removed(void **state)
{
	int dir = dir_of(state);
	cleanup_close int fd = dup(dir);

	for (int i = 0; i < 5000; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		fd_close(fd);
		fd = next;
	}
	assert_int_equal(file_replace(fd, "leaf", "x", 1, 0600), 0);
	assert_int_equal(dir_remove(dir, "d"), 0);
	assert_int_equal(faccessat(dir, "d", F_OK, 0), -1);
}

static void removal_follows_no_link(void **state)
{
	static const char *const names[] = { "-rf",      "a\nb", "\033[31m",
					     "\xff\xfe", " ",    "*" };
	int dir = dir_of(state);

	assert_int_equal(dir_make(dir, "keep", 0700), 0);
	assert_int_equal(file_replace(dir, "keep/file", "x", 1, 0600), 0);
	assert_int_equal(dir_make(dir, "tree/sub", 0700), 0);
	assert_int_equal(symlinkat("../keep", dir, "tree/link"), 0);
	assert_int_equal(symlinkat("/", dir, "tree/sub/root"), 0);
	assert_int_equal(mkfifoat(dir, "tree/fifo", 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "tree/sub/%s", names[i]);
		assert_int_equal(mkdirat(dir, path, 0700), 0);
	}
	assert_int_equal(dir_remove(dir, "tree"), 0);
	assert_int_equal(faccessat(dir, "tree", F_OK, 0), -1);
	assert_content(dir, "keep/file", "x");

	assert_int_equal(symlinkat("keep", dir, "link"), 0);
	assert_int_equal(dir_remove(dir, "link"), 0);
	assert_content(dir, "keep/file", "x");
	assert_int_equal(dir_remove(dir, "not there"), 0);
}

static void many_siblings_are_removed(void **state)
{
	int dir = dir_of(state);
	char path[64];

	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "tree/%d/x", i);
		assert_int_equal(dir_make(dir, path, 0700), 0);
		snprintf(path, sizeof(path), "tree/%d/file", i);
		assert_int_equal(file_write(dir, path, "") == -ENOENT, 1);
	}
	assert_int_equal(dir_remove(dir, "tree"), 0);
	assert_int_equal(faccessat(dir, "tree", F_OK, 0), -1);
}

static void descriptors_are_closed_on_exec(void **state)
{
	int r = -EBADF, w = -EBADF;

	(void)state;
	assert_int_equal(fd_pipe(&r, &w), 0);
	assert_int_equal(fcntl(r, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(w, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_nonblock(r, true), 0);
	assert_true(fcntl(r, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_nonblock(r, false), 0);
	assert_false(fcntl(r, F_GETFL) & O_NONBLOCK);
	errno = EDOM;
	r = fd_close(r);
	assert_int_equal(r, -EBADF);
	assert_int_equal(fd_close(r), -EBADF);
	assert_int_equal(errno, EDOM);
	fd_close(w);
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(replaced_files_are_new_files),
		IN_PLACE(replacing_follows_no_link),
		IN_PLACE(replacing_a_users_file_spares_its_neighbours),
		IN_PLACE(a_failed_replacement_leaves_the_old_file_alone),
		IN_PLACE(reading_is_bounded_and_never_blocks),
		IN_PLACE(an_empty_file_is_an_empty_text),
		IN_PLACE(writing_needs_the_file_and_does_not_cut_it),
		IN_PLACE(directories_are_made_with_their_parents),
		IN_PLACE(a_tree_without_bottom_is_removed),
		IN_PLACE(removal_follows_no_link),
		IN_PLACE(many_siblings_are_removed),
		cmocka_unit_test(descriptors_are_closed_on_exec),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
