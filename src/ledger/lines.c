/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)256 * 1024)

/* Called with at most LINES_MAX_BYTES left. */
static int fill(struct lines *in)
{
	ssize_t n;

	if (!in->data)
		in->data = malloc(LINES_MAX_BYTES + CHUNK + 1);
	if (!in->data)
		return -ENOMEM;
	in->len -= in->pos;
	memmove(in->data, in->data + in->pos, in->len);
	in->pos = 0;
	do
		n = read(in->fd, in->data + in->len, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	in->eof = n == 0;
	in->len += (size_t)n;
	in->data[in->len] = '\0';
	return 0;
}

int lines_next(struct lines *in, const char **ret, size_t *ret_n, bool *ret_ended)
{
	const char *nl;
	size_t left;
	int r;

	for (;;) {
		left = in->len - in->pos;
		nl = left ? memchr(in->data + in->pos, '\n', left) : NULL;
		if (nl || in->eof)
			break;
		if (left > LINES_MAX_BYTES)
			return -EMSGSIZE;
		r = fill(in);
		if (r < 0)
			return r;
	}
	if (!left)
		return 0;
	*ret = in->data + in->pos;
	*ret_n = nl ? (size_t)(nl - *ret) : left;
	*ret_ended = nl;
	in->pos += *ret_n + (nl ? 1 : 0);
	in->offset += *ret_n + (nl ? 1 : 0);
	return *ret_n > LINES_MAX_BYTES ? -EMSGSIZE : 1;
}

int lines_at_end(struct lines *in, bool *ret)
{
	int r = 0;

	if (in->pos == in->len && !in->eof)
		r = fill(in);
	*ret = in->pos == in->len;
	return r;
}

void lines_done(struct lines *in)
{
	free(in->data);
	*in = (struct lines){ .fd = in->fd };
}
