/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The only user of libseccomp, and of that only its table of names: libseccomp cannot say
 * "allow this call except with these arguments" in one filter, and two filters could have but
 * one listener between them.
 *
 *	arch, number
 *	binary search over ranges of numbers with the same answer
 *	for each call whose answer depends on arguments: its rules, strictest first; where
 *	the answer lets the call pass, the rules of the floor in between
 *
 * There are far fewer ranges than calls, so the kernel has less to check and compile at each
 * start than with one comparison per call, and fewer steps at each call.
 *
 * Conditional jumps reach 255 instructions. Where that is not enough for the rules of some call,
 * the program is written once more with an unconditional jump behind each comparison.
 */
#include "filter-make.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>

#include <linux/seccomp.h>

#include "base/cleanup.h"

#define STAGE "seccomp"

#define X32_BIT 0x40000000U

/* Offsets of the halves of an argument in struct seccomp_data. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HIGH 4
#define LOW  0
#else
#define HIGH 0
#define LOW  4
#endif

struct rule {
	int nr;
	uint32_t answer;
	struct arg_rule args[SYSCALL_ARGS];
};

struct rules {
	struct rule *list;
	size_t n;
};

struct filter_maker {
	uint32_t unnamed;
	uint32_t answers[FILTER_MAX_NR];
	bool named[FILTER_MAX_NR];
	bool has_rules[FILTER_MAX_NR], has_floor[FILTER_MAX_NR];
	struct rules rules, floor;
};

int syscall_number(const char *name)
{
	return seccomp_syscall_resolve_name(name);
}

char *syscall_name(int nr)
{
	return seccomp_syscall_resolve_num_arch(seccomp_arch_native(), nr);
}

const char *filter_library(char *out, size_t size)
{
	const struct scmp_version *v = seccomp_version();

	snprintf(out, size, "%u.%u.%u", v->major, v->minor, v->micro);
	return out;
}

/* The kernel compares actions as signed numbers: to kill the process is below all others. */
int filter_compare(uint32_t a, uint32_t b)
{
	int32_t x = (int32_t)(a & SECCOMP_RET_ACTION_FULL);
	int32_t y = (int32_t)(b & SECCOMP_RET_ACTION_FULL);

	return (x > y) - (x < y);
}

