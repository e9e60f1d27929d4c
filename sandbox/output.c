/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A stream is read only when its pending bytes are gone: a reader that does not read fills
 * the pipe, and the command waits in write(). The log takes everything: the first half of its
 * limit as it comes, the rest through a ring that holds the last half.
 */
#include "output.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"

#define CHUNK 65536

/*
 * Writing must not block, but O_NONBLOCK belongs to the open file and the user's shell shares
 * it. Pipes and terminals can be opened anew through /proc; regular files never block.
 */
static int open_again(int fd, bool *ret_ours)
{
	struct stat st;
	char path[64];
	int own;

	*ret_ours = false;
	if (fd < 0 || fstat(fd, &st) < 0 ||
	    (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	*ret_ours = own >= 0;
	return own >= 0 ? own : fd;
}

int output_init(struct output *o, const int from[2], const int to[2], int log_fd,
		uint64_t limit, struct sbx_err *err)
{
	*o = (struct output){ .limit = limit,
			      .log_fd = log_fd,
			      .forward_all = log_fd >= 0 };

	for (size_t i = 0; i < ARRAY_SIZE(o->streams); i++) {
		struct stream *s = &o->streams[i];

		s->from = from[i];
		s->to = open_again(to[i], &s->to_is_ours);
		s->pending = malloc(CHUNK);
		if (!s->pending)
			return sbx_err_oom(err, "output");
	}
	if (log_fd >= 0) {
		o->tail_size = (size_t)(limit / 2);
		o->tail = malloc(o->tail_size);
		if (!o->tail)
			return sbx_err_oom(err, "output");
	}
	return 0;
}

size_t output_poll(const struct output *o, struct pollfd *fds)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(o->streams); i++) {
		const struct stream *s = &o->streams[i];

		if (s->pending_len)
			fds[n++] = (struct pollfd){ .fd = s->to, .events = POLLOUT };
		else if (s->from >= 0)
			fds[n++] = (struct pollfd){ .fd = s->from, .events = POLLIN };
	}
	return n;
}

static void keep_tail(struct output *o, const char *data, size_t n)
{
	size_t part;

	if (n > o->tail_size) {
		data += n - o->tail_size;
		n = o->tail_size;
		o->wrapped = true;
	}
	while (n) {
		part = MIN(n, o->tail_size - o->tail_at);
		memcpy(o->tail + o->tail_at, data, part);
		o->tail_at += part;
		data += part;
		n -= part;
		if (o->tail_at == o->tail_size) {
			o->tail_at = 0;
			o->wrapped = true;
		}
	}
}

static void log_chunk(struct output *o, const char *data, size_t n)
{
	uint64_t head = o->limit - o->tail_size;
	size_t now = (size_t)MIN((uint64_t)n, head - MIN(head, o->logged));
	int r;

	if (now) {
		r = fd_write_all(o->log_fd, data, now);
		if (r < 0 && !o->log_error)
			o->log_error = r;
		o->logged += now;
	}
	if (n > now) {
		o->logged += n - now;
		keep_tail(o, data + now, n - now);
	}
}

/* What of a chunk is handed on: all of it, or what the limit leaves. */
static size_t forwarded(struct output *o, const struct stream *s, size_t n)
{
	uint64_t room;

	if (s->to < 0)
		return 0;
	if (o->forward_all)
		return n;
	room = o->total < o->limit ? o->limit - o->total : 0;
	return (size_t)MIN((uint64_t)n, room);
}

static void receive(struct output *o, struct stream *s)
{
	ssize_t n;

	if (s->from < 0 || s->pending_len)
		return;
	n = read(s->from, s->pending, CHUNK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		s->from = fd_close(s->from);
		return;
	}
	label_feed(&s->label, s->pending, (size_t)n);
	s->pending_at = 0;
	s->pending_len = forwarded(o, s, (size_t)n);
	if (o->log_fd >= 0)
		log_chunk(o, s->pending, (size_t)n);
	else
		o->dropped += (size_t)n - s->pending_len;
	o->total += (size_t)n;
}

/*
 * What we could not open anew, another user's pipe or terminal, blocks when it is given more
 * than it has room for. Where poll() says writable, a pipe has room for a page, a terminal
 * for 256 characters, of which each may become two.
 */
static size_t writable(const struct stream *s)
{
	struct stat st;

	if (s->to_is_ours || fstat(s->to, &st) < 0 || S_ISREG(st.st_mode))
		return s->pending_len;
	return MIN(s->pending_len, S_ISFIFO(st.st_mode) ? (size_t)PIPE_BUF : 128);
}

static ssize_t write_some(const struct stream *s)
{
	const char *data = s->pending + s->pending_at;
	ssize_t w;

	w = send(s->to, data, s->pending_len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (w < 0 && errno == ENOTSOCK)
		w = write(s->to, data, writable(s));
	return w;
}

/*
 * A reader that has gone away: without a log nobody wants the rest, and the command learns it
 * as in any pipeline, by SIGPIPE. With a log the run goes on.
 */
static void hand_on(struct output *o, struct stream *s)
{
	struct pollfd p = { .fd = s->to, .events = POLLOUT };
	ssize_t w;

	if (!s->pending_len || poll(&p, 1, 0) <= 0)
		return;
	w = write_some(s);
	if (w < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (w < 0) {
		o->dropped += s->pending_len;
		s->pending_len = 0;
		if (s->to_is_ours)
			close(s->to);
		s->to = -EBADF;
		if (o->log_fd < 0)
			s->from = fd_close(s->from);
		return;
	}
	s->pending_at += (size_t)w;
	s->pending_len -= (size_t)w;
}

void output_move(struct output *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(o->streams); i++) {
		hand_on(o, &o->streams[i]);
		receive(o, &o->streams[i]);
		hand_on(o, &o->streams[i]);
	}
}

bool output_is_done(const struct output *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(o->streams); i++)
		if (o->streams[i].from >= 0 || o->streams[i].pending_len)
			return false;
	return true;
}

void output_abandon(struct output *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(o->streams); i++) {
		o->dropped += o->streams[i].pending_len;
		o->streams[i].pending_len = 0;
		o->streams[i].from = fd_close(o->streams[i].from);
	}
}

int output_finish(struct output *o)
{
	uint64_t kept, lost;
	char mark[96];
	int r = 0;

	if (o->log_fd < 0)
		return 0;
	kept = (o->limit - o->tail_size) + (o->wrapped ? o->tail_size : o->tail_at);
	lost = o->logged > kept ? o->logged - kept : 0;
	o->dropped += lost;
	if (lost) {
		snprintf(mark, sizeof(mark), "\n[... %" PRIu64 " bytes left out ...]\n",
			 lost);
		r = fd_write_all(o->log_fd, mark, strlen(mark));
	}
	if (r == 0 && o->wrapped)
		r = fd_write_all(o->log_fd, o->tail + o->tail_at,
				 o->tail_size - o->tail_at);
	if (r == 0)
		r = fd_write_all(o->log_fd, o->tail, o->tail_at);
	return o->log_error ? o->log_error : r;
}

const char *output_label(const struct output *o)
{
	return o->streams[0].label.found ? o->streams[0].label.found
					 : o->streams[1].label.found;
}

void output_done(struct output *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(o->streams); i++) {
		struct stream *s = &o->streams[i];

		s->from = fd_close(s->from);
		if (s->to_is_ours)
			s->to = fd_close(s->to);
		free(TAKE_PTR(s->pending));
	}
	free(TAKE_PTR(o->tail));
}
