/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The built-in proposer against synthetic functions: what it changes, that it never
 * repeats itself, that lessons restore it, and that it finds what there is to find.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/strv.h"
#include "conf/config.h"
#include "propose/number.h"
#include "propose/proposer.h"
#include "propose/sites.h"

/* Numbers */

struct found {
	const char *line;
	const char *numbers; /* what is found, separated by blanks */
};

static const struct found found_table[] = {
	{ "lr = 0.01", "0.01" },
	{ "lr = .5", ".5" },
	{ "betas = (0.9, 0.95)", "0.9 0.95" },
	{ "x = -3", "3" },
	{ "x = n - 3", "3" },
	{ "x = n-3", "" },
	{ "--param=max-unroll-times=8", "8" },
	{ "-O2", "" },
	{ "-march=x86-64", "" },
	{ "-std=gnu11", "" },
	{ "x86_64 utf8 utf-8 conv2d", "" },
	{ "version = \"1.2.3\"", "" },
	{ "10.0.0.1:80", "80" },
	{ "mask = 0x10 | 0b11 | 0o7", "" },
	{ "mode = 0755; id = 007", "" },
	{ "big = 1_000_000", "" },
	{ "lr = 1e-3 + 2.5E+05", "1e-3 2.5E+05" },
	{ "t = 10ms; s = 64K; f = 1.5f; u = 10UL", "10 64 1.5 10" },
	{ "3x3 2nd 1st 4foo", "" },
	{ "date = 2024-01-31", "" },
	{ "a 3-way merge of 64-bit", "" },
	{ "# 5 is a comment", "" },
	{ "#define N 5", "5" },
	{ "// 5", "" },
	{ "  /* 5 */", "" },
	{ "-- 5", "" },
	{ "LIMIT 10 -- 5", "10 5" },
	{ "x = 5  # was 7", "5" },
	{ "x = 5; // was 7", "5" },
	{ "x = n // 2", "2" },
	{ "a[0] = 1", "0 1" },
	{ "range(1, 10)", "1 10" },
	{ "file2.txt 2.txt", "" },
	{ "It ends with 12.", "12" },
	{ "1234567890123456", "" },
	{ "\xc3\xa9"
	  "5 5\xc3\xa9",
	  "" },
	{ "\\1 \\x41", "" },
	{ "", "" },
	{ "1", "1" },
	{ "{\"a\": 1, \"b\": [2.0,3]}", "1 2.0 3" },
};

static void numbers_are_told_from_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(found_table); i++) {
		const char *line = found_table[i].line;
		cleanup_buf struct buf b = BUF_INIT;
		struct number n;
		size_t pos = 0;

		while (number_next(line, strlen(line), &pos, &n)) {
			if (b.len)
				buf_puts(&b, " ");
			buf_add(&b, line + n.off, n.len);
		}
		if (!streq(buf_str(&b), found_table[i].numbers))
			fail_msg("\"%s\": \"%s\" instead of \"%s\"", line, buf_str(&b),
				 found_table[i].numbers);
	}
}

struct written {
	const char *from;
	double value;
	int digits;
	const char *to; /* NULL = does not fit */
};

static const struct written written_table[] = {
	{ "0.010", 0.01312, 2, "0.013" },
	{ "0.010", 0.02, 2, "0.020" },
	{ "0.010", 120.4, 2, "120.000" },
	{ "0.01", 0.01312, 2, "0.013" },
	{ "0.01", 0.01312, 4, "0.01312" },
	{ "1e-3", 1.41e-3, 2, "1.4e-3" },
	{ "1e-3", 2.0e-3, 2, "2e-3" },
	{ "1.0e-03", 2.0e-3, 2, "2.0e-03" },
	{ "2.5E+05", 3.1e5, 2, "3.1E+05" },
	{ "1e9", 9.7e8, 2, "9.7e8" },
	{ "4", 5, 2, "5" },
	{ "1000", 1372.2, 2, "1400" },
	{ "1024", 1372.2, 2, "1372" },
	{ "5.0", 6.51, 2, "6.5" },
	{ "5.0", 7, 2, "7.0" },
	{ ".5", 0.71, 2, "0.71" },
	{ "3.14159", 4.4178612, 2, "4.41786" },
	{ "0.0", 0.1, 2, "0.1" },
	{ "1", INFINITY, 2, NULL },
	{ "1", -1, 2, NULL },
	{ "1", 1e18, 2, NULL },
	{ "0.5", 1e-20, 2, NULL },
};

