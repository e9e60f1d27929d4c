/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The way of output: what reaches the reader, what the log keeps, and that a reader who does
 * not read, or is gone, holds up nobody.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "output.h"

#define LIMIT 4096

/* Both ends of both streams, and a log. */
struct rig {
	struct output o;
	int in[2];  /* what the command would write to */
	int out[2]; /* what the reader would read from */
	int log_fd;
};

static void rig_init(struct rig *rig, bool with_log)
{
	char path[] = "/tmp/autoexp-output-XXXXXX";
	int from[2], to[2];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(fd_pipe(&from[i], &rig->in[i]), 0);
		assert_int_equal(fd_nonblock(from[i], true), 0);
		assert_int_equal(fd_pipe(&rig->out[i], &to[i]), 0);
	}
	rig->log_fd = with_log ? mkstemp(path) : -EBADF;
	if (with_log)
		unlink(path);
	assert_int_equal(output_init(&rig->o, from, to, rig->log_fd, LIMIT, NULL), 0);
	/* Opened anew: the caller's own descriptors stay as they are. */
	for (int i = 0; i < 2; i++) {
		assert_true(rig->o.streams[i].to_is_ours);
		assert_false(fcntl(to[i], F_GETFL) & O_NONBLOCK);
		fd_close(to[i]);
	}
}

static void rig_done(struct rig *rig)
{
	output_done(&rig->o);
	for (int i = 0; i < 2; i++) {
		fd_close(rig->in[i]);
		fd_close(rig->out[i]);
	}
	fd_close(rig->log_fd);
}

static void say(struct rig *rig, int stream, const char *data, size_t n)
{
	assert_int_equal(fd_write_all(rig->in[stream], data, n), 0);
	output_move(&rig->o);
}

static void end(struct rig *rig)
{
	for (int i = 0; i < 2; i++)
		rig->in[i] = fd_close(rig->in[i]);
	for (int i = 0; i < 4; i++)
		output_move(&rig->o);
}

/* What is in a pipe or a log now. */
static void assert_pending(int fd, const char *data, size_t n)
{
	char *got = calloc(1, n + 2);
	ssize_t r;

	assert_int_equal(fd_nonblock(fd, true), 0);
	r = read(fd, got, n + 1);
	if (r < 0 && errno == EAGAIN)
		r = 0;
	assert_int_equal(r, n);
	assert_memory_equal(got, data, n);
	free(got);
}

static char *pattern(size_t n)
{
	char *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = (char)('a' + i * 7 % 26);
	return p;
}

static void streams_pass_apart(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, false);
	say(&rig, 0, "out\n", 4);
	say(&rig, 1, "err\n", 4);
	say(&rig, 0, "\0\xff", 2);
	assert_pending(rig.out[0], "out\n\0\xff", 6);
	assert_pending(rig.out[1], "err\n", 4);
	assert_false(output_is_done(&rig.o));
	end(&rig);
	assert_true(output_is_done(&rig.o));
	assert_int_equal(rig.o.total, 10);
	assert_int_equal(rig.o.dropped, 0);
	assert_int_equal(output_finish(&rig.o), 0);
	rig_done(&rig);
}

/* Without a log the limit is for what is handed on, over both streams. */
static void what_is_over_the_limit_is_dropped_and_counted(void **state)
{
	cleanup_free char *data = pattern(LIMIT);
	struct rig rig;

	(void)state;
	rig_init(&rig, false);
	say(&rig, 0, data, LIMIT - 10);
	assert_int_equal(rig.o.dropped, 0);
	say(&rig, 1, data, 30);
	assert_pending(rig.out[1], data, 10);
	say(&rig, 0, data, 5);
	assert_pending(rig.out[0], data, LIMIT - 10);
	end(&rig);
	assert_int_equal(rig.o.total, LIMIT + 25);
	assert_int_equal(rig.o.dropped, 25);
	rig_done(&rig);
}

static void assert_log(struct rig *rig, const char *data, size_t n)
{
	assert_int_equal(lseek(rig->log_fd, 0, SEEK_SET), 0);
	assert_pending(rig->log_fd, data, n);
}

