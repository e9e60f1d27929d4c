/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A search that knows no language. Two kinds of changes exist: a line that a slot of the
 * pool knows becomes another line of the slot, and a number becomes a little larger or
 * smaller.
 *
 * Every change belongs to an arm: (slot, alternative, which of the slot's lines) or (a
 * number). An arm remembers what became of its changes. For a number it also holds the
 * step in logarithms and the direction: success doubles the step and keeps the direction,
 * failure turns round and shrinks the step by a fourth root of two, so that the step
 * stays where it is when one try in five succeeds.
 *
 *	first pass   every alternative of every line once, in the order of the pool, from
 *	             the present line on; every fourth experiment changes a number instead
 *	afterwards   arms drawn by how well they did: kept more often, or failed by less;
 *	             one change usually, sometimes two that were tried alone, so that
 *	             what only helps together is found
 *
 * Nothing is tried twice. When drawing finds nothing new, what is left is enumerated;
 * when that is empty too, the search is exhausted.
 *
 * There is no other memory than the lessons, and all randomness comes from the seed and
 * the number of the experiment: replaying the lessons restores the search.
 */

#include "propose/builtin.h"

#include <math.h>

#include "base/escape.h"
#include "conf/config.h"
#include "propose/arms.h"
#include "propose/sites.h"

#define NUMBER_EVERY     4 /* in the first pass */
#define PAIR_PROBABILITY 0.2
#define DRAWS            256
#define DRAWS_SMALL      32 /* this many with one change or two, then more */
#define CHANGES_MAX      4
#define ENUMERATE_MAX    65536 /* combinations of pool lines */
#define ROUNDS           500   /* steps of each number that are enumerated */
#define POW2_MIN         8     /* from here on powers of two stay powers of two */

struct builtin {
	struct proposer base;
	const struct config *conf;
	struct finder finder;
	struct digest_map tried; /* contents */
	struct arms arms;
};

/* One change that could be made: a pool site and an alternative, or a number. */
struct option {
	const struct pool_site *pool;
	size_t alt;
	const struct number_site *number;
	double weight;
};

/* What one call of propose works on. */
struct search {
	struct builtin *b;
	const char *content;
	size_t len;
	unsigned experiment;
	uint64_t random;
	struct sites sites;
	struct option *options;
	size_t n_options;
	/* The edit being built. */
	struct option chosen[POOL_SITES_MAX + CHANGES_MAX];
	struct site_edit edits[POOL_SITES_MAX + CHANGES_MAX];
	char texts[CHANGES_MAX][NUMBER_TEXT_MAX];
	size_t n;
};

static size_t count_alts(const struct builtin *b, size_t slot)
{
	size_t n = 0;

	while (b->conf->proposer.pool[slot][n])
		n++;
	return n;
}

static const struct arm *pool_arm(const struct search *s, const struct pool_site *p,
				  size_t alt)
{
	return arms_pool(&s->b->arms, p->slot, alt, p->ordinal);
}

static size_t count_options(const struct search *s)
{
	size_t n = s->sites.n_numbers;

	for (size_t i = 0; i < s->sites.n_pool; i++)
		n += count_alts(s->b, s->sites.pool[i].slot);
	return n;
}

/*
 * Untried numbers share a weight of 3 at most: a thousand of them do not drown the rest.
 */
static double untried_weight(const struct search *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->sites.n_numbers; i++)
		n += !arms_number(&s->b->arms, s->sites.numbers[i].key)->tries;
	return n ? fmin(0.5, 3.0 / (double)n) : 0;
}

