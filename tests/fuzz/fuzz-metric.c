/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Output of a harness. The first byte chooses what is looked for, the second how the
 * output is cut: however it arrives, the same numbers or the same reason come out.
 */

#include <math.h>

#include "base/hash.h"
#include "conf/config.h"
#include "fuzz.h"
#include "measure/metric.h"

static const struct {
	enum metric_from from;
	const char *pattern;
} sources[] = {
	{ METRIC_FROM_LINE, NULL },
	{ METRIC_FROM_REGEX, "loss *= *([^ ]+)" },
	{ METRIC_FROM_REGEX, "^(a|b)*([0-9.]*)$" },
	{ METRIC_FROM_REGEX, "x(y(z)?)?" },
	{ METRIC_FROM_JSON, "loss" },
	{ METRIC_FROM_JSON, "result.runs[1].ms" },
	{ METRIC_FROM_JSON, "[0].a" },
	{ METRIC_FROM_WALL_MS, NULL },
};

static void choose(struct config *c, unsigned choice)
{
	static char name[] = "loss", other[] = "acc";

	c->n_metrics = 1 + choice % METRICS_MAX;
	choice /= METRICS_MAX;
	for (size_t i = 0; i < c->n_metrics; i++) {
		size_t source = (choice + 4 * i) % ARRAY_SIZE(sources);

		c->metrics[i] = (struct config_metric){
			.name = i ? other : name,
			.from = sources[source].from,
			.pattern = (char *)sources[source].pattern,
			.take = (enum metric_take)(choice / ARRAY_SIZE(sources) %
						   _METRIC_TAKE_MAX),
			.weight = 1,
		};
	}
}

/* @step: bytes a time; 0 = drawn anew each time */
static struct outcome measure(const struct config *c, const struct fuzz_input *in,
			      size_t step)
{
	cleanup_metric_stream struct metric_stream *m = NULL;
	struct outcome o = { .verdict = VERDICT_OK, .wall_us = 1500 };
	uint64_t state = in->n;
	struct sbx_err err = { 0 };
	size_t n;

	if (metric_stream_new(c, &m, &err) < 0) {
		/* A regex with two groups. */
		fuzz_check_err(err.code, &err);
		o.verdict = _VERDICT_MAX;
		return o;
	}
	for (size_t i = 0; i < in->n; i += n) {
		/* In a block of its own, so that a look past its end is seen. */
		cleanup_free char *part = NULL;

		n = step ? step : 1 + (size_t)random_below(&state, 700);
		n = MIN(n, in->n - i);
		part = malloc(n);
		HOLDS(part);
		memcpy(part, in->data + i, n);
		metric_stream_feed(m, part, n);
	}
	HOLDS(metric_stream_finish(m, &o, &err) == 0);
	return o;
}

static void check(const struct config *c, const struct outcome *o)
{
	HOLDS(memchr(o->reason, '\0', sizeof(o->reason)));
	HOLDS(fuzz_is_line(o->reason));
	if (o->verdict == VERDICT_OK) {
		for (size_t i = 0; i < c->n_metrics; i++) {
			HOLDS(isfinite(o->metrics[i]));
			HOLDS(o->metrics[i] != 0 || !signbit(o->metrics[i]));
		}
		return;
	}
	HOLDS(o->verdict == VERDICT_NO_METRIC || o->verdict == VERDICT_NOT_FINITE ||
	      o->verdict == VERDICT_AMBIGUOUS);
	HOLDS(*o->reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	unsigned choice = fuzz_byte(&in);
	size_t step = fuzz_byte(&in);
	struct config c = { 0 };
	struct outcome whole, parts;

	choose(&c, choice);
	whole = measure(&c, &in, MAX(in.n, 1U));
	parts = measure(&c, &in, step);
	HOLDS(whole.verdict == parts.verdict);
	HOLDS(streq(whole.reason, parts.reason));
	HOLDS(memcmp(whole.metrics, parts.metrics, sizeof(whole.metrics)) == 0);
	if (whole.verdict != _VERDICT_MAX)
		check(&c, &whole);
	return 0;
}
