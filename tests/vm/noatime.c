/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into virtiofsd where an ordinary user runs it. Overlayfs in the guest opens
 * files with O_NOATIME, virtiofsd passes the flag on, and the kernel grants it to a file's
 * owner only: not one file of the system could be read. Here the flag is dropped.
 *
 * virtiofsd opens with openat() alone, which has these names in the C library, depending
 * on file offsets and on _FORTIFY_SOURCE.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOATIME 01000000

static int plain_openat(int dir_fd, const char *path, int flags, unsigned int mode)
{
	return (int)syscall(SYS_openat, dir_fd, path, flags & ~NOATIME, mode);
}

/* The mode is there only with O_CREAT; read without it, it is unused by the kernel. */
#define OPENAT(name)                                                                     \
	int name(int dir_fd, const char *path, int flags, ...);                          \
	int name(int dir_fd, const char *path, int flags, ...)                           \
	{                                                                                \
		va_list args;                                                            \
		unsigned int mode;                                                       \
                                                                                         \
		va_start(args, flags);                                                   \
		mode = va_arg(args, unsigned int);                                       \
		va_end(args);                                                            \
		return plain_openat(dir_fd, path, flags, mode);                          \
	}

#define OPENAT_CHECKED(name)                                                             \
	int name(int dir_fd, const char *path, int flags);                               \
	int name(int dir_fd, const char *path, int flags)                                \
	{                                                                                \
		return plain_openat(dir_fd, path, flags, 0);                             \
	}

OPENAT(openat)
OPENAT(openat64)
OPENAT_CHECKED(__openat_2)
OPENAT_CHECKED(__openat64_2)