/* Sizes around every edge: the head, the whole limit, one ring, many rings. */
static void the_log_keeps_head_and_tail(void **state)
{
	static const size_t sizes[] = {
		0,
		1,
		LIMIT / 2 - 1,
		LIMIT / 2,
		LIMIT / 2 + 1,
		LIMIT - 1,
		LIMIT,
		LIMIT + 1,
		LIMIT + LIMIT / 2,
		2 * LIMIT + 3,
		10 * LIMIT + 77,
	};
	static const size_t chunks[] = { 1, 1000, LIMIT / 2, LIMIT, 50000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t c = 0; c < ARRAY_SIZE(chunks); c++) {
			size_t n = sizes[i], lost = n > LIMIT ? n - LIMIT : 0;
			cleanup_free char *data = pattern(n + 1);
			cleanup_buf struct buf expect = BUF_INIT;
			struct rig rig;

			rig_init(&rig, true);
			fd_close(rig.out[0]);
			rig.out[0] = -EBADF;
			for (size_t at = 0; at < n; at += chunks[c])
				say(&rig, 0, data + at, MIN(chunks[c], n - at));
			end(&rig);
			assert_int_equal(output_finish(&rig.o), 0);
			if (lost) {
				buf_add(&expect, data, LIMIT / 2);
				buf_printf(&expect, "\n[... %zu bytes left out ...]\n",
					   lost);
				buf_add(&expect, data + n - LIMIT / 2, LIMIT / 2);
			} else {
				buf_add(&expect, data, n);
			}
			assert_log(&rig, buf_str(&expect), expect.len);
			assert_int_equal(rig.o.total, n);
			rig_done(&rig);
		}
	}
}

static void with_a_log_standard_output_passes_whole(void **state)
{
	cleanup_free char *data = pattern(3 * LIMIT);
	struct rig rig;

	(void)state;
	rig_init(&rig, true);
	say(&rig, 0, data, 3 * LIMIT);
	assert_pending(rig.out[0], data, 3 * LIMIT);
	end(&rig);
	assert_int_equal(output_finish(&rig.o), 0);
	assert_int_equal(rig.o.dropped, 2 * LIMIT);
	rig_done(&rig);
}

/* The command waits in write(), we never do; what was read comes when the reader does. */
static void a_full_reader_stops_the_command_only(void **state)
{
	cleanup_free char *data = pattern(65536);
	struct pollfd fds[4];
	struct rig rig;
	size_t sent = 0, got = 0;
	ssize_t n;

	(void)state;
	rig_init(&rig, true);
	assert_int_equal(fd_nonblock(rig.in[0], true), 0);
	while ((n = write(rig.in[0], data, 65536)) > 0) {
		sent += (size_t)n;
		output_move(&rig.o);
	}
	output_move(&rig.o);
	assert_true(sent >= 2 * 65536);
	assert_false(output_is_done(&rig.o));
	/* Nothing can be moved now: only room at the reader wakes us, not more input. */
	assert_int_equal(output_poll(&rig.o, fds), 2);
	assert_int_equal(fds[0].events, POLLOUT);
	assert_int_equal(poll(fds, 1, 0), 0);
	say(&rig, 1, "err", 3);
	assert_pending(rig.out[1], "err", 3);

	assert_int_equal(fd_nonblock(rig.out[0], true), 0);
	rig.in[0] = fd_close(rig.in[0]);
	while (got < sent) {
		n = read(rig.out[0], data, 65536);
		if (n > 0)
			got += (size_t)n;
		else
			assert_true(n < 0 && errno == EAGAIN);
		output_move(&rig.o);
	}
	end(&rig);
	assert_true(output_is_done(&rig.o));
	rig_done(&rig);
}

