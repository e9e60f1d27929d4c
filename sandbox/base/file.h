/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Files and descriptors: whole reads and writes, atomic replacement, synced appends, and
 * opening without following links. Descriptors are close-on-exec from birth.
 */

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Every byte or an error; EINTR is retried. */
int fd_write_all(int fd, const void *data, size_t n);

/**
 * fd_read_all() - read to the end
 * @max:  a longer file is -EFBIG
 */
int fd_read_all(int fd, size_t max, struct buf *ret);

/**
 * file_read() - a whole file as text with a NUL behind it
 * @dir_fd:  directory or AT_FDCWD
 * @flags:   further flags for openat(), O_NOFOLLOW for example
 * @max:     a longer file is -EFBIG
 * @ret:     appended to
 *
 * Does not block on a FIFO. Return: 0; -EISDIR; -EINVAL where it is no regular file (files
 * of proc, sys and cgroup are regular); negative errno
 */
int file_read(int dir_fd, const char *path, int flags, size_t max, struct buf *ret);

/**
 * file_write() - open, write once, close: for proc, sys and cgroup files
 *
 * Return: 0; negative errno of open or write
 */
int file_write(int dir_fd, const char *path, const char *text);

/**
 * file_replace() - put new content in place of a file, all or nothing
 * @dir_fd:  directory or AT_FDCWD
 * @path:    written as "<path>.tmp~", synced, renamed, directory synced; after a crash the
 *           old or the new content is there, never a mixture. A link at @path is replaced,
 *           not followed
 * @mode:    permission bits of the new file
 */
int file_replace(int dir_fd, const char *path, const void *data, size_t n, mode_t mode);

/**
 * file_replace_theirs() - the same for a file of somebody else's folder
 * @like:  the file that is replaced: its permissions and, as root, its owner are kept
 *
 * A neighbour that happens to be called "<path>.tmp~" is left alone; another name is taken.
 */
int file_replace_theirs(int dir_fd, const char *path, const void *data, size_t n,
			const struct stat *like);

/* fsync() the directory that holds @path. */
int file_sync_parent(int dir_fd, const char *path);

/* mkdir -p; the last part may exist. Return: 0; negative errno */
int dir_make(int dir_fd, const char *path, mode_t mode);

/**
 * dir_remove() - delete a tree, without recursion and without following links
 * @path:  a missing one is fine
 */
int dir_remove(int dir_fd, const char *path);

/* pipe2(O_CLOEXEC); on failure both stay empty. */
int fd_pipe(int *ret_read, int *ret_write);

/* Set or clear O_NONBLOCK. */
int fd_nonblock(int fd, bool on);
