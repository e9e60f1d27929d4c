/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the command prints: drained at once, so that a slow reader stops the command and never
 * our timers, forwarded whole or up to a limit, and logged with its head and its tail.
 */

#include "base/err.h"
#include "label.h"

/* One stream on its way from the box to whoever reads it. */
struct stream {
	int from;        /* non-blocking pipe; -EBADF after its end */
	int to;          /* -EBADF = nobody */
	bool to_is_ours; /* opened by us, non-blocking */
	char *pending;   /* read but not yet written */
	size_t pending_at, pending_len;
	struct label label;
};

struct output {
	struct stream streams[2]; /* stdout, stderr */
	uint64_t limit;   /* bytes kept; what is forwarded where forward_all is off */
	bool forward_all; /* stdout passes whole, whatever the limit */
	int log_fd;       /* -EBADF = none */
	uint64_t total, dropped, logged;
	char *tail; /* ring of the last bytes for the log */
	size_t tail_size, tail_at;
	bool wrapped;
	int log_error; /* first errno of writing the log */
};

/**
 * output_init() - get ready
 * @from:         the box's stdout and stderr, taken over
 * @to:           where they go; -EBADF drops
 * @log_fd:       regular file for both, or -EBADF; borrowed
 * @limit:        bytes for the log, or for what is forwarded where there is no log
 *
 * Return: 0; -ENOMEM
 */
int output_init(struct output *o, const int from[2], const int to[2], int log_fd,
		uint64_t limit, struct sbx_err *err);

/* Fill in the descriptors to poll: at most 4. Return: how many */
struct pollfd;
size_t output_poll(const struct output *o, struct pollfd *fds);

/* Move what can be moved without waiting. */
void output_move(struct output *o);

/* Both streams have ended and everything was handed on. */
bool output_is_done(const struct output *o);

/* Stop waiting for readers: drop what is pending, for the box is dead and time is up. */
void output_abandon(struct output *o);

/* Write the log's tail behind its head. Return: 0; negative errno of any log write */
int output_finish(struct output *o);

/* A framework's own word for out of memory that was printed, or NULL. */
const char *output_label(const struct output *o);

void output_done(struct output *o);
