/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where a campaign stands after its events, after a kill between any two of them, and while
 * somebody else holds it.
 */

#include "ledger-fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "ledger/lock.h"

/*
 * A short campaign with everything in it: baseline; 1 kept after an interruption; 2 without a
 * valid edit; 3 a duplicate; 4 not measurable; 5 out of memory; 6 under way.
 */
static size_t story(struct journal_event *ev)
{
	const struct journal_event all[] = {
		ev_propose(0, "baseline"), ev_commit(0, HEX_A), ev_run(0, 1),
		ev_outcome(0, VERDICT_OK, 2, 100), ev_decide(0, STATUS_KEEP, "the first"),

		ev_cost(COST_RESERVE, 1, 100), ev_cost(COST_SPEND, 1, 40),
		ev_propose(1, "better"), ev_commit(1, HEX_B), ev_run(1, 1),
		ev_interrupted(1, 1), ev_stop("signal"), ev_run(1, 2),
		ev_outcome(1, VERDICT_OK, 1, 90), ev_decide(1, STATUS_KEEP, "1 < 2"),
		ev_advance(1, HEX_B),

		ev_propose(2, "nothing"), ev_commit(2, HEX_C),
		ev_decide(2, STATUS_CRASH, "no valid edit"),

		ev_propose(3, "again"), ev_commit(3, HEX_C),
		ev_decide(3, STATUS_DISCARD, "same as 0001"),

		ev_propose(4, "fickle"), ev_commit(4, HEX_C), ev_run(4, 1),
		ev_interrupted(4, 1), ev_run(4, 2), ev_interrupted(4, 2), ev_run(4, 3),
		ev_interrupted(4, 3), ev_decide(4, STATUS_DISCARD, "not measurable"),

		ev_propose(5, "large"), ev_commit(5, HEX_C), ev_run(5, 1),
		ev_outcome(5, VERDICT_SETUP_ERROR, 0, 0), ev_run(5, 2),
		ev_outcome(5, VERDICT_OOM, 0, 0), ev_decide(5, STATUS_CRASH, "as it was"),
		ev_hours(5000000),

		ev_cost(COST_RESERVE, 2, 100), ev_propose(6, "open"), ev_commit(6, HEX_C),
		ev_run(6, 1),
	};

	memcpy(ev, all, sizeof(all));
	return ARRAY_SIZE(all);
}

#define STORY_MAX 64

static void tell(struct campaign *c, size_t n)
{
	struct journal_event first = ev_create(), ev[STORY_MAX];
	struct sbx_err err = { 0 };

	*c = (struct campaign){ 0 };
	assert_int_equal(campaign_apply(c, &first, NULL), 0);
	assert_true(story(ev) >= n);
	for (size_t i = 0; i < n; i++)
		if (campaign_apply(c, &ev[i], &err) < 0)
			fail_msg("event %zu: %s", i, err.msg);
}

static size_t story_length(void)
{
	struct journal_event ev[STORY_MAX];

	return story(ev);
}

static void events_add_up(void **state)
{
	struct campaign c;

	(void)state;
	tell(&c, story_length());
	assert_string_equal(c.tag, "t");
	assert_string_equal(c.base, HEX_A);
	assert_string_equal(c.target, "train.py");
	assert_string_equal(c.metrics[1], "size");
	assert_true(c.baseline.known);
	assert_true(c.baseline.metrics[0] == 2);
	assert_int_equal(c.incumbent.number, 1);
	assert_string_equal(c.incumbent.commit, HEX_B);
	assert_true(c.incumbent.metrics[1] == 90);
	assert_int_equal(c.incumbent.wall_us, 1000000);
	assert_string_equal(c.branch, HEX_B);
	assert_int_equal(c.experiments, 5);
	assert_int_equal(c.next_number, 7);
	assert_int_equal(c.counts[STATUS_KEEP], 1);
	assert_int_equal(c.counts[STATUS_DISCARD], 2);
	assert_int_equal(c.counts[STATUS_CRASH], 2);
	assert_int_equal(c.active_us, 5000000);
	assert_int_equal(c.cost_nano, 140);
	assert_int_equal(c.without_run, 0);
	assert_int_equal(c.pending.stage, PENDING_RUNNING);
	assert_int_equal(c.pending.number, 6);
	assert_string_equal(c.stopped, "");
}

