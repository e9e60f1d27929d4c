/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Filters, run by a small machine of our own and held against the rules they were made from,
 * read one by one: for every number and for arguments around every value that a rule names.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "filter-make.h"
#include "filter.h"
#include "hold.h"

#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))
#define UNNAMED  ERRNO(ENOSYS)

static uint32_t native_arch;

static uint32_t run(const struct sock_filter *insns, unsigned n,
		    const struct seccomp_data *d)
{
	return filter_ask(&(struct filter){ .plain = insns, .n = (unsigned short)n }, d);
}

/* --- the rules, read one by one --- */

static bool holds(const struct arg_rule *r, const struct seccomp_data *d)
{
	uint64_t a = d->args[r->index];

	switch (r->op) {
	case ARG_EQ:
		return a == r->value;
	case ARG_NE:
		return a != r->value;
	case ARG_LT:
		return a < r->value;
	case ARG_LE:
		return a <= r->value;
	case ARG_GE:
		return a >= r->value;
	case ARG_GT:
		return a > r->value;
	case ARG_MASKED:
		return (a & r->mask) == r->value;
	case ARG_MASKED_NE:
		return (a & r->mask) != r->value;
	case ARG_END:
		break;
	}
	return true;
}

struct rule_list {
	const struct syscall_rule *rules;
	size_t n;
};

/*
 * The strictest answer of @list to @d, or @other where no rule holds. Of two that are equally
 * strict the one without conditions, else the first.
 */
static uint32_t strictest(const struct rule_list *list, const struct seccomp_data *d,
			  uint32_t other)
{
	const struct syscall_rule *best = NULL;

	for (size_t i = 0; i < list->n; i++) {
		const struct syscall_rule *r = &list->rules[i];
		bool all = syscall_number(r->name) == d->nr;
		int order;

		for (size_t k = 0; all && k < SYSCALL_ARGS && r->args[k].op; k++)
			all = holds(&r->args[k], d);
		order = best ? filter_compare(r->answer, best->answer) : -1;
		if (all &&
		    (order < 0 || (order == 0 && best->args[0].op && !r->args[0].op)))
			best = r;
	}
	return best ? best->answer : other;
}

static uint32_t expected(const struct rule_list *rules, const struct rule_list *floor,
			 const struct seccomp_data *d)
{
	uint32_t r = strictest(rules, d, UNNAMED);

	if (r == SECCOMP_RET_ALLOW || r == SECCOMP_RET_LOG)
		r = strictest(floor, d, r);
	return r;
}

/* --- what is asked --- */

/* A value of the neighbourhood of some rule's, or something wild. */
static uint64_t some_value(const struct rule_list *list, uint64_t *state)
{
	static const uint64_t wild[] = { 0,          1,          UINT32_MAX,
					 UINT64_MAX, 1ULL << 32, 0x80000000 };
	const struct arg_rule *a =
		&list->rules[random_below(state, list->n)].args[random_below(state, 2)];
	uint64_t v = a->value | (a->mask & random_next(state));

	switch (random_below(state, 7)) {
	case 0:
		return a->value;
	case 1:
		return a->value + 1;
	case 2:
		return a->value - 1;
	case 3:
		return v;
	case 4:
		return a->value ^ (1ULL << random_below(state, 64));
	case 5:
		return random_below(state, 64);
	}
	return wild[random_below(state, ARRAY_SIZE(wild))];
}

static void fill(struct seccomp_data *d, const struct rule_list *list, uint64_t *state)
{
	for (size_t i = 0; i < SYSCALL_ARGS; i++)
		d->args[i] = some_value(list, state);
}

static void compare(const struct sock_filter *insns, unsigned n,
		    const struct rule_list *rules, const struct rule_list *floor, int nr,
		    uint64_t *state)
{
	const struct rule_list *source = random_below(state, 2) ? rules : floor;
	struct seccomp_data d = { .nr = nr, .arch = native_arch };
	uint32_t want, got;

	fill(&d, source, state);
	want = expected(rules, floor, &d);
	got = run(insns, n, &d);
	if (want != got)
		fail_msg("call %d (%llx, %llx, %llx): 0x%x instead of 0x%x", nr,
			 d.args[0], d.args[1], d.args[2], got, want);
}

/* --- the shipped filter --- */

