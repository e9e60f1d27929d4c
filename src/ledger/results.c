/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/results.h"

#include <stdio.h>
#include <stdlib.h>

#include "ledger/text.h"

#define COMMIT_SHOWN 12
#define NOT_MEASURED "0.0000"

const char *results_metric(char *out, size_t size, double value)
{
	static const char known[] = "0123456789+-e";

	/* With 15 digits a number of at most 15 comes out as it was written. */
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, size, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
	/* Whatever else is in there is the decimal mark of the locale. */
	for (char *p = out; *p; p++)
		if (!strchr(known, *p))
			*p = '.';
	return out;
}

/*
 * Lines must stay lines for every reader, also for those that split at Unicode's line
 * ends or obey terminal controls; direction overrides would let a description dress up as
 * other columns.
 */
static bool is_neutral(uint32_t cp)
{
	if (cp < 0x20 || (cp >= 0x7f && cp <= 0x9f))
		return false;
	if (cp == 0x2028 || cp == 0x2029)
		return false;
	return !(cp >= 0x202a && cp <= 0x202e) && !(cp >= 0x2066 && cp <= 0x2069);
}

struct text {
	char *out;
	size_t size, len;
};

static void add(struct text *t, const char *s)
{
	char one[4];
	uint32_t cp;
	size_t n;

	while ((cp = utf8_next(&s))) {
		if (!is_neutral(cp))
			cp = ' ';
		if (cp == ' ' && t->len == 0)
			continue;
		n = utf8_put(one, cp);
		if (t->len + n >= t->size)
			return;
		memcpy(t->out + t->len, one, n);
		t->len += n;
	}
}

static void add_why(struct text *t, const struct row *row)
{
	const struct decision *d = row->decision;
	const char *verdict = "";

	if (d->status == STATUS_CRASH && row->outcome &&
	    row->outcome->verdict != VERDICT_OK)
		verdict = verdict_name(row->outcome->verdict);
	if (str_after(d->reason, verdict))
		verdict = "";
	add(t, t->len ? " (" : "(");
	add(t, verdict);
	add(t, *verdict && *d->reason ? ": " : "");
	add(t, d->reason);
	add(t, ")");
}

const char *results_describe(char *out, size_t size, const struct row *row)
{
	struct text t = { .out = out + 1, .size = size - 1 };

	add(&t, row->description);
	while (t.len && t.out[t.len - 1] == ' ')
		t.len--;
	if ((row->decision->status == STATUS_CRASH || !row->metrics || !row->outcome) &&
	    *row->decision->reason)
		add_why(&t, row);
	t.out[t.len] = '\0';

	/* A spreadsheet runs the first four; many readers of TSV take the last for a
	 * quote. */
	if (t.len && strchr("=+-@\"", *t.out))
		*out = '\'';
	else
		memmove(out, t.out, t.len + 1);
	return out;
}

int results_header(struct buf *out, const char *const *metrics, unsigned n)
{
	buf_puts(out, "commit");
	for (unsigned i = 0; i < n; i++)
		buf_printf(out, "\t%s", metrics[i]);
	buf_puts(out, "\tstatus\tdescription\n");
	return out->failed ? -ENOMEM : 0;
}

int results_row(struct buf *out, const struct row *row)
{
	bool measured = row->metrics && row->decision->status != STATUS_CRASH;
	char number[32], text[RESULTS_TEXT_MAX + 1];

	buf_printf(out, "%.*s", COMMIT_SHOWN, row->commit);
	for (unsigned i = 0; i < row->n_metrics; i++)
		buf_printf(
			out, "\t%s",
			measured ? results_metric(number, sizeof(number), row->metrics[i])
				 : NOT_MEASURED);
	buf_printf(out, "\t%s\t%s\n", status_name(row->decision->status),
		   results_describe(text, sizeof(text), row));
	return out->failed ? -ENOMEM : 0;
}