static void an_interrupted_run_keeps_number_and_commit(void **state)
{
	struct campaign c;

	(void)state;
	tell(&c, 11);
	assert_int_equal(c.pending.stage, PENDING_COMMITTED);
	assert_int_equal(c.pending.number, 1);
	assert_int_equal(c.pending.attempts, 1);
	assert_int_equal(c.pending.interruptions, 1);
	assert_string_equal(c.pending.commit, HEX_B);
	assert_string_equal(c.pending.description, "better");
	assert_int_equal(c.experiments, 0);
	tell(&c, 12);
	assert_string_equal(c.stopped, "signal");
	tell(&c, 13);
	assert_string_equal(c.stopped, "");
}

static void a_measured_run_is_not_run_again(void **state)
{
	struct campaign c;

	(void)state;
	tell(&c, 14);
	assert_int_equal(c.pending.stage, PENDING_MEASURED);
	assert_true(c.pending.outcome.metrics[0] == 1);
	assert_int_equal(c.incumbent.number, 0);
	/* Decided, but the branch was not told yet. */
	tell(&c, 15);
	assert_string_equal(c.incumbent.commit, HEX_B);
	assert_string_equal(c.branch, HEX_A);
}

static void a_setup_error_is_neither_a_row_nor_an_interruption(void **state)
{
	struct campaign c;
	size_t n = story_length() - 8;

	(void)state;
	tell(&c, n);
	assert_int_equal(c.pending.number, 5);
	assert_int_equal(c.pending.stage, PENDING_COMMITTED);
	assert_int_equal(c.pending.setup_errors, 1);
	assert_int_equal(c.pending.interruptions, 0);
	assert_false(c.pending.has_outcome);
}

static void proposals_without_a_run_are_counted_in_a_row(void **state)
{
	struct campaign c;

	(void)state;
	tell(&c, 5);
	for (unsigned n = 1; n <= CAMPAIGN_IDLE_MAX; n++) {
		struct journal_event ev[] = { ev_propose(n, "x"), ev_propose(n, "x once more"),
					      ev_commit(n, HEX_C),
					      ev_decide(n, STATUS_CRASH, "no valid edit") };

		for (size_t i = 0; i < ARRAY_SIZE(ev); i++)
			assert_int_equal(campaign_apply(&c, &ev[i], NULL), 0);
		assert_int_equal(c.without_run, n);
	}
	{
		struct journal_event ev[] = { ev_propose(11, "x"), ev_commit(11, HEX_C),
					      ev_run(11, 1) };

		for (size_t i = 0; i < ARRAY_SIZE(ev); i++)
			assert_int_equal(campaign_apply(&c, &ev[i], NULL), 0);
		assert_int_equal(c.without_run, 0);
	}
}