static size_t add_names(struct syscall_rule *out, const char *const *names,
			uint32_t answer)
{
	size_t n = 0;

	for (; names[n]; n++)
		out[n] = (struct syscall_rule){ .name = names[n], .answer = answer };
	return n;
}

static void the_default_filter_says_what_the_tables_say(void **state attr_unused)
{
	static struct syscall_rule named[FILTER_MAX_NR];
	struct rule_list rules = { named, 0 }, floor = { syscall_rules, n_syscall_rules };
	const struct filter *f = &filter_default;
	uint64_t seed = 1;

	rules.n = add_names(named, syscalls_allowed, SECCOMP_RET_ALLOW);
	for (const struct syscall_group *g = syscalls_denied; g->what; g++)
		rules.n += add_names(named + rules.n, g->names, ERRNO(EPERM));
	for (int nr = 0; nr < FILTER_MAX_NR; nr++)
		for (int i = 0; i < 20; i++)
			compare(f->plain, f->n, &rules, &floor, nr, &seed);
	for (size_t i = 0; i < n_syscall_rules; i++)
		for (int k = 0; k < 2000 && syscall_number(syscall_rules[i].name) >= 0;
		     k++)
			compare(f->plain, f->n, &rules, &floor,
				syscall_number(syscall_rules[i].name), &seed);
}

static void foreign_interfaces_are_killed(void **state attr_unused)
{
	static const int x32[] = { 0x40000000, 0x40000001, 0x40000200, -1, -2 };
	struct seccomp_data d = { .nr = SYS_read, .arch = native_arch ^ 1 };
	const struct filter *f = &filter_default;

	assert_int_equal(run(f->plain, f->n, &d), SECCOMP_RET_KILL_PROCESS);
	d.arch = native_arch;
	for (size_t i = 0; i < ARRAY_SIZE(x32); i++) {
		d.nr = x32[i];
		assert_int_equal(run(f->plain, f->n, &d), SECCOMP_RET_KILL_PROCESS);
	}
}

static void counting_changes_refusals_by_eperm_only(void **state attr_unused)
{
	const struct filter *f = &filter_default;
	unsigned changed = 0;

	for (unsigned i = 0; i < f->n; i++) {
		struct sock_filter a = f->plain[i], b = f->counted[i];

		if (a.code == (BPF_RET | BPF_K) && a.k == ERRNO(EPERM)) {
			changed++;
			a.k = SECCOMP_RET_USER_NOTIF;
		}
		assert_memory_equal(&a, &b, sizeof(a));
	}
	assert_true(changed > 10);
}

/* --- what soft limits refuse besides --- */

static bool held(unsigned what, const struct seccomp_data *d)
{
	if (d->arch != native_arch)
		return false;
	return (what & HOLD_AFFINITY && d->nr == SYS_sched_setaffinity) ||
	       (what & HOLD_VISIBLE && d->nr == SYS_prctl &&
		(uint32_t)d->args[0] == PR_SET_DUMPABLE);
}

static void hold_on_to(unsigned what, uint64_t *seed)
{
	struct filter f = filter_default;

	assert_int_equal(hold_add(what, &f, NULL), 0);
	assert_string_equal(f.sha256, filter_default.sha256);
	for (int nr = 0; nr < FILTER_MAX_NR; nr++) {
		for (uint64_t arg = 0; arg < 64; arg++) {
			struct seccomp_data d = { .nr = nr, .arch = native_arch };
			uint32_t own;

			d.args[0] = arg | (random_next(seed) << 32);
			d.arch ^= arg == 63;
			own = filter_ask(&filter_default, &d);
			assert_int_equal(filter_ask(&f, &d),
					 held(what, &d) ? ERRNO(EPERM) : own);
			own = run(filter_default.counted, filter_default.n, &d);
			assert_int_equal(run(f.counted, f.n, &d),
					 held(what, &d) ? ERRNO(EPERM) : own);
		}
	}
	filter_done(&f);
}

static void soft_limits_add_their_refusals_and_nothing_else(void **state attr_unused)
{
	uint64_t seed = 4;

	hold_on_to(0, &seed);
	hold_on_to(HOLD_AFFINITY, &seed);
	hold_on_to(HOLD_VISIBLE, &seed);
	hold_on_to(HOLD_AFFINITY | HOLD_VISIBLE, &seed);
}

