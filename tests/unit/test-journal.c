/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The journal as a file: what goes in comes out, what a crash leaves is cut, what is damaged
 * is refused with its line, and what cannot be written leaves the file as it was.
 */

#include "ledger-fixture.h"

#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/json.h"
#include "ledger/event.h"
#include "ledger/text.h"

struct seen {
	unsigned n;
	uint64_t last_seq;
	size_t heap; /* most that was allocated */
};

static int see(const struct journal_event *ev, void *user, struct sbx_err *err)
{
	struct seen *s = user;

	(void)err;
	s->n++;
	s->last_seq = ev->seq;
	s->heap = MAX(s->heap, (size_t)mallinfo2().uordblks);
	return 0;
}

/* Five lines: create, propose, commit, run, outcome. */
static void make_five(int dir_fd)
{
	cleanup_journal struct journal *j = NULL;
	struct journal_event first = ev_create();
	struct journal_event rest[] = { ev_propose(0, "baseline"), ev_commit(0, HEX_A),
					ev_run(0, 1), ev_outcome(0, VERDICT_OK, 1.5, 7) };

	assert_int_equal(journal_create(dir_fd, &first, &j, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rest); i++)
		assert_int_equal(journal_append(j, &rest[i], 1, NULL), 0);
	assert_int_equal(rest[3].seq, 5);
}

static size_t line_start(const char *text, unsigned line)
{
	const char *p = text;

	while (--line)
		p = strchr(p, '\n') + 1;
	return (size_t)(p - text);
}

/* Open for writing, then forget it again. */
static int reopen(int dir_fd, struct seen *s, struct journal_info *info, struct sbx_err *err)
{
	cleanup_journal struct journal *j = NULL;

	*s = (struct seen){ 0 };
	return journal_open(dir_fd, see, s, &j, info, err);
}

static void assert_same_event(const struct journal_event *a, const struct journal_event *b)
{
	cleanup_buf struct buf x = BUF_INIT, y = BUF_INIT;

	assert_int_equal(event_encode(a, &x, NULL), 0);
	assert_int_equal(event_encode(b, &y, NULL), 0);
	assert_string_equal(buf_str(&x), buf_str(&y));
}

static void every_event_reads_back(void **state)
{
	struct journal_event all[] = {
		ev_create(), ev_propose(3, "lr \"0.1\"\t\xc3\xa4"), ev_commit(3, HEX_B),
		ev_run(3, 2), ev_outcome(3, VERDICT_OK, 0.1, -1e-300),
		ev_outcome(3, VERDICT_OOM, 0, 0), ev_decide(3, STATUS_DISCARD, "worse"),
		ev_advance(3, HEX_B), ev_interrupted(3, 1), ev_cost(COST_SPEND, 9, 123456789),
		ev_hours(77), ev_stop("cap"),
	};
	struct event_doc doc = { 0 };

	(void)state;
	all[6].decide.n_metrics = 2;
	all[6].decide.metrics[1] = M_PI;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		cleanup_buf struct buf text = BUF_INIT;

		all[i].seq = i + 1;
		journal_stamp(all[i].time);
		assert_int_equal(event_encode(&all[i], &text, NULL), 0);
		assert_null(strchr(text.data, '\n'));
		assert_int_equal(event_decode(text.data, text.len, &doc, NULL), 0);
		assert_int_equal(doc.ev.kind, all[i].kind);
		assert_int_equal(doc.ev.number, all[i].number);
		assert_same_event(&all[i], &doc.ev);
	}
	event_doc_done(&doc);
}

/* Each character that JSON writes in some other way, in front, in the middle and last. */
static void escaped_text_reads_back(void **state)
{
	struct event_doc doc = { 0 };
	char in[32], c[8];

	(void)state;
	for (uint32_t cp = 1; cp <= 0x10ffff; cp += cp < 0x3000 ? 1 : 0x0fff) {
		cleanup_buf struct buf text = BUF_INIT;
		struct journal_event ev = ev_propose(1, in);
		size_t n = utf8_put(c, cp);

		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		c[n] = '\0';
		snprintf(in, sizeof(in), "%sa%s%s", c, c, c);
		assert_int_equal(event_encode(&ev, &text, NULL), 0);
		assert_int_equal(event_decode(text.data, text.len, &doc, NULL), 0);
		assert_string_equal(doc.ev.propose.description, in);
	}
	event_doc_done(&doc);
}