static bool passes(uint32_t answer)
{
	uint32_t action = answer & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

/* --- collecting --- */

int filter_maker_new(uint32_t answer, struct filter_maker **ret)
{
	struct filter_maker *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->unnamed = answer;
	for (size_t i = 0; i < FILTER_MAX_NR; i++)
		m->answers[i] = answer;
	*ret = m;
	return 0;
}

void filter_maker_free(struct filter_maker *m)
{
	if (!m)
		return;
	free(m->rules.list);
	free(m->floor.list);
	free(m);
}

/* Negative numbers stand for calls that only other architectures have. */
static bool is_here(int nr)
{
	return nr >= 0 && nr < FILTER_MAX_NR;
}

static void drop_rules(struct rules *rules, int nr)
{
	size_t n = 0;

	for (size_t i = 0; i < rules->n; i++)
		if (rules->list[i].nr != nr)
			rules->list[n++] = rules->list[i];
	rules->n = n;
}

void filter_maker_set(struct filter_maker *m, uint32_t answer, const char *const *names)
{
	for (; names && *names; names++) {
		int nr = syscall_number(*names);

		if (!is_here(nr))
			continue;
		m->answers[nr] = answer;
		m->named[nr] = true;
		m->has_rules[nr] = false;
		drop_rules(&m->rules, nr);
	}
}

/* Sorted by strictness, equals in the order they came: the first that holds decides. */
static int add(struct rules *rules, int nr, const struct syscall_rule *rule)
{
	struct rule *list = reallocarray(rules->list, rules->n + 1, sizeof(*list));
	size_t at = rules->n;

	if (!list)
		return -ENOMEM;
	rules->list = list;
	for (; at > 0 && filter_compare(list[at - 1].answer, rule->answer) > 0; at--)
		list[at] = list[at - 1];
	list[at] = (struct rule){ .nr = nr, .answer = rule->answer };
	memcpy(list[at].args, rule->args, sizeof(list[at].args));
	rules->n++;
	return 0;
}

int filter_maker_rule(struct filter_maker *m, const struct syscall_rule *rule)
{
	int nr = syscall_number(rule->name);

	if (!is_here(nr))
		return 0;
	if (rule->args[0].op != ARG_END) {
		m->has_rules[nr] = true;
		return add(&m->rules, nr, rule);
	}
	if (!m->named[nr] || filter_compare(rule->answer, m->answers[nr]) < 0)
		m->answers[nr] = rule->answer;
	m->named[nr] = true;
	return 0;
}

int filter_maker_floor(struct filter_maker *m, const struct syscall_rule *rule)
{
	int nr = syscall_number(rule->name);

	if (!is_here(nr))
		return 0;
	m->has_floor[nr] = true;
	return add(&m->floor, nr, rule);
}

/* --- writing instructions --- */

/* One more than fits is enough to know that a program is too long. */
struct program {
	struct sock_filter insns[BPF_MAXINSNS + 1];
	size_t n;
	bool far;     /* write jumps that reach everywhere */
	bool too_far; /* a short one did not reach */
};

static size_t emit(struct program *p, unsigned code, unsigned jt, unsigned jf, uint32_t k)
{
	size_t at = p->n;

	p->insns[at] =
		(struct sock_filter){ (uint16_t)code, (uint8_t)jt, (uint8_t)jf, k };
	p->n = MIN(at + 1, (size_t)BPF_MAXINSNS);
	return at;
}

static void load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static size_t jump(struct program *p)
{
	return emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void answer(struct program *p, uint32_t value)
{
	emit(p, BPF_RET | BPF_K, 0, 0, value);
}

/* Let the jump at @from lead to what is written next. */
static void land(struct program *p, size_t from)
{
	p->insns[from].k = (uint32_t)(p->n - from - 1);
}

/* --- conditions --- */

/* Where the conditions of a rule leave it, for they do not hold. */
struct exits {
	size_t at[2 * SYSCALL_ARGS];
	size_t n;
};

/* A comparison after which the program goes on where it is @wanted, and leaves otherwise. */
static void test(struct program *p, unsigned code, uint32_t k, bool wanted,
		 struct exits *e)
{
	size_t at =
		emit(p, BPF_JMP | code | BPF_K, p->far && wanted, p->far && !wanted, k);

	if (!p->far)
		p->insns[at].jt = !wanted; /* marks the side that land_all() fills in */
	assert(e->n < ARRAY_SIZE(e->at));
	e->at[e->n++] = p->far ? jump(p) : at;
}

static void land_all(struct program *p, const struct exits *e)
{
	assert(e->n <= ARRAY_SIZE(e->at));
	for (size_t i = 0; i < e->n; i++) {
		struct sock_filter *insn = &p->insns[e->at[i]];
		size_t distance = p->n - e->at[i] - 1;

		if (p->far) {
			insn->k = (uint32_t)distance;
			continue;
		}
		p->too_far = p->too_far || distance > UINT8_MAX;
		*(insn->jt ? &insn->jt : &insn->jf) = (uint8_t)distance;
	}
}

static uint32_t half(uint64_t v, unsigned which)
{
	return (uint32_t)(which == HIGH ? v >> 32 : v);
}

static void load_arg(struct program *p, const struct arg_rule *a, unsigned which)
{
	load(p,
	     offsetof(struct seccomp_data, args) + sizeof(uint64_t) * a->index + which);
}

static void load_masked(struct program *p, const struct arg_rule *a, unsigned which)
{
	uint32_t mask = half(a->mask, which);

	load_arg(p, a, which);
	if (mask != UINT32_MAX)
		emit(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
}

static bool is_needed(const struct arg_rule *a, unsigned which)
{
	return half(a->mask, which) || half(a->value, which);
}

static void masked(struct program *p, const struct arg_rule *a, struct exits *e)
{
	static const unsigned halves[] = { HIGH, LOW };

	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		if (!is_needed(a, halves[i]))
			continue;
		load_masked(p, a, halves[i]);
		test(p, BPF_JEQ, half(a->value, halves[i]), true, e);
	}
}

/* Holds where either half differs. */
static void not_masked(struct program *p, const struct arg_rule *a, struct exits *e)
{
	size_t high = 0;

	if (is_needed(a, HIGH)) {
		load_masked(p, a, HIGH);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, half(a->value, HIGH));
		high = jump(p);
	}
	load_masked(p, a, LOW);
	test(p, BPF_JEQ, half(a->value, LOW), false, e);
	if (high)
		land(p, high);
}

/*
 * argument > value, or >= where @code is BPF_JGE; with @wanted false the opposite:
 *
 *	high equal: the low half decides; else the high half does
 */
static void greater(struct program *p, const struct arg_rule *a, unsigned code,
		    bool wanted, struct exits *e)
{
	size_t end;

	load_arg(p, a, HIGH);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, p->far ? 3 : 2, 0, half(a->value, HIGH));
	test(p, BPF_JGT, half(a->value, HIGH), wanted, e);
	end = jump(p);
	load_arg(p, a, LOW);
	test(p, code, half(a->value, LOW), wanted, e);
	land(p, end);
}