static void events_that_cannot_come_here_change_nothing(void **state)
{
	const struct {
		size_t after;
		struct journal_event ev;
	} table[] = {
		{ 0, ev_create() },
		{ 0, ev_propose(1, "before the baseline") },
		{ 0, ev_commit(0, HEX_A) },
		{ 1, ev_commit(1, HEX_A) },
		{ 1, ev_run(0, 1) },
		{ 1, ev_decide(0, STATUS_CRASH, "uncommitted") },
		{ 2, ev_propose(1, "two at once") },
		{ 2, ev_outcome(0, VERDICT_OK, 1, 1) },
		{ 2, ev_decide(0, STATUS_KEEP, "unmeasured") },
		{ 3, ev_run(0, 2) },
		{ 3, ev_outcome(1, VERDICT_OK, 1, 1) },
		{ 3, ev_decide(0, STATUS_KEEP, "still running") },
		{ 5, ev_decide(0, STATUS_KEEP, "twice") },
		{ 5, ev_propose(0, "a second baseline") },
		{ 5, ev_propose(2, "a number left out") },
		{ 5, ev_advance(0, HEX_B) },
		{ 5, ev_interrupted(0, 1) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct campaign c, before;

		tell(&c, table[i].after);
		before = c;
		assert_int_equal(campaign_apply(&c, &table[i].ev, NULL), -EPROTO);
		assert_memory_equal(&c, &before, sizeof(c));
	}
}

static void a_failed_baseline_can_be_tried_again(void **state)
{
	struct journal_event ev[] = { ev_propose(0, "baseline"), ev_commit(0, HEX_A),
				      ev_run(0, 1), ev_outcome(0, VERDICT_OOM, 0, 0),
				      ev_decide(0, STATUS_CRASH, "oom"), ev_propose(0, "baseline") };
	struct campaign c;

	(void)state;
	tell(&c, 0);
	for (size_t i = 0; i < ARRAY_SIZE(ev); i++)
		assert_int_equal(campaign_apply(&c, &ev[i], NULL), 0);
	assert_false(c.baseline.known);
	assert_int_equal(c.experiments, 0);
}

struct rows {
	unsigned n;
	struct buf text;
};

static int on_row(const struct row *row, void *user, struct sbx_err *err)
{
	struct rows *r = user;

	(void)err;
	r->n++;
	buf_printf(&r->text, "%u<%.1s %s %s %s %s\n", row->number, row->parent,
		   status_name(row->decision->status), row->description,
		   row->outcome ? verdict_name(row->outcome->verdict) : "-",
		   row->metrics ? "measured" : "-");
	return 0;
}

static void append(struct ledger *l, struct journal_event *ev)
{
	struct sbx_err err = { 0 };

	if (ledger_append(l, ev, 1, &err) < 0)
		fail_msg("%s", err.msg);
}

static void lock_ledger(struct ledger *l, struct scratch *s, bool exists)
{
	struct sbx_err err = { 0 };
	bool there;

	if (ledger_lock(l, s->path, s->path, "t", &there, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(there, exists);
}

static void create(struct ledger *l, struct scratch *s)
{
	struct journal_event first = ev_create();

	lock_ledger(l, s, false);
	assert_int_equal(ledger_create(l, &first, NULL), 0);
}

static void rows_come_back_in_order(void **state)
{
	struct scratch *s = *state;
	cleanup_ledger struct ledger l = LEDGER_INIT, again = LEDGER_INIT;
	struct journal_event ev[STORY_MAX];
	struct rows rows = { 0 }, same = { 0 };
	struct campaign c;
	size_t n = story(ev);

	create(&l, s);
	for (size_t i = 0; i < n; i++)
		append(&l, &ev[i]);
	assert_int_equal(campaign_load(s->fd, on_row, &rows, &c, NULL, NULL), 0);
	assert_string_equal(buf_str(&rows.text),
			    "0< keep baseline ok measured\n"
			    "1<a keep better ok measured\n"
			    "2<b crash nothing - -\n"
			    "3<b discard again - -\n"
			    "4<b discard fickle - -\n"
			    "5<b crash large oom -\n");
	assert_memory_equal(&c, &l.campaign, sizeof(c));

	ledger_close(&l);
	lock_ledger(&again, s, true);
	assert_int_equal(ledger_open(&again, on_row, &same, NULL), 0);
	assert_string_equal(buf_str(&same.text), buf_str(&rows.text));
	assert_string_equal(again.notice, "");
	buf_done(&rows.text);
	buf_done(&same.text);
}

/* Killed after each event, and in the middle of the next one: nothing is lost or doubled. */
static void a_kill_anywhere_resumes_with_what_was_recorded(void **state)
{
	struct scratch *s = *state;
	cleanup_free char *results = NULL, *log = NULL;
	struct journal_event ev[STORY_MAX], first;
	size_t n = story(ev), size;
	struct campaign want;

	for (size_t k = 0; k <= n; k++) {
		cleanup_ledger struct ledger l = LEDGER_INIT;
		cleanup_close int file = -EBADF;

		if (k == 0) {
			create(&l, s);
		} else {
			lock_ledger(&l, s, true);
			assert_int_equal(ledger_open(&l, NULL, NULL, NULL), 0);
			append(&l, &ev[k - 1]);
		}
		/* The same from the start, without files in between. */
		want = (struct campaign){ 0 };
		first = ev_create();
		memcpy(first.time, l.campaign.created, sizeof(first.time));
		assert_int_equal(campaign_apply(&want, &first, NULL), 0);
		for (size_t i = 0; i < k; i++)
			assert_int_equal(campaign_apply(&want, &ev[i], NULL), 0);
		assert_memory_equal(&want, &l.campaign, sizeof(want));

		file = openat(s->fd, JOURNAL_FILE, O_WRONLY | O_APPEND);
		assert_int_equal(fd_write_all(file, "{\"seq\":99,\"t\":\"20", 17), 0);
		if (k % 3 == 1)
			assert_int_equal(unlinkat(l.derived_fd, "results.tsv", 0), 0);
		if (k % 3 == 2)
			assert_int_equal(unlinkat(l.derived_fd, "budget.log", 0), 0);
	}
	{
		cleanup_ledger struct ledger l = LEDGER_INIT;

		lock_ledger(&l, s, true);
		assert_int_equal(ledger_open(&l, NULL, NULL, NULL), 0);
		results = slurp(l.derived_fd, "results.tsv", NULL);
		log = slurp(l.derived_fd, "budget.log", &size);
		assert_int_equal(unlinkat(l.derived_fd, "budget.log", 0), 0);
		assert_int_equal(unlinkat(l.derived_fd, "results.tsv", 0), 0);
	}
	{
		cleanup_ledger struct ledger l = LEDGER_INIT;
		cleanup_free char *results2 = NULL, *log2 = NULL;

		lock_ledger(&l, s, true);
		assert_int_equal(ledger_open(&l, NULL, NULL, NULL), 0);
		assert_string_equal(l.notice, "results.tsv and budget.log did not hold what the "
					      "journal says: made again");
		results2 = slurp(l.derived_fd, "results.tsv", NULL);
		log2 = slurp(l.derived_fd, "budget.log", NULL);
		assert_string_equal(results, results2);
		assert_string_equal(log, log2);
	}
	assert_true(size > 100);
}

static void an_event_out_of_order_is_not_written(void **state)
{
	struct scratch *s = *state;
	cleanup_ledger struct ledger l = LEDGER_INIT;
	struct journal_event two[] = { ev_propose(0, "baseline"), ev_run(0, 1) };
	struct campaign c;

	create(&l, s);
	assert_int_equal(ledger_append(&l, two, 2, NULL), -EPROTO);
	assert_int_equal(l.campaign.pending.stage, PENDING_NONE);
	assert_int_equal(campaign_load(s->fd, NULL, NULL, &c, NULL, NULL), 0);
	assert_int_equal(c.pending.stage, PENDING_NONE);
	two[1] = ev_commit(0, HEX_A);
	assert_int_equal(ledger_append(&l, two, 2, NULL), 0);
	assert_int_equal(l.campaign.pending.stage, PENDING_COMMITTED);
}

/* Another process: take the lock, say so, keep it until killed. */
static pid_t hold_elsewhere(struct scratch *s)
{
	int ready[2], fd;
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (lock_take(s->fd, "t", &fd, NULL) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void the_second_supervisor_learns_who_is_the_first(void **state)
{
	struct scratch *s = *state;
	cleanup_ledger struct ledger l = LEDGER_INIT;
	pid_t pid = hold_elsewhere(s);
	struct lock_holder h;
	struct sbx_err err = { 0 };
	char who[64];
	struct stat st;
	bool exists;

	snprintf(who, sizeof(who), "process %d on ", (int)pid);
	assert_int_equal(ledger_lock(&l, s->path, s->path, "t", &exists, &err), -EBUSY);
	assert_non_null(strstr(err.msg, who));
	assert_non_null(strstr(err.msg, " since 20"));
	assert_int_equal(lock_peek(s->fd, &h, NULL), 1);
	assert_int_equal(h.pid, pid);
	assert_true(lock_holder_is_local(&h));
	assert_int_equal(fstatat(s->fd, LOCK_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	/* Whatever ended it, and whatever its file still says. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(lock_peek(s->fd, &h, NULL), 0);
	ledger_close(&l);
	lock_ledger(&l, s, false);
	assert_int_equal(lock_peek(s->fd, &h, NULL), 1);
	assert_int_equal(h.pid, getpid());
}

static void a_holder_elsewhere_is_not_local(void **state)
{
	struct lock_holder h = { .pid = 1 };

	(void)state;
	host_name(h.host);
	assert_false(lock_holder_is_local(&h));
	host_boot_id(h.boot_id);
	assert_int_equal(strlen(h.boot_id), BOOT_ID_SIZE - 1);
	assert_true(lock_holder_is_local(&h));
	snprintf(h.host, sizeof(h.host), "elsewhere.example");
	assert_false(lock_holder_is_local(&h));
}

static void garbage_in_the_lock_file_is_harmless(void **state)
{
	static const char garbage[] = "pid 99999999999999999999\nhost \x1b[2J\nsince\n\xff";
	struct scratch *s = *state;
	struct lock_holder h;
	struct sbx_err err = { 0 };
	pid_t pid;
	int fd;

	spit(s->fd, LOCK_FILE, garbage, sizeof(garbage));
	assert_int_equal(lock_peek(s->fd, &h, NULL), 0);
	pid = hold_elsewhere(s);
	spit(s->fd, LOCK_FILE, garbage, sizeof(garbage));
	assert_int_equal(lock_peek(s->fd, &h, NULL), 1);
	assert_int_equal(h.pid, 0);
	assert_int_equal(lock_take(s->fd, "t", &fd, &err), -EBUSY);
	assert_null(strchr(err.msg, '\x1b'));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void tags_do_not_lock_each_other(void **state)
{
	struct scratch *s = *state;
	cleanup_ledger struct ledger a = LEDGER_INIT, b = LEDGER_INIT, c = LEDGER_INIT;
	bool exists;

	assert_int_equal(ledger_lock(&a, s->path, s->path, "a", &exists, NULL), 0);
	assert_int_equal(ledger_lock(&b, s->path, s->path, "b", &exists, NULL), 0);
	/* Not even the same process may hold one twice. */
	assert_int_equal(ledger_lock(&c, s->path, s->path, "a", &exists, NULL), -EBUSY);
}

#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_add_up),
		cmocka_unit_test(an_interrupted_run_keeps_number_and_commit),
		cmocka_unit_test(a_measured_run_is_not_run_again),
		cmocka_unit_test(a_setup_error_is_neither_a_row_nor_an_interruption),
		cmocka_unit_test(proposals_without_a_run_are_counted_in_a_row),
		cmocka_unit_test(events_that_cannot_come_here_change_nothing),
		cmocka_unit_test(a_failed_baseline_can_be_tried_again),
		T(rows_come_back_in_order),
		T(a_kill_anywhere_resumes_with_what_was_recorded),
		T(an_event_out_of_order_is_not_written),
		T(the_second_supervisor_learns_who_is_the_first),
		cmocka_unit_test(a_holder_elsewhere_is_not_local),
		T(garbage_in_the_lock_file_is_harmless),
		T(tags_do_not_lock_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