static void what_is_no_event_is_refused(void **state)
{
	static const char *const lines[] = {
		"", "{", "{}", "[]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
		"{\"a\":\"b", "{\"a\":\"\\", "{\"a\":\"\\u", "{\"a\":\"\\u12", "{\"a\":\"\\x\"}",
		"{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\ud800\\u0041\"}",
		"{\"a\":\"\\u0000\"}", "{\"a\":[", "{\"a\":[1", "{\"a\":[1,", "{\"a\":[1,]}",
		"{\"a\":[[1]]}", "{\"a\":{}}", "{\"a\":1}}", "{\"a\":1}x", "{\"a\" :1}", "{a:1}",
		"{\"a\":,\"b\":1}", "{\"a\":\"\n\"}",
	};
	struct flat f = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(flat_parse(&f, lines[i], strlen(lines[i])), -EBADMSG);
	assert_int_equal(flat_parse(&f, "{\"a\":[],\"b\":true}", 17), 0);
	assert_int_equal(flat_get(&f, "a")->n, 0);
	assert_string_equal(flat_get(&f, "b")->text, "true");
	assert_null(flat_get(&f, "c"));
	flat_done(&f);
}

/* Every value in turn is left out, or is of the wrong kind. */
static void an_event_without_its_members_is_refused(void **state)
{
	static const char *const lines[] = {
		"{\"seq\":1,\"t\":\"T\",\"event\":\"hours\"}",
		"{\"seq\":1,\"t\":\"T\",\"event\":\"hours\",\"active_us\":\"1\"}",
		"{\"seq\":1,\"t\":\"T\",\"event\":\"hours\",\"active_us\":-1}",
		"{\"seq\":1,\"t\":\"T\",\"event\":\"hours\",\"active_us\":1.5}",
		"{\"seq\":1,\"t\":\"T\",\"event\":\"hours\",\"active_us\":9223372036854775808}",
		"{\"seq\":1,\"event\":\"hours\",\"active_us\":1}",
		"{\"t\":\"T\",\"event\":\"hours\",\"active_us\":1}",
		"{\"seq\":1,\"t\":\"T\",\"active_us\":1}",
		"{\"seq\":1,\"t\":\"T\",\"event\":\"commit\",\"commit\":\"" HEX_A "\"}",
		"{\"seq\":1,\"t\":\"T\",\"event\":\"commit\",\"n\":1,\"commit\":\"abc\"}",
	};
	struct event_doc doc = { 0 };
	struct sbx_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		err = (struct sbx_err){ 0 };
		assert_int_equal(event_decode(lines[i], strlen(lines[i]), &doc, &err), -EBADMSG);
		assert_true(*err.msg);
	}
	event_doc_done(&doc);
}

static void metrics_read_back_to_the_last_bit(void **state)
{
	const double values[] = { 0.1, 1.0 / 3, M_PI, 5e-324, 1.7976931348623157e308, 123456789.0,
				  -0.30000000000000004 };
	struct event_doc doc = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct journal_event ev = ev_outcome(1, VERDICT_OK, values[i], -values[i]);
		cleanup_buf struct buf text = BUF_INIT;

		assert_int_equal(event_encode(&ev, &text, NULL), 0);
		assert_int_equal(event_decode(text.data, text.len, &doc, NULL), 0);
		assert_true(doc.ev.outcome.outcome.metrics[0] == values[i]);
		assert_true(doc.ev.outcome.outcome.metrics[1] == -values[i]);
	}
	event_doc_done(&doc);
}