static void soft_limits_want_room_in_a_filter(void **state attr_unused)
{
	struct filter f = { .plain = filter_default.plain, .n = BPF_MAXINSNS - 4 };

	assert_int_equal(hold_add(HOLD_VISIBLE, &f, NULL), -E2BIG);
	assert_ptr_equal(f.plain, filter_default.plain);
}

/* --- filters from rules --- */

static void make(const struct rule_list *rules, const struct rule_list *floor,
		 struct sock_filter **ret, unsigned short *ret_n)
{
	struct filter_maker *m;

	assert_int_equal(filter_maker_new(UNNAMED, &m), 0);
	for (size_t i = 0; i < rules->n; i++)
		assert_int_equal(filter_maker_rule(m, &rules->rules[i]), 0);
	for (size_t i = 0; i < floor->n; i++)
		assert_int_equal(filter_maker_floor(m, &floor->rules[i]), 0);
	assert_int_equal(filter_maker_make(m, ret, ret_n, NULL), 0);
	filter_maker_free(m);
}

static const char *const some_names[] = { "read", "write", "socket", "ioctl", "clone" };
static const uint32_t some_answers[] = { SECCOMP_RET_ALLOW, SECCOMP_RET_LOG,
					 ERRNO(EPERM),      ERRNO(EACCES),
					 SECCOMP_RET_TRAP,  SECCOMP_RET_KILL_THREAD,
					 SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS };

static void invent(struct syscall_rule *r, bool refuses, size_t n_names, uint64_t *state)
{
	size_t n_args = random_below(state, 4);

	*r = (struct syscall_rule){
		.name = some_names[random_below(state, n_names)],
		.answer = refuses ? ERRNO(EPERM)
				  : some_answers[random_below(state,
							      ARRAY_SIZE(some_answers))],
	};
	for (size_t i = 0; i < MAX(n_args, refuses ? 1U : 0U); i++)
		r->args[i] = (struct arg_rule){
			.op = (enum arg_op)(1 + random_below(state, ARG_MASKED_NE)),
			.index = (unsigned)random_below(state, SYSCALL_ARGS),
			.value = random_below(state, 2) ? random_below(state, 32)
							: random_next(state),
			.mask = random_below(state, 2) ? 0xff : random_next(state),
		};
}

static bool has_long_jump(const struct sock_filter *insns, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (insns[i].code == (BPF_JMP | BPF_JA) && insns[i].k > UINT8_MAX)
			return true;
	return false;
}

/* Few rules make a program with short jumps only, many for the same call one with long ones. */
static void the_strictest_rule_decides_and_the_floor_last(void **state attr_unused)
{
	static struct syscall_rule above[60], below[60];
	unsigned with_long_jumps = 0, rounds = 300;
	uint64_t seed = 7;

	for (unsigned round = 0; round < rounds; round++) {
		size_t n_names = round % 2 ? 1 : 5;
		struct rule_list rules = { above, 1 + random_below(&seed, 8) };
		struct rule_list floor = { below,
					   1 + random_below(&seed, round % 3 ? 60 : 5) };
		cleanup_free struct sock_filter *insns = NULL;
		unsigned short n;

		for (size_t i = 0; i < rules.n; i++)
			invent(&above[i], false, n_names, &seed);
		for (size_t i = 0; i < floor.n; i++)
			invent(&below[i], true, n_names, &seed);
		make(&rules, &floor, &insns, &n);
		with_long_jumps += n_names == 1 && has_long_jump(insns, n);
		for (int i = 0; i < 500; i++)
			compare(insns, n, &rules, &floor,
				syscall_number(some_names[random_below(&seed, n_names)]),
				&seed);
	}
	assert_true(with_long_jumps > 10 && with_long_jumps < rounds - 10);
}

