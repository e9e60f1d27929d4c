/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Events of the journal. A line that is understood is written again and read again, and
 * says the same. The text of proposers and harnesses always gets through, as UTF-8.
 */

#include "fuzz.h"
#include "ledger/event.h"

static void check_round_trip(const struct journal_event *ev)
{
	cleanup_buf struct buf line = BUF_INIT, again = BUF_INIT;
	struct event_doc doc = { 0 };
	struct sbx_err err = { 0 };
	int r = event_encode(ev, &line, &err);

	if (r < 0) {
		/* JSON has no text that is not UTF-8, and the journal no empty list. */
		HOLDS(r == -EINVAL);
		fuzz_check_err(r, &err);
		return;
	}
	HOLDS(fuzz_is_utf8(line.data, line.len));
	for (size_t i = 0; i < line.len; i++)
		HOLDS(line.data[i] >= ' ');
	HOLDS(event_decode(line.data, line.len, &doc, &err) == 0);
	HOLDS(doc.ev.kind == ev->kind && doc.ev.seq == ev->seq);
	HOLDS(event_encode(&doc.ev, &again, &err) == 0);
	HOLDS(streq(again.data, line.data));
	event_doc_done(&doc);
}

static void check_line(const uint8_t *data, size_t size)
{
	struct event_doc doc = { 0 };
	struct sbx_err err = { 0 };
	int r = event_decode((const char *)data, size, &doc, &err);

	if (r < 0) {
		HOLDS(r == -EBADMSG || r == -EPROTONOSUPPORT);
		fuzz_check_err(r, &err);
	} else {
		HOLDS(doc.ev.kind < _JOURNAL_KIND_MAX);
		check_round_trip(&doc.ev);
	}
	event_doc_done(&doc);
}

/* What was repaired and cut to fit stays as it is from then on. */
static void check_written(const struct journal_event *ev)
{
	cleanup_buf struct buf line = BUF_INIT;
	struct event_doc doc = { 0 };

	HOLDS(event_encode(ev, &line, NULL) == 0);
	HOLDS(event_decode(line.data, line.len, &doc, NULL) == 0);
	check_round_trip(&doc.ev);
	event_doc_done(&doc);
}

/* A description and a reason of any bytes: repaired, never refused. */
static void check_text(struct fuzz_input in)
{
	cleanup_free char *description = fuzz_text(&in, '\n'), *reason = fuzz_rest(&in);
	struct journal_event propose = {
		.kind = JOURNAL_PROPOSE,
		.number = 7,
		.seq = 3,
		.time = "2026-01-31T23:59:59.123Z",
		.propose = { .description = description,
			     .content = "",
			     .proposer = reason },
	};
	struct journal_event outcome = {
		.kind = JOURNAL_OUTCOME,
		.number = 7,
		.seq = 4,
		.time = "2026-01-31T23:59:59.123Z",
		.outcome = { .outcome = { .verdict = VERDICT_EXIT, .exit_code = 1 } },
	};

	snprintf(outcome.outcome.outcome.reason, sizeof(outcome.outcome.outcome.reason),
		 "%s", reason);
	check_written(&propose);
	check_written(&outcome);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_line(data, size);
	check_text((struct fuzz_input){ data, size });
	return 0;
}