static void untrusted_text_is_repaired_and_cut(void **state)
{
	char long_text[3000], *p = long_text;
	struct journal_event ev;
	struct event_doc doc = { 0 };
	cleanup_buf struct buf text = BUF_INIT;

	(void)state;
	memcpy(p, "\xff\xc0\x80 \xed\xa0\x80 \x01 ", 10);
	for (p += 10; p < long_text + sizeof(long_text) - 3; p += 2)
		memcpy(p, "\xc3\xa4", 2);
	*p = '\0';
	ev = ev_propose(1, long_text);
	assert_int_equal(event_encode(&ev, &text, NULL), 0);
	assert_int_equal(event_decode(text.data, text.len, &doc, NULL), 0);
	assert_true(strlen(doc.ev.propose.description) <= JOURNAL_TEXT_MAX);
	assert_true(strlen(doc.ev.propose.description) > JOURNAL_TEXT_MAX - 4);
	assert_memory_equal(doc.ev.propose.description, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd ",
			    10);
	event_doc_done(&doc);
}

static void what_cannot_be_recorded_is_refused(void **state)
{
	struct scratch *s = *state;
	cleanup_journal struct journal *j = NULL;
	struct journal_event first = ev_create(), good = ev_hours(1);
	struct journal_event bad[] = {
		ev_outcome(1, VERDICT_OK, NAN, 1), ev_outcome(1, VERDICT_OK, 1, INFINITY),
		ev_commit(1, "abc"), ev_commit(1, NULL), ev_advance(1, HEX_A "0"),
		ev_hours(UINT64_MAX), ev_propose(1, "x"),
	};
	struct sbx_err err = { 0 };
	struct seen seen;

	bad[6].propose.content =
		"0123456789012345678901234567890123456789012345678901234567890123456789012";
	assert_int_equal(journal_create(s->fd, &first, &j, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct sbx_err){ 0 };
		assert_int_equal(journal_append(j, &bad[i], 1, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "cannot be recorded"));
	}
	assert_int_equal(journal_append(j, &good, 1, NULL), 0);
	assert_int_equal(good.seq, 2);
	assert_int_equal(reopen(s->fd, &seen, NULL, NULL), 0);
	assert_int_equal(seen.n, 2);
}

/* Counts down; the allocation that finds 1 fails, those behind it do not. */
static unsigned allocation;

static void *fail_once(size_t n)
{
	if (allocation && --allocation == 0) {
		errno = ENOMEM;
		return NULL;
	}
	return malloc(n);
}

static void without_memory_a_line_is_whole_or_none(void **state)
{
	struct journal_event all[] = {
		ev_create(),  ev_propose(3, "lr \"0.1\""),       ev_commit(3, HEX_B),
		ev_run(3, 2), ev_outcome(3, VERDICT_OK, 1.5, 2), ev_hours(7),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		cleanup_buf struct buf whole = BUF_INIT;
		int r = -ENOMEM;

		assert_int_equal(event_encode(&all[i], &whole, NULL), 0);
		for (unsigned n = 1; r < 0; n++) {
			cleanup_buf struct buf text = BUF_INIT;
			struct sbx_err err = { 0 };

			allocation = n;
			json_set_alloc_funcs(fail_once, free);
			r = event_encode(&all[i], &text, &err);
			json_set_alloc_funcs(malloc, free);
			assert_int_equal(r, r < 0 ? -ENOMEM : 0);
			assert_string_equal(buf_str(&text), r < 0 ? "" : buf_str(&whole));
			assert_true(n < 1000);
		}
	}
}