static void numbers_keep_their_style(void **state)
{
	char out[NUMBER_TEXT_MAX];
	struct number n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(written_table); i++) {
		const struct written *w = &written_table[i];
		size_t pos = 0;
		bool fits;

		assert_true(number_next(w->from, strlen(w->from), &pos, &n));
		fits = number_format(&n, w->value, w->digits, out);
		assert_int_equal(fits, w->to != NULL);
		if (fits)
			assert_string_equal(out, w->to);
	}
}

static void written_numbers_read_back(void **state)
{
	uint64_t random = 7;
	char from[64], out[NUMBER_TEXT_MAX];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		double v = exp(40 * random_unit(&random) - 20), w;
		struct number n;
		size_t pos = 0;

		snprintf(from, sizeof(from), i % 2 ? "%.*g" : "%.*f",
			 (int)random_below(&random, 8) + 1, v);
		if (!number_next(from, strlen(from), &pos, &n))
			continue;
		w = n.value * exp(random_unit(&random) - 0.5);
		if (!number_format(&n, w, 3, out))
			continue;
		pos = 0;
		if (!number_next(out, strlen(out), &pos, &n) || n.len != strlen(out))
			fail_msg("%s -> %s is no number any more", from, out);
		if (fabs(n.value - w) > fmax(0.006 * w, n.integer ? 0.5 : 0))
			fail_msg("%s -> %s is not %.17g", from, out, w);
	}
}

static void names_are_found(void **state)
{
	static const struct {
		const char *line;
		size_t nth;
		const char *name;
	} table[] = {
		{ "lr = 0.01", 0, "lr" },
		{ "betas = (0.9, 0.95)", 1, "betas" },
		{ "--param=max-unroll-times=8", 0, "max-unroll-times" },
		{ "  \"model.width\": 64,", 0, "model.width" },
		{ "12", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		size_t pos = 0, len;
		struct number n;
		const char *name;

		for (size_t k = 0; k <= table[i].nth; k++)
			assert_true(number_next(table[i].line, strlen(table[i].line),
						&pos, &n));
		name = number_name(table[i].line, n.off, &len);
		assert_int_equal(len, strlen(table[i].name));
		assert_memory_equal(name, table[i].name, len);
	}
}

/* A campaign in memory */

typedef double (*objective)(const char *content);

struct campaign {
	struct config conf;
	struct proposer *p;
	char *best;
	size_t best_len;
	double value;
	unsigned number;
	char **log;      /* descriptions */
	char **contents; /* everything that was tried */
	struct decision decisions[512];
	double values[512];
};

static char *pool_binary[6][3];
static char **pool_slots[6];

static void setup(struct campaign *c, const char *start, objective f)
{
	*c = (struct campaign){ .value = f(start) };
	c->conf.n_metrics = 1;
	c->conf.metrics[0].goal = GOAL_MINIMIZE;
	c->conf.proposer.seed = 1;
	c->best = strdup(start);
	c->best_len = strlen(start);
}

static void open_proposer(struct campaign *c)
{
	assert_int_equal(proposer_new(&c->conf, &c->p, NULL), 0);
}

static void teardown(struct campaign *c)
{
	proposer_free(c->p);
	strv_free(c->log);
	strv_free(c->contents);
	free(c->best);
}

/* One experiment; false when the search is exhausted. */
static bool experiment(struct campaign *c, objective f)
{
	cleanup_candidate struct candidate x = { 0 };
	struct proposal_request req = { c->number + 1, c->best, c->best_len, &c->value };
	struct outcome o = { .verdict = VERDICT_OK };
	struct decision d;
	struct lesson l;
	struct sbx_err err = { 0 };
	int r = proposer_propose(c->p, &req, &x, &err);

	if (r == PROPOSE_EXHAUSTED) {
		assert_true(err.msg[0]);
		return false;
	}
	assert_int_equal(r, 0);
	assert_int_equal(x.number, c->number + 1);
	assert_int_equal(strlen(x.content), x.len);
	assert_string_not_equal(x.content, c->best);
	if (strv_has(c->contents, x.content))
		fail_msg("tried twice: %s", x.description);
	assert_int_equal(strv_add(&c->contents, x.content), 0);
	assert_int_equal(strv_add(&c->log, x.description), 0);

	o.metrics[0] = f(x.content);
	if (isnan(o.metrics[0]))
		o.verdict = VERDICT_EXIT;
	d.status = o.verdict != VERDICT_OK   ? STATUS_CRASH
		   : o.metrics[0] < c->value ? STATUS_KEEP
					     : STATUS_DISCARD;
	l = (struct lesson){ x.number, x.description, c->best, c->best_len, x.content,
			     x.len,    &c->value,     &o,      &d };
	assert_int_equal(proposer_learn(c->p, &l, NULL), 0);
	c->values[c->number] = o.metrics[0];
	c->decisions[c->number++] = d;
	if (d.status != STATUS_KEEP)
		return true;
	free(c->best);
	c->best = TAKE_PTR(x.content);
	c->best_len = x.len;
	c->value = o.metrics[0];
	return true;
}

static double value_after(const char *content, const char *name)
{
	const char *p = strstr(content, name);

	return p ? strtod(p + strlen(name), NULL) : NAN;
}

static double log_distance(const char *content)
{
	double d = log(value_after(content, "lr = ")) - log(0.3);

	return d * d;
}

static void one_number_is_optimised(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct campaign c;

		setup(&c, "# settings\nlr = 0.01\n", log_distance);
		c.conf.proposer.seed = seed;
		open_proposer(&c);
		for (int i = 0; i < 60; i++)
			assert_true(experiment(&c, log_distance));
		/* From a factor of 30 away to within 5 %. */
		if (c.value > 0.05 * 0.05)
			fail_msg("seed %d: %s", (int)seed, c.best);
		teardown(&c);
	}
}

