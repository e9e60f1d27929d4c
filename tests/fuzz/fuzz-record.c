/* SPDX-License-Identifier: Apache-2.0 */

/* The channel on which `autoexp exec` reports: the first byte says how it is cut. */

#include "fuzz.h"
#include "run/record.h"

static void feed(struct record_reader *r, const struct fuzz_input *in, size_t step)
{
	size_t n;

	for (size_t i = 0; i < in->n; i += n) {
		n = MIN(step, in->n - i);
		HOLDS(record_feed(r, (const char *)in->data + i, n) == 0);
		HOLDS(r->line.len <= RECORD_MAX);
	}
}

static void check_same(const struct record_reader *a, const struct record_reader *b)
{
	HOLDS(a->garbage == b->garbage);
	HOLDS(a->wall_us == b->wall_us && a->memory_bytes == b->memory_bytes);
	HOLDS(!a->box == !b->box && (!a->box || json_equal(a->box, b->box)));
}

static void check_outcome(const json_t *box)
{
	struct outcome o = { .verdict = _VERDICT_MAX };
	struct sbx_err err = { 0 };
	int r = record_outcome(box, &o, &err);

	if (r < 0) {
		fuzz_check_err(r, &err);
		HOLDS(o.verdict == _VERDICT_MAX);
		return;
	}
	/* What only the supervisor can find out, no record claims. */
	HOLDS(o.verdict < VERDICT_NO_METRIC);
	HOLDS(memchr(o.reason, '\0', sizeof(o.reason)));
	HOLDS(o.exit_code >= 0 && o.exit_code <= 255 && o.signal >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_reader whole = RECORD_READER_INIT, parts = RECORD_READER_INIT;
	struct fuzz_input in = { data, size };
	size_t step = 1 + fuzz_byte(&in);

	feed(&whole, &in, MAX(in.n, 1U));
	feed(&parts, &in, step);
	check_same(&whole, &parts);
	HOLDS(!whole.box || json_is_object(whole.box));
	if (whole.box)
		check_outcome(whole.box);
	record_reader_done(&whole);
	record_reader_done(&parts);
	return 0;
}