static void files_are_private_and_created_once(void **state)
{
	struct scratch *s = *state;
	cleanup_journal struct journal *j = NULL, *again = NULL;
	struct journal_event first = ev_create();
	struct stat st;
	bool exists;

	assert_int_equal(journal_exists(s->fd, &exists, NULL), 0);
	assert_false(exists);
	assert_int_equal(journal_create(s->fd, &first, &j, NULL), 0);
	assert_int_equal(fstatat(s->fd, JOURNAL_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstat(s->fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(journal_exists(s->fd, &exists, NULL), 0);
	assert_true(exists);
	assert_int_equal(journal_create(s->fd, &first, &again, NULL), -EEXIST);
}

static void links_are_not_followed(void **state)
{
	struct scratch *s = *state;
	struct seen seen;
	char all[128];
	int fd;

	make_five(s->fd);
	assert_int_equal(linkat(s->fd, JOURNAL_FILE, s->fd, "second", 0), 0);
	assert_int_equal(reopen(s->fd, &seen, NULL, NULL), -EPERM);
	assert_int_equal(unlinkat(s->fd, JOURNAL_FILE, 0), 0);
	assert_int_equal(symlinkat("second", s->fd, JOURNAL_FILE), 0);
	assert_int_equal(reopen(s->fd, &seen, NULL, NULL), -ELOOP);
	assert_int_equal(journal_replay(s->fd, NULL, NULL, NULL, NULL), -ELOOP);

	snprintf(all, sizeof(all), "%s/autoexp/link", s->path);
	assert_int_equal(symlink("t", all), 0);
	assert_true(journal_dir_open(s->path, "link", true, &fd, NULL) < 0);
	assert_true(journal_dir_open(s->path, "../autoexp/t", true, &fd, NULL) < 0);
	assert_true(journal_dir_open(s->path, "", true, &fd, NULL) < 0);
	assert_int_equal(journal_dir_open(s->path, "none", false, &fd, NULL), -ENOENT);
}

static void torn_last_line_is_cut_at_every_byte(void **state)
{
	struct scratch *s = *state;
	cleanup_free char *text = NULL;
	struct journal_info info;
	struct seen seen;
	size_t n, start;
	struct stat st;

	make_five(s->fd);
	text = slurp(s->fd, JOURNAL_FILE, &n);
	start = line_start(text, 5);
	for (size_t cut = start; cut < n; cut++) {
		cleanup_journal struct journal *j = NULL;
		struct journal_event ev = ev_outcome(0, VERDICT_OK, 1.5, 7);

		spit(s->fd, JOURNAL_FILE, text, cut);
		/* A reader leaves it alone, the writer cuts it, and nobody sees half an event. */
		seen = (struct seen){ 0 };
		assert_int_equal(journal_replay(s->fd, see, &seen, &info, NULL), 0);
		assert_int_equal(seen.n, 4);
		assert_int_equal(fstatat(s->fd, JOURNAL_FILE, &st, 0), 0);
		assert_int_equal(st.st_size, cut);

		seen = (struct seen){ 0 };
		assert_int_equal(journal_open(s->fd, see, &seen, &j, &info, NULL), 0);
		assert_int_equal(seen.n, 4);
		assert_int_equal(info.torn, cut - start);
		assert_true((*info.notice != '\0') == (cut > start));
		assert_int_equal(fstatat(s->fd, JOURNAL_FILE, &st, 0), 0);
		assert_int_equal(st.st_size, start);

		assert_int_equal(journal_append(j, &ev, 1, NULL), 0);
		assert_int_equal(reopen(s->fd, &seen, &info, NULL), 0);
		assert_int_equal(seen.n, 5);
		assert_int_equal(info.torn, 0);
		assert_string_equal(info.notice, "");
	}
}

/* What file systems leave when the length reached the disk and the data did not. */
static void blocks_that_never_arrived_are_cut(void **state)
{
	struct scratch *s = *state;
	cleanup_free char *text = NULL;
	const char zeros[5000] = { 0 };
	struct journal_info info;
	struct seen seen;
	size_t n, start;

	make_five(s->fd);
	text = slurp(s->fd, JOURNAL_FILE, &n);
	start = line_start(text, 5);

	memset(text + start + 10, 0, n - start - 10);
	spit(s->fd, JOURNAL_FILE, text, n);
	assert_int_equal(reopen(s->fd, &seen, &info, NULL), 0);
	assert_int_equal(seen.n, 4);
	assert_int_equal(info.torn, n - start);

	for (int newline = 0; newline < 2; newline++) {
		cleanup_close int fd = openat(s->fd, JOURNAL_FILE, O_WRONLY | O_APPEND);

		assert_int_equal(fd_write_all(fd, zeros, sizeof(zeros)), 0);
		assert_int_equal(fd_write_all(fd, "\n", (size_t)newline), 0);
		assert_int_equal(reopen(s->fd, &seen, &info, NULL), 0);
		assert_int_equal(seen.n, 4);
		assert_int_equal(info.torn, sizeof(zeros) + (size_t)newline);
	}
}

static void any_changed_byte_is_found(void **state)
{
	static const unsigned char masks[] = { 0x01, 0x02, 0x20, 0x80, 0xff };
	struct scratch *s = *state;
	cleanup_free char *text = NULL;
	unsigned line = 1;
	size_t n;

	make_five(s->fd);
	text = slurp(s->fd, JOURNAL_FILE, &n);
	for (size_t i = 0; i < n; line += text[i++] == '\n')
		for (size_t m = 0; m < ARRAY_SIZE(masks); m++) {
			cleanup_free char *now = NULL;
			struct journal_info info = { 0 };
			struct sbx_err err = { 0 };
			char place[32];
			struct seen seen;
			size_t len;
			int r;

			text[i] ^= (char)masks[m];
			spit(s->fd, JOURNAL_FILE, text, n);
			r = reopen(s->fd, &seen, &info, &err);
			text[i] ^= (char)masks[m];
			if (r == 0) {
				/* Only what looks like a line torn by a crash may go. */
				assert_int_equal(line, 5);
				assert_int_equal(seen.n, 4);
				assert_true(info.torn > 0);
				continue;
			}
			assert_true(r == -EBADMSG || r == -EPROTONOSUPPORT);
			assert_int_equal(seen.n, line - 1);
			snprintf(place, sizeof(place), "line %u", line);
			assert_non_null(strstr(err.msg, place));
			now = slurp(s->fd, JOURNAL_FILE, &len);
			assert_int_equal(len, n);
		}
}

static void lost_doubled_and_moved_lines_are_found(void **state)
{
	struct scratch *s = *state;
	cleanup_free char *text = NULL;
	struct sbx_err err = { 0 };
	struct seen seen;
	size_t n, at[7];

	make_five(s->fd);
	text = slurp(s->fd, JOURNAL_FILE, &n);
	for (unsigned i = 1; i <= 5; i++)
		at[i] = line_start(text, i);
	at[6] = n;
	for (unsigned i = 1; i <= 4; i++) {
		cleanup_buf struct buf b = BUF_INIT;

		buf_add(&b, text, at[i]);
		buf_add(&b, text + at[i + 1], n - at[i + 1]);
		/* What is behind the hole is refused, be it one line or many. */
		spit(s->fd, JOURNAL_FILE, b.data, b.len);
		if (i < 4)
			assert_int_equal(reopen(s->fd, &seen, NULL, &err), -EBADMSG);
		else
			assert_int_equal(reopen(s->fd, &seen, NULL, &err), 0);
		assert_int_equal(seen.n, i - 1);

		buf_clear(&b);
		buf_add(&b, text, at[i + 1]);
		buf_add(&b, text + at[i], n - at[i]);
		spit(s->fd, JOURNAL_FILE, b.data, b.len);
		assert_int_equal(reopen(s->fd, &seen, NULL, NULL), -EBADMSG);
		assert_int_equal(seen.n, i);
	}
}

static uint64_t fnv(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
	return h;
}

static void later_versions_are_refused(void **state)
{
	struct scratch *s = *state;
	const char *line = "{\"seq\":6,\"t\":\"2030-01-01T00:00:00.000Z\",\"event\":\"merge\"";
	cleanup_free char *text = NULL, *format = NULL;
	struct sbx_err err = { 0 };
	char sum[17];
	struct seen seen;
	size_t n;

	make_five(s->fd);
	text = slurp(s->fd, JOURNAL_FILE, &n);
	memcpy(sum, text + n - 19, 16);
	sum[16] = '\0';
	format = str_printf("%s%s,\"sum\":\"%016" PRIx64 "\"}\n", text, line,
			    fnv(strtoull(sum, NULL, 16), line));
	spit(s->fd, JOURNAL_FILE, format, strlen(format));
	assert_int_equal(reopen(s->fd, &seen, NULL, &err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.msg, "line 6"));
	assert_non_null(strstr(err.msg, "\"merge\""));

	err = (struct sbx_err){ 0 };
	strstr(text, "\"format\":1")[9] = '2';
	spit(s->fd, JOURNAL_FILE, text, n);
	assert_int_equal(reopen(s->fd, &seen, NULL, &err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.msg, "format 2"));
	assert_int_equal(seen.n, 0);
}

static void an_empty_or_missing_journal_is_not_a_new_one(void **state)
{
	struct scratch *s = *state;
	struct seen seen;

	assert_int_equal(reopen(s->fd, &seen, NULL, NULL), -ENOENT);
	spit(s->fd, JOURNAL_FILE, "", 0);
	assert_int_equal(reopen(s->fd, &seen, NULL, NULL), -EBADMSG);
	spit(s->fd, JOURNAL_FILE, "{\"seq\"", 6);
	assert_int_equal(reopen(s->fd, &seen, NULL, NULL), -EBADMSG);
}

static void several_events_are_one_write(void **state)
{
	struct scratch *s = *state;
	cleanup_free char *text = NULL;
	struct journal_info info;
	struct seen seen;
	size_t n, start;

	make_five(s->fd);
	{
		struct journal_event two[] = { ev_decide(0, STATUS_KEEP, "first"),
					       ev_hours(5) };
		cleanup_journal struct journal *j = NULL;

		assert_int_equal(journal_open(s->fd, NULL, NULL, &j, NULL, NULL), 0);
		assert_int_equal(journal_append(j, two, 2, NULL), 0);
		assert_int_equal(two[1].seq, 7);
	}
	text = slurp(s->fd, JOURNAL_FILE, &n);
	start = line_start(text, 7);
	spit(s->fd, JOURNAL_FILE, text, start + 5);
	assert_int_equal(reopen(s->fd, &seen, &info, NULL), 0);
	assert_int_equal(seen.n, 6);
	spit(s->fd, JOURNAL_FILE, text, start - 5);
	assert_int_equal(reopen(s->fd, &seen, &info, NULL), 0);
	assert_int_equal(seen.n, 5);
}

static void a_file_changed_by_others_is_not_written(void **state)
{
	struct scratch *s = *state;
	cleanup_journal struct journal *j = NULL;
	cleanup_close int fd = -EBADF;
	struct journal_event ev = ev_hours(1);
	struct sbx_err err = { 0 };

	make_five(s->fd);
	assert_int_equal(journal_open(s->fd, NULL, NULL, &j, NULL, NULL), 0);
	fd = openat(s->fd, JOURNAL_FILE, O_WRONLY | O_APPEND);
	assert_int_equal(fd_write_all(fd, "x", 1), 0);
	assert_int_equal(journal_append(j, &ev, 1, &err), -ESTALE);
	assert_int_equal(journal_append(j, &ev, 1, NULL), -EIO);
}

static void a_deleted_journal_is_noticed(void **state)
{
	struct scratch *s = *state;
	cleanup_journal struct journal *j = NULL;
	struct journal_event ev = ev_hours(1);

	make_five(s->fd);
	assert_int_equal(journal_open(s->fd, NULL, NULL, &j, NULL, NULL), 0);
	assert_int_equal(unlinkat(s->fd, JOURNAL_FILE, 0), 0);
	assert_int_equal(journal_append(j, &ev, 1, NULL), -ESTALE);
}

/* Append until the disk says no, then look at what is left. Return: events acknowledged */
static unsigned append_until_full(int dir_fd, int code, const char *remedy)
{
	cleanup_journal struct journal *j = NULL;
	struct journal_event ev = ev_create();
	struct journal_info info;
	struct sbx_err err = { 0 };
	struct seen seen;
	unsigned n = 1;
	int r;

	assert_int_equal(journal_create(dir_fd, &ev, &j, NULL), 0);
	do {
		ev = ev_propose(n, "something that takes a little room in the journal");
		r = journal_append(j, &ev, 1, &err);
		n += r == 0;
	} while (r == 0 && n < 100000);
	assert_int_equal(r, code);
	assert_non_null(strstr(err.msg, remedy));
	assert_non_null(strstr(err.msg, "Nothing recorded so far is lost"));
	/* It stays shut, also where there is room again. */
	assert_int_equal(journal_append(j, &ev, 1, NULL), -EIO);

	assert_int_equal(reopen(dir_fd, &seen, &info, NULL), 0);
	assert_int_equal(seen.n, n);
	assert_int_equal(info.torn, 0);
	return n;
}

static void a_file_size_limit_loses_nothing(void **state)
{
	struct scratch *s = *state;
	struct rlimit old, small = { 5000, 5000 };
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	unsigned n;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	n = append_until_full(s->fd, -EFBIG, "ulimit -f");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, handler);
	assert_true(n > 5 && n < 50);
}

/* A mount namespace of our own, with root's rights in it; false where that is not allowed. */
static bool own_mounts(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)) < 0)
		return false;
	if (uid) {
		snprintf(map, sizeof(map), "0 %u 1", uid);
		if (file_write(AT_FDCWD, "/proc/self/uid_map", map) < 0 ||
		    file_write(AT_FDCWD, "/proc/self/setgroups", "deny") < 0)
			return false;
		snprintf(map, sizeof(map), "0 %u 1", gid);
		if (file_write(AT_FDCWD, "/proc/self/gid_map", map) < 0)
			return false;
	}
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void a_full_disk_loses_nothing(void **state)
{
	struct scratch *s = *state;
	int status, fd;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (!own_mounts() || mount("none", s->path, "tmpfs", 0, "size=64k") < 0)
			_exit(77);
		if (journal_dir_open(s->path, "t", true, &fd, NULL) < 0)
			_exit(1);
		_exit(append_until_full(fd, -ENOSPC, "No space left") > 100 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("  no tmpfs can be mounted here: user namespaces are off\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_long_journal_takes_no_memory(void **state)
{
	struct scratch *s = *state;
	struct journal_event first = ev_create(), many[1000];
	cleanup_journal struct journal *j = NULL;
	struct seen seen = { 0 };
	size_t before;
	uint64_t t;

	assert_int_equal(journal_create(s->fd, &first, &j, NULL), 0);
	for (unsigned k = 0; k < 20; k++) {
		for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
			many[i] = ev_outcome(k * 1000 + i, VERDICT_OK, i / 3.0, k);
		assert_int_equal(journal_append(j, many, ARRAY_SIZE(many), NULL), 0);
	}
	before = (size_t)mallinfo2().uordblks;
	t = now_us();
	assert_int_equal(journal_replay(s->fd, see, &seen, NULL, NULL), 0);
	t = now_us() - t;
	print_message("  20,001 events in %" PRIu64 " ms, %zu KiB of heap at most\n", t / 1000,
		      (seen.heap - before) / 1024);
	assert_int_equal(seen.n, 20001);
	assert_int_equal(seen.last_seq, 20001);
	assert_true(seen.heap - before < 1024 * 1024);
}

static int refuse_third(const struct journal_event *ev, void *user, struct sbx_err *err)
{
	(void)user;
	return ev->seq == 3 ? sbx_err_set(err, -EPROTO, "test", "not this one") : 0;
}

static void a_refusal_names_the_line(void **state)
{
	struct scratch *s = *state;
	struct sbx_err err = { 0 };

	make_five(s->fd);
	assert_int_equal(journal_replay(s->fd, refuse_third, NULL, NULL, &err), -EPROTO);
	assert_non_null(strstr(err.msg, "line 3: not this one"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_event_reads_back),
		T(escaped_text_reads_back),
		T(what_is_no_event_is_refused),
		T(an_event_without_its_members_is_refused),
		T(metrics_read_back_to_the_last_bit),
		T(untrusted_text_is_repaired_and_cut),
		T(what_cannot_be_recorded_is_refused),
		T(without_memory_a_line_is_whole_or_none),
		T(files_are_private_and_created_once),
		T(links_are_not_followed),
		T(torn_last_line_is_cut_at_every_byte),
		T(blocks_that_never_arrived_are_cut),
		T(any_changed_byte_is_found),
		T(lost_doubled_and_moved_lines_are_found),
		T(later_versions_are_refused),
		T(an_empty_or_missing_journal_is_not_a_new_one),
		T(several_events_are_one_write),
		T(a_file_changed_by_others_is_not_written),
		T(a_deleted_journal_is_noticed),
		T(a_file_size_limit_loses_nothing),
		T(a_full_disk_loses_nothing),
		T(a_long_journal_takes_no_memory),
		T(a_refusal_names_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