static void condition(struct program *p, const struct arg_rule *a, struct exits *e)
{
	struct arg_rule all = *a;

	switch (a->op) {
	case ARG_EQ:
	case ARG_NE:
		all.mask = UINT64_MAX;
		if (a->op == ARG_EQ)
			masked(p, &all, e);
		else
			not_masked(p, &all, e);
		break;
	case ARG_GT:
	case ARG_LE:
		greater(p, a, BPF_JGT, a->op == ARG_GT, e);
		break;
	case ARG_GE:
	case ARG_LT:
		greater(p, a, BPF_JGE, a->op == ARG_GE, e);
		break;
	case ARG_MASKED:
		masked(p, a, e);
		break;
	case ARG_MASKED_NE:
		not_masked(p, a, e);
		break;
	case ARG_END:
		break;
	}
}

static void conditions(struct program *p, const struct rule *rule, struct exits *e)
{
	for (size_t i = 0; i < SYSCALL_ARGS && rule->args[i].op != ARG_END; i++)
		condition(p, &rule->args[i], e);
}

/* --- one call whose answer depends on arguments --- */

/* Answer, but where that lets the call pass, ask the floor first. */
static void answer_above(struct program *p, const struct rules *floor, int nr,
			 uint32_t value)
{
	for (size_t i = 0; passes(value) && i < floor->n; i++) {
		struct exits e = { .n = 0 };

		if (floor->list[i].nr != nr)
			continue;
		conditions(p, &floor->list[i], &e);
		answer(p, floor->list[i].answer);
		land_all(p, &e);
	}
	answer(p, value);
}

static void call(struct program *p, const struct filter_maker *m, int nr)
{
	for (size_t i = 0; i < m->rules.n; i++) {
		const struct rule *rule = &m->rules.list[i];
		struct exits e = { .n = 0 };

		if (rule->nr != nr ||
		    (m->named[nr] && filter_compare(rule->answer, m->answers[nr]) >= 0))
			continue;
		conditions(p, rule, &e);
		answer_above(p, &m->floor, nr, rule->answer);
		land_all(p, &e);
	}
	answer_above(p, &m->floor, nr, m->answers[nr]);
}

/* --- the search --- */

struct range {
	uint32_t first; /* the range ends where the next one begins */
	uint32_t answer;
	int nr; /* the one call with rules of its own, or -1 */
};

