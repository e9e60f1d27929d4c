/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A whole journal, as it may lie there after a crash, a full disk or an accident. With an
 * odd first byte each line gets the right sum, so that what is behind the sum is reached,
 * too; with an even one the bytes are the file.
 *
 * Reading changes nothing. Opening cuts a torn end and nothing else, and what was opened
 * can be written on. The events become rows and lines of the budget. What is damaged can be
 * read again once it was repaired, and uses no less than before.
 */

#include <inttypes.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "ledger/budget.h"
#include "ledger/journal.h"
#include "ledger/results.h"
#include "ledger/resume.h"
#include "ledger/salvage.h"

#define FNV_BASIS 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

/* As chain.c makes it, once more: so the format cannot change by accident. */
static void sum_lines(struct fuzz_input in, struct buf *out)
{
	uint64_t sum = FNV_BASIS;

	while (in.n) {
		cleanup_free char *line = fuzz_text(&in, '\n');
		size_t n = strlen(line);

		n -= n && line[n - 1] == '}' ? 1 : 0;
		for (size_t i = 0; i < n; i++)
			sum = (sum ^ (unsigned char)line[i]) * FNV_PRIME;
		buf_add(out, line, n);
		buf_printf(out, ",\"sum\":\"%016" PRIx64 "\"}\n", sum);
	}
}

struct reading {
	struct campaign campaign;
	uint64_t events;
};

static void check_row(const struct campaign *c, const struct journal_event *ev)
{
	cleanup_buf struct buf out = BUF_INIT;
	struct row row;
	size_t tabs = 0;

	if (!campaign_row(c, ev, &row))
		return;
	HOLDS(results_row(&out, &row) == 0);
	HOLDS(fuzz_is_utf8(out.data, out.len));
	HOLDS(strcspn(out.data, "\n") == out.len - 1);
	for (size_t i = 0; i < out.len; i++)
		tabs += out.data[i] == '\t';
	HOLDS(tabs == 2 + row.n_metrics);
}

static int take_event(const struct journal_event *ev, void *user, struct sbx_err *err)
{
	cleanup_buf struct buf out = BUF_INIT;
	struct reading *rd = user;
	struct campaign before = rd->campaign;
	int r = campaign_apply(&rd->campaign, ev, err);

	rd->events++;
	if (r < 0) {
		/* What cannot come here has no effect. */
		HOLDS(r == -EPROTO);
		HOLDS(memcmp(&before, &rd->campaign, sizeof(before)) == 0);
		return r;
	}
	check_row(&rd->campaign, ev);
	HOLDS(budget_log_row(&out, ev, &rd->campaign) == 0);
	return 0;
}

static void check_written_on(struct journal *j, const struct journal_info *info)
{
	struct journal_event stop = { .kind = JOURNAL_STOP, .stop = { "the end" } };
	struct journal_info again;

	HOLDS(journal_append(j, &stop, 1, NULL) == 0);
	HOLDS(journal_replay(fuzz_dir(), NULL, NULL, &again, NULL) == 0);
	HOLDS(again.lines == info->lines + 1 && again.torn == 0);
}

static void check_file(const struct buf *text)
{
	struct reading replayed = { 0 }, opened = { 0 };
	struct journal_info info = { 0 }, same = { 0 };
	cleanup_journal struct journal *j = NULL;
	cleanup_buf struct buf now = BUF_INIT;
	struct sbx_err err = { 0 };
	int r, r_open;

	fuzz_put(JOURNAL_FILE, text->data, text->len);
	r = journal_replay(fuzz_dir(), take_event, &replayed, &info, &err);
	if (r < 0)
		fuzz_check_err(r, &err);
	HOLDS(fuzz_get(JOURNAL_FILE, &now));
	HOLDS(now.len == text->len && memcmp(now.data, buf_str(text), now.len) == 0);

	r_open = journal_open(fuzz_dir(), take_event, &opened, &j, &same, NULL);
	HOLDS(r_open == r && opened.events == replayed.events);
	buf_clear(&now);
	HOLDS(fuzz_get(JOURNAL_FILE, &now));
	if (r < 0) {
		HOLDS(now.len == text->len);
		return;
	}
	HOLDS(same.lines == info.lines && same.lines == opened.events);
	HOLDS(info.bytes + info.torn == text->len && now.len == info.bytes);
	HOLDS(memcmp(now.data, text->data, now.len) == 0);
	HOLDS(!info.torn == !*info.notice);
	check_written_on(j, &info);
}

static void check_repair(const struct buf *text)
{
	const struct used known = { .experiments = 3, .nano = 5, .active_us = 7 };
	struct campaign c = { 0 };
	struct sbx_err err = { 0 };
	struct salvage s;
	char name[64];
	int r;

	fuzz_put(JOURNAL_FILE, text->data, text->len);
	r = salvage_repair(fuzz_dir(), &known, &s, name, sizeof(name), &err);
	if (r < 0) {
		cleanup_buf struct buf now = BUF_INIT;

		fuzz_check_err(r, &err);
		HOLDS(fuzz_get(JOURNAL_FILE, &now) && now.len == text->len);
		return;
	}
	HOLDS(unlinkat(fuzz_dir(), name, 0) == 0);
	HOLDS(campaign_load(fuzz_dir(), NULL, NULL, &c, NULL, NULL) == 0);
	HOLDS(c.cost_nano == s.use.cost_nano && c.active_us == s.use.active_us);
	HOLDS(c.active_us >= s.at.active_us && c.experiments >= s.at.experiments);
	HOLDS(salvage_examine(fuzz_dir(), &known, &s, NULL) == 0 && s.first_bad == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	cleanup_buf struct buf text = BUF_INIT;

	if (fuzz_byte(&in) & 1)
		sum_lines(in, &text);
	else
		buf_add(&text, in.data, in.n);
	HOLDS(!text.failed);
	check_file(&text);
	check_repair(&text);
	return 0;
}