static double three_numbers(const char *content)
{
	double a = log(value_after(content, "a = ") / 0.3);
	double b = log(value_after(content, "b = ") / 40);
	double d = log(value_after(content, "c = ") / 2e-4);

	return a * a + b * b + d * d;
}

static void several_numbers_are_optimised(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct campaign c;
		double start;

		setup(&c, "a = 0.1\nb = 8\nc = 1e-3\nunused = 5\n", three_numbers);
		start = c.value;
		c.conf.proposer.seed = seed;
		open_proposer(&c);
		for (int i = 0; i < 120; i++)
			assert_true(experiment(&c, three_numbers));
		if (c.value > start / 20)
			fail_msg("seed %d: %g\n%s", (int)seed, c.value, c.best);
		teardown(&c);
	}
}

/* Bits of the six flags, whose names are "-fN" and "-no-fN". */
static double six_flags(const char *content)
{
	static const double weight[6] = { 3, -2, 1, 5, -1, 0.5 };
	bool on[6];
	double v = 100;

	for (int i = 0; i < 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "-fa%c\n", 'a' + i);
		on[i] = strstr(content, name) != NULL;
		v -= on[i] ? weight[i] : 0;
	}
	/* Neither helps alone. */
	v -= on[1] && on[4] ? 8 : 0;
	return v;
}

static void make_pool(struct campaign *c)
{
	static char names[6][2][16];

	for (int i = 0; i < 6; i++) {
		snprintf(names[i][0], sizeof(names[i][0]), "-no-fa%c", 'a' + i);
		snprintf(names[i][1], sizeof(names[i][1]), "-fa%c", 'a' + i);
		pool_binary[i][0] = names[i][0];
		pool_binary[i][1] = names[i][1];
		pool_slots[i] = pool_binary[i];
	}
	c->conf.proposer.pool = pool_slots;
	c->conf.proposer.n_slots = 6;
	c->conf.proposer.numbers = NUMBERS_NONE;
}

#define FLAGS_START "-no-faa\n-no-fab\n-no-fac\n-no-fad\n-no-fae\n-no-faf\n"

static void binary_pool_is_searched(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct campaign c;

		setup(&c, FLAGS_START, six_flags);
		make_pool(&c);
		c.conf.proposer.seed = seed;
		open_proposer(&c);
		for (int i = 0; i < 40; i++)
			assert_true(experiment(&c, six_flags));
		if (c.value != 85.5)
			fail_msg("seed %d: %g\n%s", (int)seed, c.value, c.best);
		teardown(&c);
	}
}

static void first_pass_visits_every_alternative(void **state)
{
	struct campaign c;

	(void)state;
	setup(&c, FLAGS_START, six_flags);
	make_pool(&c);
	open_proposer(&c);
	for (int i = 0; i < 6; i++) {
		char want[40];

		assert_true(experiment(&c, six_flags));
		snprintf(want, sizeof(want), "-no-fa%c -> -fa%c", 'a' + i, 'a' + i);
		assert_string_equal(c.log[i], want);
	}
	teardown(&c);
}

