/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A journal damaged in every place: one wrong byte is put right, of more than that the usage
 * stays, and the old file is still there.
 */

#include "ledger-fixture.h"

#include "ledger/chain.h"
#include "ledger/salvage.h"

/* Two kept experiments, money for both, a third one under way. */
static void make(int dir_fd)
{
	cleanup_journal struct journal *j = NULL;
	struct journal_event first = ev_create();
	struct journal_event rest[] = {
		ev_propose(0, "baseline"), ev_commit(0, HEX_A), ev_run(0, 1),
		ev_outcome(0, VERDICT_OK, 2, 100), ev_decide(0, STATUS_KEEP, "the first"),
		ev_cost(COST_RESERVE, 1, 100), ev_cost(COST_SPEND, 1, 40),
		ev_propose(1, "better"), ev_commit(1, HEX_B), ev_run(1, 1),
		ev_outcome(1, VERDICT_OK, 1, 90), ev_decide(1, STATUS_KEEP, "1 < 2"),
		ev_advance(1, HEX_B), ev_hours(7000000),
		ev_cost(COST_RESERVE, 2, 100), ev_cost(COST_SPEND, 2, 30),
		ev_propose(2, "best"), ev_commit(2, HEX_C), ev_run(2, 1),
		ev_outcome(2, VERDICT_OK, 0.5, 90), ev_decide(2, STATUS_KEEP, "0.5 < 1"),
		ev_advance(2, HEX_C), ev_hours(9000000),
		ev_cost(COST_RESERVE, 3, 100), ev_propose(3, "open"), ev_commit(3, HEX_C),
	};

	assert_int_equal(journal_create(dir_fd, &first, &j, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rest); i++)
		assert_int_equal(journal_append(j, &rest[i], 1, NULL), 0);
}

static const struct used nothing, three = { .experiments = 3 };

#define LINES 27

static void spill(int dir_fd, const char *text, size_t n)
{
	assert_int_equal(file_replace(dir_fd, JOURNAL_FILE, text, n, 0600), 0);
}

static size_t line_start(const char *text, unsigned line)
{
	const char *p = text;

	while (--line)
		p = strchr(p, '\n') + 1;
	return (size_t)(p - text);
}

static void sound_is_sound(void **state)
{
	const struct scratch *dir = *state;
	struct salvage s;

	make(dir->fd);
	assert_int_equal(salvage_examine(dir->fd, &nothing, &s, NULL), 0);
	assert_int_equal(s.lines, LINES);
	assert_int_equal(s.good, LINES);
	assert_int_equal(s.first_bad, 0);
	assert_int_equal(s.at.cost_nano, 40 + 30 + 100);
	assert_int_equal(s.use.cost_nano, s.at.cost_nano);
}

/* Each byte of each line but the last, of which nobody can tell damage from a crash. */
static void every_byte_can_be_mended(void **state)
{
	const struct scratch *dir = *state;
	cleanup_free char *text = NULL;
	struct chain before = CHAIN_INIT;

	make(dir->fd);
	text = slurp(dir->fd, JOURNAL_FILE, NULL);
	for (unsigned line = 1; line < LINES; line++) {
		const char *at = text + line_start(text, line),
			   *next = strchr(at, '\n') + 1;
		size_t n = (size_t)(next - 1 - at), next_n = strcspn(next, "\n");

		for (size_t i = 0; i < n; i++) {
			cleanup_free char *bad = strndup(at, n);

			bad[i] ^= (char)(1 << (i % 7));
			assert_true(chain_mend(before.sum, bad, n, next, next_n));
			assert_memory_equal(bad, at, n);
		}
		assert_true(chain_follows(before.sum, at, n, &before.sum));
	}
}

static void a_mended_file_is_what_it_was(void **state)
{
	const struct scratch *dir = *state;
	cleanup_free char *text = NULL;
	struct salvage s;
	char name[64];
	size_t n;

	make(dir->fd);
	text = slurp(dir->fd, JOURNAL_FILE, &n);
	for (unsigned line = 1; line < LINES; line += 5) {
		cleanup_free char *bad = strdup(text), *after = NULL;

		bad[line_start(text, line) + 9] ^= 1;
		spill(dir->fd, bad, n);
		assert_int_equal(
			salvage_repair(dir->fd, &nothing, &s, name, sizeof(name), NULL),
			0);
		assert_int_equal(s.mended, 1);
		assert_int_equal(s.first_bad, line);
		assert_int_equal(s.good, LINES);
		after = slurp(dir->fd, JOURNAL_FILE, NULL);
		assert_string_equal(after, text);
		assert_int_equal(unlinkat(dir->fd, name, 0), 0);
	}
}

