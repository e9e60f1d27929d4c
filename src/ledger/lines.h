/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A file line by line, in a fixed amount of memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_MAX_BYTES ((size_t)64 * 1024)

/* Set fd, which is borrowed; all else is zero. */
struct lines {
	int fd;
	char *data;
	size_t len, pos;
	uint64_t offset; /* of the next line in the file */
	bool eof;
};

/**
 * lines_next() - the next line, without its newline
 * @ret:        valid until the next call; some readable byte and then a NUL is behind it
 * @ret_ended:  whether it had a newline: only the last line may have none
 *
 * Return: 1; 0 at the end; -EMSGSIZE for a line over LINES_MAX_BYTES; other negative
 * errno
 */
int lines_next(struct lines *in, const char **ret, size_t *ret_n, bool *ret_ended);

/* Whether there is no further line. Makes the last one invalid. */
int lines_at_end(struct lines *in, bool *ret);

void lines_done(struct lines *in);