static int list_options(struct search *s)
{
	double untried = untried_weight(s);
	const struct arm *a;

	s->options = calloc(count_options(s) + 1, sizeof(*s->options));
	if (!s->options)
		return -ENOMEM;
	for (size_t i = 0; i < s->sites.n_pool; i++) {
		const struct pool_site *p = &s->sites.pool[i];
		size_t n = count_alts(s->b, p->slot);

		for (size_t k = 1; k < n; k++) {
			size_t alt = (p->alt + k) % n;

			s->options[s->n_options++] = (struct option){
				.pool = p,
				.alt = alt,
				.weight = arm_score(pool_arm(s, p, alt)),
			};
		}
	}
	for (size_t i = 0; i < s->sites.n_numbers; i++) {
		const struct number_site *n = &s->sites.numbers[i];

		a = arms_number(&s->b->arms, n->key);
		s->options[s->n_options++] = (struct option){
			.number = n,
			.weight = a->tries ? arm_score(a) * (a->last_kept ? 2 : 1)
					   : untried,
		};
	}
	return 0;
}

static size_t line_of(const struct option *o)
{
	return o->pool ? o->pool->line.number : o->number->line.number;
}

/* Add a pool line to the edit. */
static void choose_pool(struct search *s, const struct option *o)
{
	struct site_edit *e = &s->edits[s->n];

	*e = (struct site_edit){ .line = o->pool->line,
				 .off = o->pool->off,
				 .len = o->pool->len };
	e->text = finder_alt(&s->b->finder, o->pool->slot, o->alt, &e->text_len);
	s->chosen[s->n++] = *o;
}

/* Integers change by 1 at least; a power of two becomes another while steps are large. */
static double step_integer(double v, double factor, bool power)
{
	double next = round(v * factor), bits = round(log2(factor));

	if (power)
		return v * exp2(bits != 0 ? bits : factor > 1 ? 1 : -1);
	if (next == v)
		next += factor > 1 || v == 0 ? 1 : -1;
	return next;
}

static double next_value(const struct number *n, double step, int direction)
{
	double factor = exp(direction * step);
	bool power = n->value >= POW2_MIN && step >= 0.25 && n->value < 0x1p50 &&
		     exp2(round(log2(n->value))) == n->value;

	if (n->integer)
		return step_integer(n->value, factor, power);
	if (n->value == 0)
		return pow(10, -fmax(1, fmin(n->decimals, 6))) *
		       exp(fabs(step) - STEP_START);
	return n->value * factor;
}

/* Digits that a step of this size shows in. */
static int digits_for(double step)
{
	return (int)fmin(6, fmax(2, ceil(1 - log10(step))));
}

/* Add a number to the edit; false where it would be written as it is. */
static bool choose_value(struct search *s, const struct option *o, double value,
			 int digits)
{
	const struct number_site *site = o->number;
	struct site_edit *e = &s->edits[s->n];
	char *text = s->texts[s->n];

	*e = (struct site_edit){ .line = site->line,
				 .off = site->line.off + site->number.off,
				 .len = site->number.len,
				 .text = text };
	if (!number_format(&site->number, value, digits, text))
		return false;
	e->text_len = strlen(text);
	if (e->text_len == e->len && memcmp(s->content + e->off, text, e->len) == 0)
		return false;
	s->chosen[s->n++] = *o;
	return true;
}

static bool choose_step(struct search *s, const struct option *o, double step,
			int direction)
{
	const struct number *n = &o->number->number;
	double value = next_value(n, step, direction);
	bool exact = fabs(value - n->value) < 2 || exp2(round(log2(value))) == value;

	/* Rounding must not undo a step of 1, nor spoil a power of two. */
	return choose_value(s, o, value, n->integer && exact ? 15 : digits_for(step));
}

/* A step drawn around the arm's; @draw widens it while nothing new is found. */
static void draw_number(struct search *s, const struct option *o, unsigned draw)
{
	const struct arm *a = arms_number(&s->b->arms, o->number->key);
	double step = a->step * (0.7 + 0.6 * random_unit(&s->random)) * (1 + draw / 16.0);
	int direction = random_next(&s->random) & 1 ? 1 : -1;

	/* Half-way through the draws the arm's direction is no help any more. */
	if (a->direction && draw < DRAWS_SMALL)
		direction = a->direction;
	choose_step(s, o, fmin(step, STEP_MAX * 2), direction);
}