/* What stays true whatever line was lost. */
static void check_usage(int dir_fd, const struct salvage *s, unsigned line)
{
	struct campaign c;
	struct sbx_err err = { 0 };

	if (campaign_load(dir_fd, NULL, NULL, &c, NULL, &err) < 0)
		fail_msg("line %u: %s", line, err.msg);
	assert_int_equal(c.cost_nano, s->use.cost_nano);
	/* Nothing comes back, and a lost settlement leaves what was reserved at most. */
	assert_in_range(c.cost_nano, 170 - 100, 170 + 100);
	if (c.baseline.known) {
		assert_int_equal(c.experiments, 3);
		assert_int_equal(c.next_number, 4);
	}
	assert_int_equal(c.active_us, line > 23 ? c.active_us : 9000000);
	assert_int_equal(c.pending.stage, PENDING_NONE);
	assert_int_equal(c.n_open_calls, 0);
}

static void lost_lines_stay_paid(void **state)
{
	const struct scratch *dir = *state;
	cleanup_free char *text = NULL;
	struct salvage s;
	char name[64];
	size_t n;

	make(dir->fd);
	text = slurp(dir->fd, JOURNAL_FILE, &n);
	for (unsigned line = 2; line < LINES; line += 1 + line % 3) {
		cleanup_free char *bad = malloc(n + 1), *kept = NULL;
		size_t at = line_start(text, line);

		memcpy(bad, text, n + 1);
		memset(bad + at + 5, '\0', 12);
		spill(dir->fd, bad, n);
		assert_int_equal(salvage_examine(dir->fd, &three, &s, NULL), 0);
		assert_int_equal(s.first_bad, line);
		assert_int_equal(s.good, line - 1);
		assert_int_equal(salvage_repair(dir->fd, &three, &s, name, sizeof(name), NULL), 0);
		check_usage(dir->fd, &s, line);
		kept = slurp(dir->fd, name, NULL);
		assert_memory_equal(kept, bad, n);
		assert_int_equal(unlinkat(dir->fd, name, 0), 0);
	}
}

static void a_missing_line_is_damage(void **state)
{
	const struct scratch *dir = *state;
	cleanup_free char *text = NULL, *bad = NULL;
	struct salvage s;
	size_t n, at, len;

	make(dir->fd);
	text = slurp(dir->fd, JOURNAL_FILE, &n);
	bad = strdup(text);
	at = line_start(text, 9);
	len = line_start(text, 10) - at;
	memmove(bad + at, text + at + len, n - at - len);
	spill(dir->fd, bad, n - len);
	assert_int_equal(salvage_examine(dir->fd, &nothing, &s, NULL), 0);
	assert_int_equal(s.first_bad, 9);
	assert_int_equal(s.good, 8);
	assert_int_equal(s.use.experiments, 3);
	assert_int_equal(s.use.cost_nano, 170);
	assert_int_equal(salvage_examine(dir->fd,
					 &(struct used){ 7, 900, 60000000 }, &s, NULL), 0);
	assert_int_equal(s.use.experiments, 7);
	assert_int_equal(s.use.cost_nano, 900);
	assert_int_equal(s.use.active_us, 60000000);
}

static void a_torn_end_is_no_damage(void **state)
{
	const struct scratch *dir = *state;
	cleanup_free char *text = NULL;
	struct salvage s;
	size_t n;

	make(dir->fd);
	text = slurp(dir->fd, JOURNAL_FILE, &n);
	spill(dir->fd, text, n - 20);
	assert_int_equal(salvage_examine(dir->fd, &nothing, &s, NULL), 0);
	assert_int_equal(s.first_bad, 0);
	assert_int_equal(s.good, LINES - 1);
}

static void a_lost_beginning_is_lost(void **state)
{
	const struct scratch *dir = *state;
	cleanup_free char *text = NULL;
	struct sbx_err err = { 0 };
	struct salvage s;
	char name[64];
	size_t n;

	make(dir->fd);
	text = slurp(dir->fd, JOURNAL_FILE, &n);
	memset(text, 'x', 9);
	spill(dir->fd, text, n);
	assert_int_equal(salvage_repair(dir->fd, &nothing, &s, name, sizeof(name), &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "backup"));
	assert_int_equal(faccessat(dir->fd, SALVAGE_FILE, F_OK, 0), -1);
}

static void old_ones_are_not_replaced(void **state)
{
	const struct scratch *dir = *state;
	cleanup_free char *text = NULL;
	struct salvage s;
	char name[64];
	size_t n;

	make(dir->fd);
	text = slurp(dir->fd, JOURNAL_FILE, &n);
	text[line_start(text, 5) + 9] ^= 1;
	for (int i = 1; i <= 3; i++) {
		spill(dir->fd, text, n);
		assert_int_equal(salvage_repair(dir->fd, &nothing, &s, name, sizeof(name), NULL), 0);
	}
	assert_string_equal(name, SALVAGE_FILE ".3");
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(sound_is_sound),
		SCRATCH_TEST(every_byte_can_be_mended),
		SCRATCH_TEST(a_mended_file_is_what_it_was),
		SCRATCH_TEST(lost_lines_stay_paid),
		SCRATCH_TEST(a_missing_line_is_damage),
		SCRATCH_TEST(a_torn_end_is_no_damage),
		SCRATCH_TEST(a_lost_beginning_is_lost),
		SCRATCH_TEST(old_ones_are_not_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