static void small_pool_is_exhausted(void **state)
{
	struct campaign c;

	(void)state;
	setup(&c, FLAGS_START, six_flags);
	make_pool(&c);
	open_proposer(&c);
	/* All of 64 combinations but the start, none twice (experiment() checks that). */
	for (int i = 0; i < 63; i++)
		assert_true(experiment(&c, six_flags));
	assert_false(experiment(&c, six_flags));
	teardown(&c);
}

static double constant(const char *content)
{
	(void)content;
	return 1;
}

static void nothing_to_change_is_said(void **state)
{
	static const char *const texts[] = { "", "\n\n", "no numbers here\n",
					     "x86_64\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct campaign c;

		setup(&c, texts[i], constant);
		open_proposer(&c);
		assert_false(experiment(&c, constant));
		teardown(&c);
	}
}

static void numbers_do_not_run_out(void **state)
{
	struct campaign c;

	(void)state;
	setup(&c, "n = 1\n", constant);
	open_proposer(&c);
	for (int i = 0; i < 60; i++)
		assert_true(experiment(&c, constant));
	teardown(&c);
}

static void lines_keep_indent_and_ending(void **state)
{
	static char *slot[] = { "  -O1 ", "-O3", NULL };
	static char **slots[] = { slot };
	struct campaign c;

	(void)state;
	setup(&c, "\xef\xbb\xbf# bom\r\n\t -O1 \r\nlast = 5", constant);
	c.conf.proposer.pool = slots;
	c.conf.proposer.n_slots = 1;
	c.conf.proposer.numbers = NUMBERS_NONE;
	open_proposer(&c);
	assert_true(experiment(&c, constant));
	assert_string_equal(c.contents[0], "\xef\xbb\xbf# bom\r\n\t -O3 \r\nlast = 5");
	assert_string_equal(c.log[0], "-O1 -> -O3");
	assert_false(experiment(&c, constant));
	teardown(&c);
}

static void number_rule_is_obeyed(void **state)
{
	struct campaign c;

	(void)state;
	setup(&c, "a = 5\n--param=b=7\nc = 9\n", constant);
	c.conf.proposer.numbers = NUMBERS_MATCHING;
	c.conf.proposer.numbers_regex = "^--param";
	open_proposer(&c);
	for (int i = 0; i < 10; i++) {
		assert_true(experiment(&c, constant));
		assert_non_null(strstr(c.contents[i], "a = 5\n--param=b="));
		assert_non_null(strstr(c.contents[i], "\nc = 9\n"));
		assert_non_null(strstr(c.log[i], "b 7 -> "));
		assert_non_null(strstr(c.log[i], "(line 2)"));
	}
	teardown(&c);
}

static void wrong_number_rule_is_refused(void **state)
{
	struct config conf = { .n_metrics = 1 };
	struct sbx_err err = { 0 };
	struct proposer *p = NULL;

	(void)state;
	conf.proposer.numbers = NUMBERS_MATCHING;
	conf.proposer.numbers_regex = "(";
	assert_int_equal(proposer_new(&conf, &p, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "numbers: ("));
}

static double mixed(const char *content)
{
	return six_flags(content) + log_distance(content);
}

/* A second proposer that is taught half of the lessons goes on as the first one did. */
static void lessons_restore_the_search(void **state)
{
	struct campaign a, b;
	const char *best;
	double value;

	(void)state;
	setup(&a, FLAGS_START "lr = 0.01\n", mixed);
	make_pool(&a);
	a.conf.proposer.numbers = NUMBERS_ALL;
	open_proposer(&a);
	for (int i = 0; i < 40; i++)
		assert_true(experiment(&a, mixed));

	setup(&b, FLAGS_START "lr = 0.01\n", mixed);
	make_pool(&b);
	b.conf.proposer.numbers = NUMBERS_ALL;
	open_proposer(&b);
	best = FLAGS_START "lr = 0.01\n";
	value = b.value;
	for (unsigned i = 0; i < 20; i++) {
		struct outcome o = { .verdict = VERDICT_OK, .metrics = { a.values[i] } };
		struct lesson l = { i + 1,          a.log[i],
				    best,           strlen(best),
				    a.contents[i],  strlen(a.contents[i]),
				    &value,         &o,
				    &a.decisions[i] };

		assert_int_equal(proposer_learn(b.p, &l, NULL), 0);
		if (a.decisions[i].status == STATUS_KEEP) {
			best = a.contents[i];
			value = a.values[i];
		}
	}
	free(b.best);
	b.best = strdup(best);
	b.best_len = strlen(best);
	b.value = value;
	b.number = 20;
	for (int i = 20; i < 40; i++) {
		assert_true(experiment(&b, mixed));
		assert_string_equal(b.contents[i - 20], a.contents[i]);
		assert_string_equal(b.log[i - 20], a.log[i]);
	}
	teardown(&a);
	teardown(&b);
}