static bool line_is_taken(const struct search *s, const struct option *o)
{
	for (size_t i = 0; i < s->n; i++)
		if (line_of(&s->chosen[i]) == line_of(o))
			return true;
	return false;
}

/* One of the options by weight, on a line not edited yet; NULL where there is none. */
static const struct option *draw_option(struct search *s, bool numbers_only)
{
	double total = 0, x;
	const struct option *last = NULL;

	for (size_t i = 0; i < s->n_options; i++)
		if ((!numbers_only || s->options[i].number) &&
		    !line_is_taken(s, &s->options[i]))
			total += s->options[i].weight;
	x = random_unit(&s->random) * total;
	for (size_t i = 0; i < s->n_options; i++) {
		const struct option *o = &s->options[i];

		if ((numbers_only && !o->number) || line_is_taken(s, o))
			continue;
		last = o;
		x -= o->weight;
		if (x < 0)
			break;
	}
	return last;
}

/* Is the edit a content that was never tried? Return: 1, 0, -ENOMEM */
static int is_new(const struct search *s)
{
	struct digest sum = s->sites.digest, d;

	for (size_t i = 0; i < s->n; i++) {
		if (sites_edit_digest(s->content, &s->edits[i], &d) < 0)
			return -ENOMEM;
		sum = digest_sum(sum, d);
	}
	return s->n > 0 && !digest_map_get(&s->b->tried, sum);
}

/* First pass: the next alternative that was never seen. Return: 1, 0, -ENOMEM */
static int pick_unseen(struct search *s)
{
	size_t furthest = 1;
	int r;

	for (size_t distance = 1; distance <= furthest; distance++)
		for (size_t i = 0; i < s->sites.n_pool; i++) {
			const struct pool_site *p = &s->sites.pool[i];
			size_t n = count_alts(s->b, p->slot);
			struct option o = { .pool = p };

			if (distance >= n)
				continue;
			furthest = MAX(furthest, n - 1);
			o.alt = (p->alt + distance) % n;
			if (pool_arm(s, p, o.alt)->seen)
				continue;
			s->n = 0;
			choose_pool(s, &o);
			r = is_new(s);
			if (r != 0)
				return r;
		}
	s->n = 0;
	return 0;
}

static size_t draw_changes(struct search *s, unsigned draw)
{
	if (draw >= DRAWS_SMALL)
		return 1 + random_below(&s->random, CHANGES_MAX);
	return random_unit(&s->random) < PAIR_PROBABILITY ? 2 : 1;
}

static bool was_tried(const struct search *s, const struct option *o)
{
	if (o->number)
		return arms_number(&s->b->arms, o->number->key)->tries > 0;
	return pool_arm(s, o->pool, o->alt)->tries > 0;
}

/* Draw an edit of @want changes; what was never tried is tried alone first. */
static void draw_edit(struct search *s, bool numbers_only, unsigned draw, size_t want)
{
	const struct option *o;

	for (s->n = 0; want > 0; want--) {
		o = draw_option(s, numbers_only);
		if (!o || (s->n > 0 && !was_tried(s, o)))
			return;
		if (!was_tried(s, o))
			want = 1;
		if (o->pool)
			choose_pool(s, o);
		else
			draw_number(s, o, draw);
	}
}

/* Afterwards: changes drawn by weight. Return: 1, 0, -ENOMEM */
static int pick_drawn(struct search *s, bool numbers_only, unsigned draws)
{
	int r;

	for (unsigned draw = 0; draw < draws; draw++) {
		draw_edit(s, numbers_only, draw,
			  numbers_only ? 1 : draw_changes(s, draw));
		r = is_new(s);
		if (r != 0)
			return r;
	}
	s->n = 0;
	return 0;
}

/* The next combination of pool lines, as an odometer; false after the last one. */
static bool advance(const struct search *s, size_t *turn)
{
	for (size_t i = 0; i < s->sites.n_pool; i++) {
		if (++turn[i] < count_alts(s->b, s->sites.pool[i].slot))
			return true;
		turn[i] = 0;
	}
	return false;
}

