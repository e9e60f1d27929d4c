/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Owners release what they hold when they go out of scope: declare them with one of the
 * attributes below and hand them out with TAKE_PTR or TAKE_FD. An empty descriptor is
 * -EBADF. Every helper keeps errno.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(f) __attribute__((__cleanup__(f)))

#define TAKE_PTR(p)                     \
	({                              \
		__typeof__(p) _p = (p); \
		(p) = NULL;             \
		_p;                     \
	})

#define TAKE_FD(fd)             \
	({                      \
		int _fd = (fd); \
		(fd) = -EBADF;  \
		_fd;            \
	})

/* Close @fd unless it is empty; returns the empty descriptor. */
static inline int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -EBADF;
}

static inline void cleanup_close_p(int *fd)
{
	*fd = fd_close(*fd);
}

static inline void cleanup_free_p(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

static inline void cleanup_fclose_p(FILE **f)
{
	int saved = errno;

	if (*f)
		fclose(*f);
	errno = saved;
}

static inline void cleanup_closedir_p(DIR **d)
{
	int saved = errno;

	if (*d)
		closedir(*d);
	errno = saved;
}

#define cleanup_free     cleanup(cleanup_free_p)
#define cleanup_close    cleanup(cleanup_close_p)
#define cleanup_fclose   cleanup(cleanup_fclose_p)
#define cleanup_closedir cleanup(cleanup_closedir_p)
