/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A budget shared by many: whatever they do at once, and whoever is killed at it, the sum of
 * what is used and claimed stays within the caps.
 */

#include "ledger-fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "ledger/group.h"

#define MEMBERS 16
#define CAP     1500 /* nano-dollars */
#define CALL    7

static const uint64_t unlimited[_CAP_MAX] = { CONFIG_UNLIMITED, CONFIG_UNLIMITED,
					      CONFIG_UNLIMITED };

static int make_home(void **state)
{
	int r = scratch_make(state);

	setenv("XDG_STATE_HOME", ((struct scratch *)*state)->path, 1);
	return r;
}

static void make_group(uint64_t experiments, uint64_t nano, uint64_t us)
{
	const uint64_t caps[_CAP_MAX] = { experiments, nano, us };
	const bool all[_CAP_MAX] = { true, true, true };

	assert_int_equal(group_set_caps("night", caps, all, NULL), 0);
}

static struct group *join(const char *tag)
{
	const struct group_identity who = { tag, "/repo/.git", "here", "2026-01-31T00:00:00Z" };
	struct sbx_err err = { 0 };
	struct group *g;

	if (group_join("night", &who, &g, &err) < 0)
		fail_msg("%s", err.msg);
	return g;
}

static int claim(struct group *g, struct used used, uint64_t call, uint64_t run,
		 uint64_t most, uint64_t *ret_us)
{
	struct budget_ask ask = { .used = used, .call_nano = call, .run_us = run };
	char reason[300];
	struct sbx_err err = { 0 };
	int r;

	r = group_claim(g, &ask, most, true, ret_us, reason, sizeof(reason), &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	return r;
}

static struct used sum(void)
{
	struct group_book b;
	struct used u;

	assert_int_equal(group_read("night", &b, NULL), 0);
	u = b.sum;
	group_book_done(&b);
	return u;
}

/* One campaign: claims, spends at most what it claimed, settles; until nothing is left. */
static void spend(unsigned number, int report_fd)
{
	struct used used = { 0 };
	unsigned seed = number;
	struct group *g;
	char tag[16];
	uint64_t us;

	snprintf(tag, sizeof(tag), "t%u", number);
	g = join(tag);
	while (claim(g, used, CALL, 0, 0, &us) > 0) {
		used.nano += (unsigned)rand_r(&seed) % (CALL + 1);
		used.experiments++;
		assert_int_equal(write(report_fd, &used.nano, sizeof(used.nano)),
				 sizeof(used.nano));
		assert_int_equal(group_settle(g, &used, NULL), 0);
	}
	group_leave(g);
}

static pid_t start(unsigned number, int *ret_fd)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		spend(number, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

/* The last of what it said it used. */
static uint64_t drain(int fd)
{
	uint64_t last = 0, next;

	while (read(fd, &next, sizeof(next)) == sizeof(next))
		last = next;
	close(fd);
	return last;
}

static void sixteen_at_once_never_exceed_the_cap(void **state)
{
	pid_t pid[MEMBERS];
	int fd[MEMBERS], status, looked = 0, left = MEMBERS;
	uint64_t used = 0, us;
	struct group *g;

	(void)state;
	make_group(CONFIG_UNLIMITED, CAP, CONFIG_UNLIMITED);
	for (unsigned i = 0; i < MEMBERS; i++)
		pid[i] = start(i, &fd[i]);
	/* Some are killed at whatever they are at. */
	while (looked < 40) {
		assert_true(sum().nano <= CAP);
		if (++looked % 10 == 0)
			kill(pid[looked / 10], SIGKILL);
	}
	for (unsigned i = 0; i < MEMBERS; i++)
		used += drain(fd[i]);
	for (; left > 0; left--) {
		assert_true(wait(&status) > 0);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	}
	assert_true(used <= CAP);
	assert_true(sum().nano <= CAP && sum().nano >= used);
	/* Nothing that would fit was left over. */
	g = join("last");
	assert_int_equal(claim(g, (struct used){ 0 }, CAP - sum().nano + 1, 0, 0, &us), 0);
	assert_int_equal(claim(g, (struct used){ 0 }, CAP - sum().nano, 0, 0, &us), 1);
	assert_int_equal(sum().nano, CAP);
	group_leave(g);
}

static void a_claim_stands_for_one_campaign(void **state)
{
	struct group *a, *b, *again;
	uint64_t us;

	(void)state;
	make_group(3, 100, CONFIG_UNLIMITED);
	a = join("a");
	b = join("b");
	assert_int_equal(claim(a, (struct used){ 1, 20, 0 }, 30, 0, 0, &us), 1);
	assert_int_equal(sum().nano, 50);
	assert_int_equal(sum().experiments, 2);
	/* The same campaign after a kill: its claim is replaced, not added. */
	again = join("a");
	assert_int_equal(claim(again, (struct used){ 1, 20, 0 }, 40, 0, 0, &us), 1);
	assert_int_equal(sum().nano, 60);
	assert_int_equal(claim(b, (struct used){ 0 }, 41, 0, 0, &us), 0);
	assert_int_equal(sum().nano, 60);
	assert_int_equal(claim(b, (struct used){ 0 }, 40, 0, 0, &us), 1);
	assert_int_equal(group_settle(again, &(struct used){ 2, 25, 0 }, NULL), 0);
	assert_int_equal(sum().nano, 65);
	/* Three experiments are used or in hand. */
	assert_int_equal(claim(again, (struct used){ 2, 25, 0 }, 0, 0, 0, &us), 0);
	assert_int_equal(group_settle(b, &(struct used){ 0 }, NULL), 0);
	assert_int_equal(claim(again, (struct used){ 2, 25, 0 }, 0, 0, 0, &us), 1);
	assert_int_equal(claim(b, (struct used){ 0 }, 0, 0, 0, &us), 0);
	group_leave(a);
	group_leave(b);
	group_leave(again);
}

static void time_is_shared_out(void **state)
{
	const uint64_t minute = 60 * USEC_PER_SEC;
	struct group *a, *b;
	uint64_t us;

	(void)state;
	make_group(CONFIG_UNLIMITED, CONFIG_UNLIMITED, 60 * minute);
	a = join("a");
	b = join("b");
	assert_int_equal(claim(a, (struct used){ 0 }, 0, minute, 40 * minute, &us), 1);
	assert_int_equal(us, 40 * minute);
	/* Less than its limit, but more than it is expected to take. */
	assert_int_equal(claim(b, (struct used){ 0 }, 0, minute, 40 * minute, &us), 1);
	assert_int_equal(us, 20 * minute);
	assert_int_equal(sum().active_us, 60 * minute);
	assert_int_equal(group_settle(a, &(struct used){ 1, 0, 5 * minute }, NULL), 0);
	assert_int_equal(claim(a, (struct used){ 1, 0, 5 * minute }, 0, 36 * minute,
			       40 * minute, &us), 0);
	assert_int_equal(claim(a, (struct used){ 1, 0, 5 * minute }, 0, 35 * minute,
			       40 * minute, &us), 1);
	assert_int_equal(us, 35 * minute);
	group_leave(a);
	group_leave(b);
}

static void no_group_is_made_by_joining(void **state)
{
	const struct group_identity who = { "t", "/repo/.git", "here", "now" };
	struct sbx_err err = { 0 };
	struct group *g;

	(void)state;
	assert_int_equal(group_join("night", &who, &g, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "autoexp budget night --max-"));
	make_group(1, 2, 3);
	err = (struct sbx_err){ 0 };
	assert_int_equal(group_join("day", &who, &g, &err), -ENOENT);
	assert_int_equal(group_join("../night", &who, &g, &err), -EINVAL);
}

static void caps_change_one_by_one(void **state)
{
	const bool cost[_CAP_MAX] = { [CAP_COST_NANO] = true };
	const uint64_t dearer[_CAP_MAX] = { [CAP_COST_NANO] = 9 };
	struct group_book b;

	(void)state;
	make_group(1, 2, 3);
	assert_int_equal(group_set_caps("night", dearer, cost, NULL), 0);
	assert_int_equal(group_read("night", &b, NULL), 0);
	assert_int_equal(b.caps[CAP_EXPERIMENTS], 1);
	assert_int_equal(b.caps[CAP_COST_NANO], 9);
	assert_int_equal(b.caps[CAP_WALL_US], 3);
	group_book_done(&b);
	/* What a new group is not given has no cap. */
	assert_int_equal(group_set_caps("day", dearer, cost, NULL), 0);
	assert_int_equal(group_read("day", &b, NULL), 0);
	assert_true(b.caps[CAP_WALL_US] == unlimited[CAP_WALL_US]);
	group_book_done(&b);
}

static void a_damaged_book_is_refused(void **state)
{
	const struct scratch *dir = *state;
	cleanup_free char *path = str_printf("%s/autoexp/groups/night.json", dir->path);
	const char *const wrong[] = { "", "{", "[]", "{\"format\":2}", "{\"format\":1}",
				      "{\"format\":1,\"caps\":{},\"members\":[]}",
				      "{\"format\":1,\"caps\":{\"max_experiments\":\"unlimited\","
				      "\"max_cost_usd\":-1,\"max_wall_clock_hours\":1},"
				      "\"members\":[]}" };
	struct group_book b;

	make_group(1, 2, 3);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct sbx_err err = { 0 };

		assert_int_equal(file_replace(AT_FDCWD, path, wrong[i], strlen(wrong[i]), 0600),
				 0);
		assert_true(group_read("night", &b, &err) < 0);
		assert_non_null(strstr(err.msg, "night.json"));
		/* Nor is it replaced. */
		assert_true(group_set_caps("night", unlimited, (bool[_CAP_MAX]){ true }, &err) < 0);
	}
}

#define HOME_TEST(f) cmocka_unit_test_setup_teardown(f, make_home, scratch_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOME_TEST(sixteen_at_once_never_exceed_the_cap),
		HOME_TEST(a_claim_stands_for_one_campaign),
		HOME_TEST(time_is_shared_out),
		HOME_TEST(no_group_is_made_by_joining),
		HOME_TEST(caps_change_one_by_one),
		HOME_TEST(a_damaged_book_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