static void choose_combination(struct search *s, const size_t *turn)
{
	s->n = 0;
	for (size_t i = 0; i < s->sites.n_pool; i++) {
		const struct pool_site *p = &s->sites.pool[i];
		struct option o = { .pool = p };

		o.alt = (p->alt + turn[i]) % count_alts(s->b, p->slot);
		if (turn[i])
			choose_pool(s, &o);
	}
}

/* Any combination of pool lines that is left. Return: 1, 0, -ENOMEM */
static int enumerate_pool(struct search *s)
{
	size_t turn[POOL_SITES_MAX] = { 0 };
	int r;

	for (unsigned n = 0; n < ENUMERATE_MAX && advance(s, turn); n++) {
		choose_combination(s, turn);
		r = is_new(s);
		if (r != 0)
			return r;
	}
	s->n = 0;
	return 0;
}

/* A number by one of ever larger steps, an integer by all small ones too. */
static int try_number(struct search *s, const struct option *o, unsigned turn,
		      int direction)
{
	double value = o->number->number.value;

	s->n = 0;
	if (o->number->number.integer)
		choose_value(s, o, value + direction * (turn + 1.0), 15);
	if (s->n == 0)
		choose_step(s, o, STEP_MIN * 4 * (turn + 1), direction);
	return is_new(s);
}

/* Any number that has an untried neighbour. Return: 1, 0, -ENOMEM */
static int enumerate_numbers(struct search *s)
{
	int r;

	for (unsigned turn = 0; turn < ROUNDS; turn++)
		for (size_t i = 0; i < s->n_options; i++)
			for (int direction = -1; direction <= 1; direction += 2) {
				if (!s->options[i].number)
					continue;
				r = try_number(s, &s->options[i], turn, direction);
				if (r != 0)
					return r;
			}
	s->n = 0;
	return 0;
}

/* Return: 1 with an edit, 0 when nothing is left, -ENOMEM */
static int pick(struct search *s)
{
	bool numbers_turn = s->sites.n_numbers && s->experiment % NUMBER_EVERY == 0;
	int r = 0;

	if (numbers_turn && s->sites.n_pool)
		r = pick_drawn(s, true, DRAWS_SMALL);
	if (r == 0)
		r = pick_unseen(s);
	if (r == 0 && s->n_options)
		r = pick_drawn(s, false, DRAWS);
	if (r == 0)
		r = enumerate_pool(s);
	if (r == 0)
		r = enumerate_numbers(s);
	return r;
}

static void describe_pool(const struct search *s, size_t i, struct buf *b)
{
	const struct pool_site *p = s->chosen[i].pool;
	const struct site_edit *e = &s->edits[i];
	char from[80], to[80];
	bool several = false;

	for (size_t k = 0; k < s->sites.n_pool; k++)
		several = several ||
			  (s->sites.pool[k].slot == p->slot && &s->sites.pool[k] != p);
	escape_text(from, sizeof(from), s->content + p->off, p->len);
	escape_text(to, sizeof(to), e->text, e->text_len);
	buf_printf(b, "%s -> %s", *from ? from : "(nothing)", *to ? to : "(nothing)");
	if (several)
		buf_printf(b, " (line %zu)", p->line.number);
}

static void describe_number(const struct search *s, size_t i, struct buf *b)
{
	const struct number_site *site = s->chosen[i].number;
	const struct site_edit *e = &s->edits[i];
	char name[48], from[NUMBER_TEXT_MAX];
	const char *p;
	size_t n;

	p = number_name(s->content + site->line.off, site->number.off, &n);
	escape_text(name, sizeof(name), p, n);
	escape_text(from, sizeof(from), s->content + e->off, e->len);
	buf_printf(b, "%s%s%s -> %.*s (line %zu)", name, *name ? " " : "", from,
		   (int)e->text_len, e->text, site->line.number);
}

