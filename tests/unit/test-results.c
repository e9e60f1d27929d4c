/* SPDX-License-Identifier: Apache-2.0 */

/*
 * results.tsv: the text of rows, and the file that is made again whenever it is not what the
 * journal says.
 */

#include "ledger-fixture.h"


static void numbers_are_short_and_exact(void **state)
{
	static const struct {
		double value;
		const char *text;
	} table[] = {
		{ 0, "0" },
		{ 3, "3" },
		{ 0.9979, "0.9979" },
		{ 0.1, "0.1" },
		{ 0.30000000000000004, "0.30000000000000004" },
		{ 123456, "123456" },
		{ 1234567, "1234567" },
		{ -2.5e-7, "-2.5e-07" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 1e21, "1e+21" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_string_equal(results_metric(out, sizeof(out), table[i].value),
				    table[i].text);
		assert_true(strtod(out, NULL) == table[i].value);
	}
}

/* Described as a measured discard, with nothing added. */
static const char *describe(const char *description)
{
	static char out[RESULTS_TEXT_MAX + 1];
	static const double metrics[2];
	struct outcome o = { .verdict = VERDICT_OK };
	struct decision d = { .status = STATUS_DISCARD, .reason = "worse" };
	struct row row = { .description = description, .outcome = &o, .decision = &d,
			   .metrics = metrics };

	return results_describe(out, sizeof(out), &row);
}

static void descriptions_cannot_break_the_table(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
		{ "lower the rate", "lower the rate" },
		{ "", "" },
		{ "a\tb\nc\r\nd", "a b c  d" },
		{ "\x1b[31mred\x07\x7f", "[31mred" },
		{ "=1+1", "'=1+1" },
		{ "+1", "'+1" },
		{ "-1", "'-1" },
		{ "@sum", "'@sum" },
		{ "  =1", "'=1" },
		{ "\t\n=1", "'=1" },
		{ "\xe2\x80\xa8=1", "'=1" },
		{ "\"open", "'\"open" },
		{ "'quoted", "'quoted" },
		{ "a = b", "a = b" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "bad \xff\xc3", "bad \xef\xbf\xbd\xef\xbf\xbd" },
		{ "over\xc0\xaflong", "over\xef\xbf\xbd\xef\xbf\xbdlong" },
		{ "sur\xed\xa0\x80", "sur\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "c1 \xc2\x85next", "c1  next" },
		{ "line\xe2\x80\xa9" "end", "line end" },
		{ "rtl\xe2\x80\xaekeep", "rtl keep" },
		{ "trailing   ", "trailing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_string_equal(describe(table[i].in), table[i].out);
}

static void no_byte_sequence_makes_a_second_line_or_column(void **state)
{
	char text[64], out[RESULTS_TEXT_MAX + 1];
	struct decision d = { .status = STATUS_CRASH };
	struct row row = { .description = text, .decision = &d };
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof(text); k++)
			text[k] = (char)rand_r(&seed);
		text[sizeof(text) - 1] = '\0';
		snprintf(d.reason, sizeof(d.reason), "%s", text);
		results_describe(out, sizeof(out), &row);
		assert_int_equal(strcspn(out, "\t\n\r\v\f\x1b\x7f"), strlen(out));
		assert_null(strchr("=+-@\"", *out ? *out : 'x'));
	}
}

static void a_crash_says_why(void **state)
{
	struct outcome o = { .verdict = VERDICT_TIMEOUT };
	struct decision d = { .status = STATUS_CRASH, .reason = "ran for 2s" };
	struct row row = { .commit = HEX_A, .description = "loop", .outcome = &o,
			   .decision = &d, .n_metrics = 2 };
	cleanup_buf struct buf line = BUF_INIT;
	char out[RESULTS_TEXT_MAX + 1];

	(void)state;
	assert_string_equal(results_describe(out, sizeof(out), &row),
			    "loop (timeout: ran for 2s)");
	snprintf(d.reason, sizeof(d.reason), "timeout: after 2s");
	assert_string_equal(results_describe(out, sizeof(out), &row), "loop (timeout: after 2s)");
	assert_int_equal(results_row(&line, &row), 0);
	assert_string_equal(line.data, "aaaaaaaaaaaa\t0.0000\t0.0000\tcrash\t"
				       "loop (timeout: after 2s)\n");

	row.outcome = NULL;
	row.description = "";
	snprintf(d.reason, sizeof(d.reason), "no valid edit");
	assert_string_equal(results_describe(out, sizeof(out), &row), "(no valid edit)");
	d.status = STATUS_DISCARD;
	snprintf(d.reason, sizeof(d.reason), "not measurable");
	assert_string_equal(results_describe(out, sizeof(out), &row), "(not measurable)");
}

static void a_duplicate_says_of_what(void **state)
{
	const double metrics[] = { 1.5, 7 };
	struct decision d = { .status = STATUS_DISCARD, .reason = "same as 0001" };
	struct row row = { .commit = HEX_A, .description = "again", .decision = &d,
			   .metrics = metrics, .n_metrics = 2 };
	cleanup_buf struct buf line = BUF_INIT;

	(void)state;
	assert_int_equal(results_row(&line, &row), 0);
	assert_string_equal(line.data, "aaaaaaaaaaaa\t1.5\t7\tdiscard\tagain (same as 0001)\n");
}

static void a_reason_is_never_cut_off_by_a_long_description(void **state)
{
	struct outcome o = { .verdict = VERDICT_SETUP_ERROR };
	struct decision d = { .status = STATUS_CRASH };
	char description[JOURNAL_TEXT_MAX + 1] = "", out[RESULTS_TEXT_MAX + 1];
	struct row row = { .description = description, .outcome = &o, .decision = &d };

	(void)state;
	memset(description, '=', JOURNAL_TEXT_MAX);
	memset(d.reason, 'r', sizeof(d.reason) - 1);
	results_describe(out, sizeof(out), &row);
	assert_string_equal(out + strlen(out) - 4, "rrr)");
}

/* A ledger on a scratch repository whose .git is the scratch directory itself. */

#define TWO_ROWS                                                       \
	"commit\tloss\tsize\tstatus\tdescription\n"                    \
	"aaaaaaaaaaaa\t1.5\t7\tkeep\tbaseline\n"                       \
	"bbbbbbbbbbbb\t0.0000\t0.0000\tcrash\ttry (oom: as it was)\n"

static void add(struct ledger *l, struct journal_event ev)
{
	struct sbx_err err = { 0 };

	if (ledger_append(l, &ev, 1, &err) < 0)
		fail_msg("%s", err.msg);
}

static void open_ledger(struct ledger *l, struct scratch *s)
{
	struct sbx_err err = { 0 };
	bool exists;

	assert_int_equal(ledger_lock(l, s->path, s->path, "t", &exists, &err), 0);
	assert_true(exists);
	if (ledger_open(l, NULL, NULL, &err) < 0)
		fail_msg("%s", err.msg);
}

static void make_two_rows(struct scratch *s)
{
	cleanup_ledger struct ledger l = LEDGER_INIT;
	struct journal_event first = ev_create();
	bool exists;

	assert_int_equal(ledger_lock(&l, s->path, s->path, "t", &exists, NULL), 0);
	assert_false(exists);
	assert_int_equal(ledger_create(&l, &first, NULL), 0);
	add(&l, ev_propose(0, "baseline"));
	add(&l, ev_commit(0, HEX_A));
	add(&l, ev_run(0, 1));
	add(&l, ev_outcome(0, VERDICT_OK, 1.5, 7));
	add(&l, ev_decide(0, STATUS_KEEP, "the first"));
	add(&l, ev_propose(1, "try"));
	add(&l, ev_commit(1, HEX_B));
	add(&l, ev_run(1, 1));
	add(&l, ev_outcome(1, VERDICT_OOM, 0, 0));
	add(&l, ev_decide(1, STATUS_CRASH, "as it was"));
}

static int derived(struct scratch *s)
{
	int fd = -EBADF;

	assert_int_equal(derived_dir_open(s->path, "t", true, &fd, NULL), 0);
	return fd;
}

static void assert_rows(struct scratch *s, const char *text)
{
	cleanup_close int fd = derived(s);
	cleanup_free char *now = slurp(fd, "results.tsv", NULL);

	assert_string_equal(now, text);
}

static void rows_appear_as_they_are_decided(void **state)
{
	struct scratch *s = *state;
	cleanup_close int fd = -EBADF;
	struct stat st;

	make_two_rows(s);
	assert_rows(s, TWO_ROWS);
	fd = derived(s);
	assert_int_equal(fstatat(fd, "results.tsv", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(fd, "..", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void a_right_file_is_left_alone(void **state)
{
	struct scratch *s = *state;
	cleanup_close int fd = -EBADF;
	struct stat before, after;

	make_two_rows(s);
	fd = derived(s);
	assert_int_equal(fstatat(fd, "results.tsv", &before, 0), 0);
	{
		cleanup_ledger struct ledger l = LEDGER_INIT;

		open_ledger(&l, s);
		assert_string_equal(l.notice, "");
	}
	assert_int_equal(fstatat(fd, "results.tsv", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void wrong_files_are_made_again(void **state)
{
	static const char *const wrong[] = {
		"", "c", "commit\tloss\tsize\tstatus\tdescription\n",
		/* torn, edited, one row more, carriage returns, one line fewer */
		"commit\tloss\tsize\tstatus\tdescription\naaaaaaaaaaaa\t1.5",
		"commit\tloss\tsize\tstatus\tdescription\naaaaaaaaaaaa\t1.4\t7\tkeep\tbaseline\n",
		TWO_ROWS "cccccccccccc\t1\t1\tkeep\tmine\n", TWO_ROWS "x",
		"commit\tloss\tsize\tstatus\tdescription\r\naaaaaaaaaaaa\t1.5\t7\tkeep\tbaseline\r\n",
		"commit\tloss\tsize\tstatus\tdescription\n"
		"bbbbbbbbbbbb\t0.0000\t0.0000\tcrash\ttry (oom: as it was)\n",
	};
	struct scratch *s = *state;
	cleanup_close int fd = -EBADF;

	make_two_rows(s);
	fd = derived(s);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		cleanup_ledger struct ledger l = LEDGER_INIT;

		spit(fd, "results.tsv", wrong[i], strlen(wrong[i]));
		open_ledger(&l, s);
		assert_string_equal(l.notice,
				    "results.tsv did not hold what the journal says: made again");
		assert_rows(s, TWO_ROWS);
		assert_int_equal(faccessat(fd, "results.tsv.tmp~", F_OK, 0), -1);
	}
}

static void traps_in_place_of_the_file_are_replaced(void **state)
{
	struct scratch *s = *state;
	cleanup_close int fd = -EBADF;
	cleanup_free char *other = NULL;

	make_two_rows(s);
	fd = derived(s);
	spit(fd, "precious", TWO_ROWS, strlen(TWO_ROWS));
	for (int trap = 0; trap < 3; trap++) {
		cleanup_ledger struct ledger l = LEDGER_INIT;
		struct stat st;

		assert_int_equal(unlinkat(fd, "results.tsv", 0), 0);
		if (trap == 0)
			assert_int_equal(symlinkat("precious", fd, "results.tsv"), 0);
		else if (trap == 1)
			assert_int_equal(linkat(fd, "precious", fd, "results.tsv", 0), 0);
		else
			assert_int_equal(mkfifoat(fd, "results.tsv", 0600), 0);
		open_ledger(&l, s);
		assert_int_equal(fstatat(fd, "results.tsv", &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISREG(st.st_mode));
		assert_int_equal(st.st_nlink, 1);
		assert_rows(s, TWO_ROWS);
	}
	other = slurp(fd, "precious", NULL);
	assert_string_equal(other, TWO_ROWS);
}

static void a_linked_directory_is_refused(void **state)
{
	struct scratch *s = *state;
	struct sbx_err err = { 0 };
	char at[128], to[128];
	int fd;

	snprintf(at, sizeof(at), "%s/.autoexp", s->path);
	snprintf(to, sizeof(to), "%s/elsewhere", s->path);
	assert_int_equal(mkdir(to, 0700), 0);
	assert_int_equal(symlink(to, at), 0);
	assert_true(derived_dir_open(s->path, "t", true, &fd, &err) < 0);
	assert_non_null(strstr(err.msg, ".autoexp is a link"));
	if (geteuid() == 0) {
		err = (struct sbx_err){ 0 };
		assert_int_equal(unlink(at), 0);
		assert_int_equal(mkdir(at, 0777), 0);
		assert_int_equal(chown(at, 12345, 12345), 0);
		assert_int_equal(derived_dir_open(s->path, "t", true, &fd, &err), -EPERM);
		assert_non_null(strstr(err.msg, "belongs to user 12345"));
	}
}

static void a_file_deleted_meanwhile_comes_back_whole(void **state)
{
	struct scratch *s = *state;
	cleanup_ledger struct ledger l = LEDGER_INIT;
	cleanup_close int fd = -EBADF;
	char all[128];

	make_two_rows(s);
	open_ledger(&l, s);
	fd = derived(s);
	assert_int_equal(unlinkat(fd, "results.tsv", 0), 0);
	add(&l, ev_propose(2, "again"));
	assert_rows(s, TWO_ROWS);

	snprintf(all, sizeof(all), "%s/.autoexp", s->path);
	assert_int_equal(dir_remove(AT_FDCWD, all), 0);
	add(&l, ev_commit(2, HEX_C));
	add(&l, ev_decide(2, STATUS_DISCARD, "same as 0001"));
	assert_rows(s, TWO_ROWS "cccccccccccc\t0.0000\t0.0000\tdiscard\tagain (same as 0001)\n");

	fd_close(fd);
	fd = derived(s);
	spit(fd, "results.tsv", "mine", 4);
	add(&l, ev_propose(3, "and again"));
	assert_rows(s, TWO_ROWS "cccccccccccc\t0.0000\t0.0000\tdiscard\tagain (same as 0001)\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_short_and_exact),
		cmocka_unit_test(descriptions_cannot_break_the_table),
		cmocka_unit_test(no_byte_sequence_makes_a_second_line_or_column),
		cmocka_unit_test(a_crash_says_why),
		cmocka_unit_test(a_duplicate_says_of_what),
		cmocka_unit_test(a_reason_is_never_cut_off_by_a_long_description),
		T(rows_appear_as_they_are_decided),
		T(a_right_file_is_left_alone),
		T(wrong_files_are_made_again),
		T(traps_in_place_of_the_file_are_replaced),
		T(a_linked_directory_is_refused),
		T(a_file_deleted_meanwhile_comes_back_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
