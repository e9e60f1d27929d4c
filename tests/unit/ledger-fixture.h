/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the ledger's tests share: a scratch directory, short events, whole files.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strv.h"
#include "ledger/ledger.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C "cccccccccccccccccccccccccccccccccccccccc"

struct scratch {
	char path[64];
	int fd; /* <path>/autoexp/t, the campaign's directory */
};

static inline int scratch_make(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	snprintf(s->path, sizeof(s->path), "/tmp/autoexp-ledger-XXXXXX");
	assert_non_null(mkdtemp(s->path));
	assert_int_equal(journal_dir_open(s->path, "t", true, &s->fd, NULL), 0);
	*state = s;
	return 0;
}

static inline int scratch_drop(void **state)
{
	struct scratch *s = *state;

	fd_close(s->fd);
	assert_int_equal(dir_remove(AT_FDCWD, s->path), 0);
	free(s);
	return 0;
}

static inline struct journal_event ev_create(void)
{
	return (struct journal_event){
		.kind = JOURNAL_CREATE,
		.create = { .tag = "t", .base = HEX_A, .target = "train.py", .config = "c0ffee",
			    .metrics = { "loss", "size" }, .n_metrics = 2, .host = "here" },
	};
}

static inline struct journal_event ev_propose(unsigned n, const char *description)
{
	return (struct journal_event){ .kind = JOURNAL_PROPOSE,
				       .number = n,
				       .propose = { description, "0123abcd", "builtin" } };
}

static inline struct journal_event ev_commit(unsigned n, const char *hex)
{
	return (struct journal_event){ .kind = JOURNAL_COMMIT, .number = n, .commit = { hex } };
}

static inline struct journal_event ev_run(unsigned n, unsigned attempt)
{
	return (struct journal_event){ .kind = JOURNAL_RUN,
				       .number = n,
				       .run = { attempt, "boot", 42 } };
}

static inline struct journal_event ev_outcome(unsigned n, enum verdict v, double a, double b)
{
	struct journal_event ev = { .kind = JOURNAL_OUTCOME, .number = n };

	ev.outcome.outcome = (struct outcome){ .verdict = v, .metrics = { a, b },
					       .wall_us = 1000000, .cpu_us = 900000,
					       .memory_peak_bytes = 4096 };
	snprintf(ev.outcome.outcome.reason, sizeof(ev.outcome.outcome.reason), "as it was");
	ev.outcome.n_metrics = v == VERDICT_OK ? 2 : 0;
	return ev;
}

static inline struct journal_event ev_decide(unsigned n, enum status s, const char *reason)
{
	struct journal_event ev = { .kind = JOURNAL_DECIDE, .number = n };

	ev.decide.decision.status = s;
	snprintf(ev.decide.decision.reason, sizeof(ev.decide.decision.reason), "%s", reason);
	return ev;
}

static inline struct journal_event ev_advance(unsigned n, const char *hex)
{
	return (struct journal_event){ .kind = JOURNAL_ADVANCE, .number = n, .advance = { hex } };
}

static inline struct journal_event ev_interrupted(unsigned n, unsigned attempt)
{
	return (struct journal_event){ .kind = JOURNAL_INTERRUPTED,
				       .number = n,
				       .interrupted = { attempt, "killed", 0, 0 } };
}

static inline struct journal_event ev_cost(enum cost_kind what, uint64_t call, uint64_t nano)
{
	return (struct journal_event){ .kind = JOURNAL_COST,
				       .number = 1,
				       .cost = { what, call, nano, 10, 20 } };
}

static inline struct journal_event ev_hours(uint64_t us)
{
	return (struct journal_event){ .kind = JOURNAL_HOURS, .hours = { us } };
}

static inline struct journal_event ev_stop(const char *reason)
{
	return (struct journal_event){ .kind = JOURNAL_STOP, .stop = { reason } };
}

/* The whole file, freed by the caller; its length where asked for. */
static inline char *slurp(int dir_fd, const char *name, size_t *ret_n)
{
	struct buf b = BUF_INIT;

	assert_int_equal(file_read(dir_fd, name, O_NOFOLLOW, 1 << 26, &b), 0);
	if (ret_n)
		*ret_n = b.len;
	return buf_steal(&b);
}

static inline void spit(int dir_fd, const char *name, const void *data, size_t n)
{
	cleanup_close int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, n), 0);
}
