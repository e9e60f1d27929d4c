/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One event as JSON text and back. Keys are only ever added; what a key means never
 * changes.
 */

#include "base/buf.h"
#include "ledger/flat.h"
#include "ledger/journal.h"

/* An event as read, and what its strings are borrowed from. All-zero is empty. */
struct event_doc {
	struct flat flat;
	struct journal_event ev;
};

/* "reserve", "spend", ... */
const char *cost_name(enum cost_kind k);

void event_doc_done(struct event_doc *d);

/**
 * event_encode() - an event as one JSON object
 * @out:  appended to; the object on one line, no newline
 *
 * Return: 0; -EINVAL where the event cannot be written; -ENOMEM
 */
int event_encode(const struct journal_event *ev, struct buf *out, struct sbx_err *err);

/**
 * event_decode() - the event of a line
 * @doc:  filled anew with every call, its memory is used again; freed by event_doc_done()
 *
 * Return: 0; -EPROTONOSUPPORT where a newer version wrote it; -EBADMSG; -ENOMEM
 */
int event_decode(const char *text, size_t n, struct event_doc *doc, struct sbx_err *err);
