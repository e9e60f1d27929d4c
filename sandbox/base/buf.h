/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A growing byte buffer that is always NUL-terminated behind its length once anything was
 * added. The first failed allocation latches: later calls do nothing, and buf_steal() or
 * buf_failed() reports it, so that a long text can be built without a check on every line.
 */

#include <stdarg.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/macro.h"

struct buf {
	char *data; /* NULL while empty */
	size_t len;
	size_t cap;
	bool failed;
};

#define BUF_INIT  \
	{         \
		0 \
	}

void buf_done(struct buf *b);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) attr_printf(2, 3);

/* Forget the content, keep the memory. */
void buf_clear(struct buf *b);

/* Drop the first @n bytes; @n <= len. */
void buf_drop(struct buf *b, size_t n);

/* The text so far, never NULL. */
const char *buf_str(const struct buf *b);

/**
 * buf_steal() - take the text out; the buffer is empty afterwards
 *
 * Return: NUL-terminated text the caller frees; NULL when memory ran out on the way
 */
char *buf_steal(struct buf *b);

#define cleanup_buf cleanup(buf_done)