/* As in any pipeline. */
static void the_command_feels_that_its_reader_is_gone(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, false);
	rig.out[0] = fd_close(rig.out[0]);
	say(&rig, 0, "lost\n", 5);
	assert_int_equal(write(rig.in[0], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	say(&rig, 1, "kept\n", 5);
	assert_pending(rig.out[1], "kept\n", 5);
	end(&rig);
	assert_true(output_is_done(&rig.o));
	assert_int_equal(rig.o.total, 10);
	assert_int_equal(rig.o.dropped, 5);
	rig_done(&rig);
}

/* The log is a reader, too. */
static void with_a_log_the_command_goes_on_without_a_reader(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, true);
	rig.out[0] = fd_close(rig.out[0]);
	say(&rig, 0, "one\n", 4);
	say(&rig, 0, "two\n", 4);
	end(&rig);
	assert_true(output_is_done(&rig.o));
	assert_int_equal(output_finish(&rig.o), 0);
	assert_log(&rig, "one\ntwo\n", 8);
	rig_done(&rig);
}

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void waiting_for_readers_can_be_given_up(void **state)
{
	cleanup_free char *data = pattern(65536);
	int before = lowest_free_fd();
	struct rig rig;
	ssize_t n;

	(void)state;
	rig_init(&rig, true);
	assert_int_equal(fd_nonblock(rig.in[0], true), 0);
	while ((n = write(rig.in[0], data, 65536)) > 0)
		output_move(&rig.o);
	end(&rig);
	assert_false(output_is_done(&rig.o));
	output_abandon(&rig.o);
	output_move(&rig.o);
	output_move(&rig.o);
	assert_true(output_is_done(&rig.o));
	assert_true(rig.o.dropped > 0);
	assert_int_equal(output_finish(&rig.o), 0);
	rig_done(&rig);
	assert_int_equal(lowest_free_fd(), before);
}

static void a_log_that_cannot_be_written_is_told(void **state)
{
	struct rig rig;
	int full;

	(void)state;
	rig_init(&rig, true);
	full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(full >= 0);
	fd_close(rig.log_fd);
	rig.o.log_fd = rig.log_fd = full;
	say(&rig, 0, "x", 1);
	assert_pending(rig.out[0], "x", 1);
	end(&rig);
	assert_int_equal(output_finish(&rig.o), -ENOSPC);
	rig_done(&rig);
}

/* A pipe of another user cannot be opened anew, and stays as blocking as it was. */
static void a_descriptor_that_is_not_ours_never_blocks(void **state)
{
	int from[2], to[2] = { -EBADF, -EBADF }, in[2], reader;
	char *data = pattern(65536);
	struct output o;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fd_pipe(&from[i], &in[i]), 0);
		assert_int_equal(fd_nonblock(from[i], true), 0);
	}
	assert_int_equal(output_init(&o, from, to, -EBADF, 1 << 20, NULL), 0);
	assert_int_equal(fd_pipe(&reader, &o.streams[0].to), 0);
	/* Room for a page, while more than that is pending; blocked, the test would end. */
	alarm(10);
	for (int i = 0; i < 4; i++) {
		if (i < 2)
			assert_int_equal(fd_write_all(in[0], data, 65536), 0);
		if (i > 1)
			assert_int_equal(read(reader, data, 4096), 4096);
		for (int j = 0; j < 40; j++)
			output_move(&o);
	}
	alarm(0);
	assert_true(o.streams[0].pending_len > 0);
	fd_close(o.streams[0].to);
	output_done(&o);
	fd_close(reader);
	for (int i = 0; i < 2; i++)
		fd_close(in[i]);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_pass_apart),
		cmocka_unit_test(what_is_over_the_limit_is_dropped_and_counted),
		cmocka_unit_test(the_log_keeps_head_and_tail),
		cmocka_unit_test(with_a_log_standard_output_passes_whole),
		cmocka_unit_test(a_full_reader_stops_the_command_only),
		cmocka_unit_test(the_command_feels_that_its_reader_is_gone),
		cmocka_unit_test(with_a_log_the_command_goes_on_without_a_reader),
		cmocka_unit_test(a_descriptor_that_is_not_ours_never_blocks),
		cmocka_unit_test(waiting_for_readers_can_be_given_up),
		cmocka_unit_test(a_log_that_cannot_be_written_is_told),
	};

	/* As sbx_run() does, which blocks it. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