/* Before sites_apply(), which sorts the edits away from what was chosen. */
static int write_candidate(struct search *s, struct candidate *ret)
{
	cleanup_buf struct buf what = BUF_INIT, content = BUF_INIT;
	cleanup_free char *description = NULL, *text = NULL;
	size_t len;

	for (size_t i = 0; i < s->n && i < CHANGES_MAX; i++) {
		if (i)
			buf_puts(&what, "; ");
		if (s->chosen[i].pool)
			describe_pool(s, i, &what);
		else
			describe_number(s, i, &what);
	}
	if (s->n > CHANGES_MAX)
		buf_printf(&what, "; and %zu more", s->n - CHANGES_MAX);
	sites_apply(s->content, s->len, s->edits, s->n, &content);
	len = content.len;
	description = buf_steal(&what);
	text = buf_steal(&content);
	if (!description || !text)
		return -ENOMEM;
	*ret = (struct candidate){
		.number = s->experiment,
		.description = TAKE_PTR(description),
		.content = TAKE_PTR(text),
		.len = len,
	};
	return 0;
}

static void search_free(struct search *s)
{
	if (!s)
		return;
	sites_done(&s->sites);
	free(s->options);
	free(s);
}

static void cleanup_search_p(struct search **s)
{
	search_free(*s);
}

static int exhausted(const struct search *s, struct sbx_err *err)
{
	if (!s->n_options)
		sbx_err_set(
			err, -ENODATA, "propose",
			"the built-in proposer finds nothing to change in the target: no "
			"line of `proposer.pool`, and no number that `proposer.numbers` "
			"allows");
	else
		sbx_err_set(err, -ENODATA, "propose",
			    "the built-in proposer has nothing left to try: every "
			    "combination it knows was tried; add alternatives to "
			    "`proposer.pool` or allow more in `proposer.numbers`");
	return PROPOSE_EXHAUSTED;
}

static int builtin_propose(struct proposer *p, const struct proposal_request *req,
			   struct candidate *ret, struct sbx_err *err)
{
	struct builtin *b = (struct builtin *)p;
	cleanup(cleanup_search_p) struct search *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return sbx_err_oom(err, "propose");
	s->b = b;
	s->content = req->content;
	s->len = req->len;
	s->experiment = req->number;
	s->random = hash_mix(b->conf->proposer.seed) ^ hash_mix(~(uint64_t)req->number);
	if (sites_find(&b->finder, req->content, req->len, &s->sites) < 0 ||
	    list_options(s) < 0)
		return sbx_err_oom(err, "propose");

	r = digest_map_add(&b->tried, s->sites.digest, req->number);
	if (r == 0)
		r = pick(s);
	if (r == 0)
		return exhausted(s, err);
	if (r > 0)
		r = write_candidate(s, ret);
	return r < 0 ? sbx_err_oom(err, "propose") : 0;
}

static int builtin_learn(struct proposer *p, const struct lesson *l, struct sbx_err *err)
{
	struct builtin *b = (struct builtin *)p;
	int r;

	if (!l->content)
		return 0;
	r = digest_map_add(&b->tried, sites_digest(l->before, l->before_len), l->number);
	if (r == 0)
		r = digest_map_add(&b->tried, sites_digest(l->content, l->len),
				   l->number);
	if (r == 0 && l->outcome)
		r = arms_learn(&b->arms, &b->finder, b->conf, l);
	return r < 0 ? sbx_err_oom(err, "propose") : 0;
}

static void builtin_free(struct proposer *p)
{
	struct builtin *b = (struct builtin *)p;

	finder_done(&b->finder);
	digest_map_done(&b->tried);
	arms_done(&b->arms);
	free(b);
}

static const struct proposer_ops builtin_ops = {
	.propose = builtin_propose,
	.learn = builtin_learn,
	.free = builtin_free,
};

int builtin_new(const struct config *c, struct proposer **ret, struct sbx_err *err)
{
	struct builtin *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return sbx_err_oom(err, "propose");
	b->base.ops = &builtin_ops;
	b->conf = c;
	r = finder_init(&b->finder, &c->proposer, err);
	if (r < 0) {
		free(b);
		return r;
	}
	*ret = &b->base;
	return 0;
}