struct ranges {
	struct range list[FILTER_MAX_NR + 1];
	size_t at[FILTER_MAX_NR]; /* the jumps to the calls with rules of their own */
};

static bool needs_own(const struct filter_maker *m, int nr)
{
	return m->has_rules[nr] || (m->has_floor[nr] && passes(m->answers[nr]));
}

static size_t make_ranges(const struct filter_maker *m, struct range *list)
{
	size_t n = 0;

	for (int nr = 0; nr < FILTER_MAX_NR; nr++) {
		int own = needs_own(m, nr) ? nr : -1;

		if (!n || own >= 0 || list[n - 1].nr >= 0 ||
		    list[n - 1].answer != m->answers[nr])
			list[n++] = (struct range){ (uint32_t)nr, m->answers[nr], own };
	}
	/* Calls of the x32 interface, which this box does not speak, and everything above. */
	list[n++] = (struct range){ X32_BIT, SECCOMP_RET_KILL_PROCESS, -1 };
	return n;
}

/* Instructions that search() writes for @n ranges. */
static size_t search_size(size_t n)
{
	size_t left;

	if (n == 1)
		return 1;
	left = search_size(n / 2);
	return left + search_size(n - n / 2) + (left > UINT8_MAX ? 2 : 1);
}

/* Left half, right half, in this order behind the comparison. */
static void search(struct program *p, struct ranges *r, const struct range *list,
		   size_t n)
{
	size_t middle = n / 2, left;

	if (n == 1) {
		if (list->nr >= 0)
			r->at[list->nr] = jump(p);
		else
			answer(p, list->answer);
		return;
	}
	left = search_size(middle);
	if (left > UINT8_MAX) {
		emit(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, list[middle].first);
		emit(p, BPF_JMP | BPF_JA, 0, 0, (uint32_t)left);
	} else {
		emit(p, BPF_JMP | BPF_JGE | BPF_K, (unsigned)left, 0, list[middle].first);
	}
	search(p, r, list, middle);
	search(p, r, list + middle, n - middle);
}

static void program(struct program *p, const struct filter_maker *m, struct ranges *r)
{
	load(p, offsetof(struct seccomp_data, arch));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, seccomp_arch_native());
	answer(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
	search(p, r, r->list, make_ranges(m, r->list));
	for (int nr = 0; nr < FILTER_MAX_NR; nr++) {
		if (!needs_own(m, nr))
			continue;
		land(p, r->at[nr]);
		call(p, m, nr);
	}
}

int filter_maker_make(const struct filter_maker *m, struct sock_filter **ret,
		      unsigned short *ret_n, struct sbx_err *err)
{
	cleanup_free struct program *p = calloc(1, sizeof(*p));
	cleanup_free struct ranges *r = calloc(1, sizeof(*r));
	struct sock_filter *insns;

	if (!p || !r)
		return sbx_err_oom(err, STAGE);
	program(p, m, r);
	if (p->too_far) {
		*p = (struct program){ .far = true };
		program(p, m, r);
	}
	if (p->n >= BPF_MAXINSNS)
		return sbx_err_set(
			err, -E2BIG, STAGE,
			"the system call filter has more than %d instructions, and "
			"the kernel takes no more; use fewer rules with arguments",
			BPF_MAXINSNS - 1);
	insns = malloc(p->n * sizeof(*insns));
	if (!insns)
		return sbx_err_oom(err, STAGE);
	memcpy(insns, p->insns, p->n * sizeof(*insns));
	*ret = insns;
	*ret_n = (unsigned short)p->n;
	return 0;
}

void filter_count(const struct sock_filter *from, struct sock_filter *to,
		  unsigned short n)
{
	for (unsigned i = 0; i < n; i++) {
		to[i] = from[i];
		if (from[i].code == (BPF_RET | BPF_K) &&
		    from[i].k == (SECCOMP_RET_ERRNO | EPERM))
			to[i].k = SECCOMP_RET_USER_NOTIF;
	}
}
