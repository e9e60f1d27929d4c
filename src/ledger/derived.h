/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A file that can be made again from the journal. While the journal is read, each line it
 * should have is compared with the line it has; from the first difference on (a missing
 * file and a torn line are differences) the file is written anew beside the old one and
 * put in its place at the end. So one pass checks everything, repairs it and needs no
 * memory.
 */

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

enum derived_mode {
	DERIVED_CLOSED,
	DERIVED_CHECK,
	DERIVED_WRONG, /* only to be looked at, and it differs */
	DERIVED_REBUILD,
	DERIVED_LIVE
};

struct derived {
	enum derived_mode mode;
	int dir_fd;       /* borrowed */
	const char *name; /* borrowed; in dir_fd */
	int fd;           /* CHECK: read; LIVE: appended to */
	int new_fd;       /* REBUILD */
	off_t good;       /* bytes known to be right */
	struct buf in;    /* CHECK: read ahead */
	size_t in_pos;    /* compared up to here */
	struct buf out;   /* REBUILD: not yet written */
	bool look;        /* change nothing */
	bool differs; /* the file was missing or wrong; without .look it was made again */
};

#define DERIVED_INIT                           \
	{                                      \
		.fd = -EBADF, .new_fd = -EBADF \
	}

/**
 * derived_dir_open() - <workdir>/.autoexp/<tag>, owner-only
 * @ret_fd:  the caller closes it
 *
 * A link in place of .autoexp or the tag, or a directory of another user, is refused: who
 * can place one there must not choose where we write.
 */
int derived_dir_open(const char *workdir, const char *tag, bool create, int *ret_fd,
		     struct sbx_err *err);

/**
 * derived_begin() - begin the comparison
 * @dir_fd, @name:  borrowed until derived_done()
 * @look:           change nothing, only find out .differs; no line can be appended
 */
int derived_begin(struct derived *d, int dir_fd, const char *name, bool look,
		  struct sbx_err *err);

/* The next line the file must have, with its newline. Appended once it is settled. */
int derived_line(struct derived *d, const char *line, size_t n, struct sbx_err *err);

/* All lines were given: what is left over is cut, a new file takes its place. */
int derived_settle(struct derived *d, struct sbx_err *err);

/* The settled file was deleted, replaced or changed by somebody: begin again. */
bool derived_stale(const struct derived *d);

void derived_done(struct derived *d);