static double crashes_above_ten(const char *content)
{
	double n = value_after(content, "n = ");

	return n > 10 ? NAN : -n;
}

static void crashes_are_backed_away_from(void **state)
{
	struct campaign c;

	(void)state;
	setup(&c, "n = 3\n", crashes_above_ten);
	open_proposer(&c);
	for (int i = 0; i < 9; i++)
		experiment(&c, crashes_above_ten);
	assert_true(c.value <= -8);
	teardown(&c);
}

static void odd_lessons_are_survived(void **state)
{
	struct campaign c;
	struct decision d = { .status = STATUS_CRASH };
	struct outcome o = { .verdict = VERDICT_TIMEOUT };
	struct lesson l = { .number = 1,
			    .before = "a\nb 1\n",
			    .before_len = 6,
			    .outcome = &o,
			    .decision = &d };

	(void)state;
	setup(&c, "b = 1\n", constant);
	open_proposer(&c);
	assert_int_equal(proposer_learn(c.p, &l, NULL), 0);
	l.content = "";
	assert_int_equal(proposer_learn(c.p, &l, NULL), 0);
	l.content = "one line more\na\nb 2\n";
	l.len = strlen(l.content);
	assert_int_equal(proposer_learn(c.p, &l, NULL), 0);
	l.outcome = NULL;
	assert_int_equal(proposer_learn(c.p, &l, NULL), 0);
	assert_true(experiment(&c, constant));
	teardown(&c);
}

/* Random texts of odd bytes: one line differs, the rest stays byte for byte. */
static void any_text_is_survived(void **state)
{
	static const char bytes[] = "0123456789.eE+-= \t\n\r#/\"x_\xc3\xa9(),a";
	uint64_t random = 99;
	unsigned changed = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct campaign c;
		char text[120];
		size_t n = random_below(&random, sizeof(text) - 1);

		for (size_t k = 0; k < n; k++)
			text[k] = bytes[random_below(&random, sizeof(bytes) - 1)];
		text[n] = '\0';
		setup(&c, text, constant);
		open_proposer(&c);
		for (int k = 0; k < 5 && experiment(&c, constant); k++)
			changed++;
		teardown(&c);
	}
	assert_true(changed > 500);
}

static void large_targets_are_quick(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;
	struct campaign c;
	uint64_t start;

	(void)state;
	for (int i = 0; b.len < 1000 * 1000; i++)
		buf_printf(&b, "value_%c = %d  # 7\n", 'a' + i % 26, i + 1);
	setup(&c, buf_str(&b), constant);
	open_proposer(&c);
	start = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < 5; i++)
		assert_true(experiment(&c, constant));
	/* Only what is not linear takes seconds here. */
	assert_true(clock_us(CLOCK_PROCESS_CPUTIME_ID) - start < 5 * USEC_PER_SEC);
	teardown(&c);

	buf_clear(&b);
	while (b.len < 1000 * 1000)
		buf_puts(&b, "1,");
	setup(&c, buf_str(&b), constant);
	open_proposer(&c);
	start = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	assert_true(experiment(&c, constant));
	assert_true(clock_us(CLOCK_PROCESS_CPUTIME_ID) - start < 5 * USEC_PER_SEC);
	teardown(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_told_from_names),
		cmocka_unit_test(numbers_keep_their_style),
		cmocka_unit_test(written_numbers_read_back),
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(one_number_is_optimised),
		cmocka_unit_test(several_numbers_are_optimised),
		cmocka_unit_test(binary_pool_is_searched),
		cmocka_unit_test(first_pass_visits_every_alternative),
		cmocka_unit_test(small_pool_is_exhausted),
		cmocka_unit_test(nothing_to_change_is_said),
		cmocka_unit_test(numbers_do_not_run_out),
		cmocka_unit_test(lines_keep_indent_and_ending),
		cmocka_unit_test(number_rule_is_obeyed),
		cmocka_unit_test(wrong_number_rule_is_refused),
		cmocka_unit_test(lessons_restore_the_search),
		cmocka_unit_test(crashes_are_backed_away_from),
		cmocka_unit_test(odd_lessons_are_survived),
		cmocka_unit_test(any_text_is_survived),
		cmocka_unit_test(large_targets_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
