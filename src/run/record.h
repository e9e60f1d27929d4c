/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The record that `autoexp exec` writes about one run, read back: JSON lines, zero or
 * more with "progress" and then exactly one with "verdict". Keys this version does not
 * know are kept, for run.json stores the object whole.
 */

#include "base/buf.h"
#include "base/json.h"
#include "model.h"

/* A record is a few KiB; more than this on the channel is a fault, not a record. */
#define RECORD_MAX (1 << 20)

struct record_reader {
	struct buf line;
	uint64_t wall_us, memory_bytes; /* the last progress */
	json_t *box;                    /* the record, once it came */
	bool garbage;                   /* something came that is neither */
};

#define RECORD_READER_INIT \
	{                  \
		0          \
	}

void record_reader_done(struct record_reader *r);

/* Take bytes as they arrive. Return: 0; -ENOMEM */
int record_feed(struct record_reader *r, const char *data, size_t n);

/**
 * record_outcome() - the record as the outcome of a trial
 * @box:  the object, borrowed
 * @ret:  verdict, reason, times and exit; no metric was looked for yet
 * @err:  names the key that is missing or wrong
 */
int record_outcome(const json_t *box, struct outcome *ret, struct sbx_err *err);