static void the_last_word_about_a_name_counts(void **state attr_unused)
{
	static const char *const names[] = { "read", "no_such_call", NULL };
	static const struct syscall_rule rule = { "read",
						  SECCOMP_RET_KILL_PROCESS,
						  { { ARG_EQ, 0, 3 } } };
	struct seccomp_data d = { .nr = SYS_read, .arch = native_arch, .args = { 3 } };
	cleanup_free struct sock_filter *insns = NULL;
	struct filter_maker *m;
	unsigned short n;

	assert_int_equal(filter_maker_new(UNNAMED, &m), 0);
	filter_maker_set(m, ERRNO(EPERM), names);
	assert_int_equal(filter_maker_rule(m, &rule), 0);
	filter_maker_set(m, SECCOMP_RET_ALLOW, names);
	filter_maker_set(m, SECCOMP_RET_ALLOW, NULL);
	assert_int_equal(filter_maker_make(m, &insns, &n, NULL), 0);
	assert_int_equal(run(insns, n, &d), SECCOMP_RET_ALLOW);
	d.nr = SYS_write;
	assert_int_equal(run(insns, n, &d), UNNAMED);
	filter_maker_free(m);
}

static void too_long_a_program_is_an_error(void **state attr_unused)
{
	struct syscall_rule rule = { "read", ERRNO(EPERM), { { ARG_EQ, 0, 0 } } };
	struct sock_filter *insns = NULL;
	struct sbx_err err = { 0 };
	struct filter_maker *m;
	unsigned short n;

	assert_int_equal(filter_maker_new(UNNAMED, &m), 0);
	for (rule.args[0].value = 0; rule.args[0].value < 2000; rule.args[0].value++)
		assert_int_equal(filter_maker_rule(m, &rule), 0);
	assert_int_equal(filter_maker_make(m, &insns, &n, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "use fewer rules"));
	filter_maker_free(m);
}

/* --- the kernel takes them --- */

static int errno_of(long r)
{
	return r < 0 ? errno : 0;
}

/* In a process of its own, for there is no way back. Return: what @call said, as a status */
static int inside(const struct filter *f, int (*call)(int listener_fd))
{
	int listener_fd, status;
	pid_t pid = fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    filter_enter(f, &listener_fd, NULL) < 0)
			_exit(255);
		_exit(call(listener_fd));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int refused_by_kernel(int listener_fd)
{
	return listener_fd != -EBADF ? 254 : errno_of(syscall(SYS_unshare, -1L));
}

/* Nobody answers any more once the listener is closed. */
static int refused_by_listener(int listener_fd)
{
	if (listener_fd < 0)
		return 254;
	close(listener_fd);
	return errno_of(syscall(SYS_unshare, -1L));
}

/* As inside a supervisor that listens already. */
static int second_listener(int listener_fd)
{
	int second;

	if (listener_fd < 0 || filter_enter(&filter_default, &second, NULL) < 0)
		return 254;
	return second == -EBADF ? 0 : 253;
}

static void the_kernel_takes_the_filter_in_both_forms(void **state attr_unused)
{
	struct filter plain = filter_default;

	plain.counted = NULL;
	assert_int_equal(inside(&plain, refused_by_kernel), EPERM);
	assert_int_equal(inside(&filter_default, refused_by_listener), ENOSYS);
}

static void the_kernel_takes_it_with_what_soft_limits_add(void **state attr_unused)
{
	struct filter f = filter_default;

	assert_int_equal(hold_add(HOLD_AFFINITY | HOLD_VISIBLE, &f, NULL), 0);
	assert_int_equal(inside(&f, refused_by_listener), ENOSYS);
	f.counted = NULL;
	assert_int_equal(inside(&f, refused_by_kernel), EPERM);
	filter_done(&f);
}

static void below_another_listener_nothing_is_counted(void **state attr_unused)
{
	assert_int_equal(inside(&filter_default, second_listener), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_filter_says_what_the_tables_say),
		cmocka_unit_test(foreign_interfaces_are_killed),
		cmocka_unit_test(counting_changes_refusals_by_eperm_only),
		cmocka_unit_test(soft_limits_add_their_refusals_and_nothing_else),
		cmocka_unit_test(soft_limits_want_room_in_a_filter),
		cmocka_unit_test(the_strictest_rule_decides_and_the_floor_last),
		cmocka_unit_test(the_last_word_about_a_name_counts),
		cmocka_unit_test(too_long_a_program_is_an_error),
		cmocka_unit_test(the_kernel_takes_the_filter_in_both_forms),
		cmocka_unit_test(the_kernel_takes_it_with_what_soft_limits_add),
		cmocka_unit_test(below_another_listener_nothing_is_counted),
	};

	/* The second instruction compares it. */
	native_arch = filter_default.plain[1].k;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
