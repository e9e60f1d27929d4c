/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The one error rule of this tree: a function that can fail returns 0 or a negative errno
 * and fills a fixed-size record that its caller owns. The record needs no allocation, so it
 * survives out-of-memory, and a child can send it through a pipe in one write.
 *
 * The first failure fills the record; callers further up may prefix context but never
 * replace it. Whoever talks to the user prints msg, not the number.
 */

#include <errno.h>
#include <stdint.h>

#include "base/macro.h"

struct sbx_err {
	int code;       /* negative errno; 0 = unset */
	char stage[16]; /* short word for the step: "cgroup", "seccomp", "repo" */
	char msg[492];  /* one line, no newline */
};

/**
 * sbx_err_set() - record a failure
 * @err:    record, may be NULL; left alone when it is already filled
 * @code:   negative errno, returned unchanged
 * @stage:  short word for the step that failed
 * @fmt:    one sentence without the text of the errno
 *
 * Return: @code, so that a caller can write `return sbx_err_set(...)`
 */
int sbx_err_set(struct sbx_err *err, int code, const char *stage, const char *fmt, ...)
	attr_printf(4, 5);

/**
 * sbx_err_errno() - record a failure and append what the errno means
 *
 * As sbx_err_set(), with ": " and the errno's text behind the sentence.
 */
int sbx_err_errno(struct sbx_err *err, int code, const char *stage, const char *fmt, ...)
	attr_printf(4, 5);

/**
 * sbx_err_wrap() - put context in front of an error already recorded
 * @err:   record, may be NULL
 * @code:  returned unchanged
 * @fmt:   the context, without the colon
 */
int sbx_err_wrap(struct sbx_err *err, int code, const char *fmt, ...) attr_printf(3, 4);

/**
 * sbx_err_oom() - record that memory ran out
 *
 * Return: -ENOMEM
 */
int sbx_err_oom(struct sbx_err *err, const char *stage);

/*
 * Callers hand in -errno or what they just found to be negative, which a compiler and an
 * analyzer cannot see from here: to both, a failure could be 0 and what a success would have
 * filled be read. So the answer is negative for certain.
 */
static inline int err_negative(int code)
{
	return code < 0 ? code : -EIO;
}

#define sbx_err_set(err, ...)   err_negative(sbx_err_set(err, __VA_ARGS__))
#define sbx_err_errno(err, ...) err_negative(sbx_err_errno(err, __VA_ARGS__))
#define sbx_err_wrap(err, ...)  err_negative(sbx_err_wrap(err, __VA_ARGS__))
#define sbx_err_oom(err, stage) err_negative(sbx_err_oom(err, stage))
