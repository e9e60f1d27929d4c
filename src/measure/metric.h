/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Metrics out of the standard output of the harness: bytes in, one finite number per
 * metric or the reason why there is none out. Memory is one line of at most 64 KiB and
 * five numbers a metric, whatever the harness prints.
 */

#include "base/cleanup.h"
#include "base/err.h"
#include "model.h"

struct config;
struct metric_stream;

#define METRIC_LINE_MAX (64 * 1024)

/**
 * metric_stream_new() - start reading one run
 * @c:    the metrics; borrowed until metric_stream_free()
 * @ret:  freed by metric_stream_free()
 *
 * Return: 0; -EINVAL where a metric's `from:` cannot be used; -ENOMEM
 */
int metric_stream_new(const struct config *c, struct metric_stream **ret,
		      struct sbx_err *err);

void metric_stream_free(struct metric_stream *s);

/* Any number of bytes, cut anywhere. */
void metric_stream_feed(struct metric_stream *s, const void *data, size_t n);

/**
 * metric_stream_finish() - the end of the output
 * @s:   may be asked once
 * @io:  verdict, wall_us, cpu_us and memory_peak_bytes are those of the box. Where the
 *       verdict is VERDICT_OK the metrics are filled in, or the verdict becomes
 *       VERDICT_NO_METRIC, VERDICT_NOT_FINITE or VERDICT_AMBIGUOUS with its reason; any
 *       other verdict is left alone
 *
 * Return: 0; -ENOMEM where a line could not be examined for lack of memory
 */
int metric_stream_finish(struct metric_stream *s, struct outcome *io,
			 struct sbx_err *err);

static inline void cleanup_metric_stream_p(struct metric_stream **s)
{
	metric_stream_free(*s);
}

#define cleanup_metric_stream cleanup(cleanup_metric_stream_p)
