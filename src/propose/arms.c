/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A lesson holds two contents. Where their lines correspond, the changes between them are
 * found again by comparing line by line: that is all there is to restore after a restart.
 * Lessons of others (an edit by hand, say) teach what they can, and may teach nothing.
 */

#include "propose/arms.h"

#include <math.h>

#include "conf/config.h"

#define CHANGED_MAX 64 /* lines; more is no change of ours */

static struct digest pool_key(size_t slot, size_t alt, size_t ordinal)
{
	return (struct digest){ hash_mix(slot << 16 | alt), hash_mix(ordinal + 1) };
}

static struct digest number_key(uint64_t key)
{
	return (struct digest){ hash_mix(key), 0 };
}

static const struct arm *find_arm(const struct arms *arms, struct digest key)
{
	static const struct arm fresh = { .step = STEP_START };
	const unsigned *i = digest_map_get(&arms->index, key);

	return i ? &arms->list[*i] : &fresh;
}

/* The arm to write to, made when it is new; NULL when memory ran out. */
static struct arm *make_arm(struct arms *arms, struct digest key)
{
	const unsigned *i = digest_map_get(&arms->index, key);
	size_t cap = arms->cap ? arms->cap * 2 : 32;
	struct arm *p;

	if (i)
		return &arms->list[*i];
	if (arms->n == arms->cap) {
		p = reallocarray(arms->list, cap, sizeof(*p));
		if (!p)
			return NULL;
		arms->list = p;
		arms->cap = cap;
	}
	if (digest_map_add(&arms->index, key, (unsigned)arms->n) < 0)
		return NULL;
	arms->list[arms->n] = (struct arm){ .step = STEP_START };
	return &arms->list[arms->n++];
}

const struct arm *arms_pool(const struct arms *arms, size_t slot, size_t alt,
			    size_t ordinal)
{
	return find_arm(arms, pool_key(slot, alt, ordinal));
}

const struct arm *arms_number(const struct arms *arms, uint64_t key)
{
	return find_arm(arms, number_key(key));
}

void arms_done(struct arms *arms)
{
	cleanup_free_p(&arms->list);
	digest_map_done(&arms->index);
	*arms = (struct arms){ 0 };
}

double arm_score(const struct arm *a)
{
	double near = 0.5;

	if (!a->tries)
		return a->seen ? 0.2 : 0.5;
	if (a->crashed)
		near = 0.03;
	else if (a->has_gain && a->gain == 0)
		near = 0.02; /* it makes no difference at all */
	else if (a->has_gain)
		near = fmin(0.6, fmax(0.01, 0.5 * exp(20 * a->gain)));
	return (a->keeps + near) / (a->tries + 1);
}

/* What one change of a lesson was. */
struct changed {
	struct digest key;
	struct digest old; /* pool lines: of the text that was replaced */
	double log_ratio;  /* numbers: of the new value to the old; 0 for pool lines */
	bool is_number;
};

struct changes {
	struct changed list[CHANGED_MAX];
	size_t n;
};

static void add_changed(struct changes *c, struct changed x)
{
	if (c->n < CHANGED_MAX)
		c->list[c->n++] = x;
}

/* The numbers of two versions of a line in step; those that differ are noted. */
static void compare_numbers(struct changes *c, const char *before,
			    const struct line_span *x, const char *after,
			    const struct line_span *y)
{
	const char *old = before + x->off, *new = after + y->off;
	uint64_t line_id = site_line_key(x, old), ordinal = 0;
	size_t i = 0, k = 0;
	struct number m, n;

	while (number_next(old, x->len, &i, &m) && number_next(new, y->len, &k, &n)) {
		uint64_t key = site_number_key(line_id, ordinal++);
		struct changed change = { .key = number_key(key), .is_number = true };

		if (m.value == n.value)
			continue;
		if (m.value > 0 && n.value > 0)
			change.log_ratio = log(n.value / m.value);
		else
			change.log_ratio = n.value > m.value ? STEP_START : -STEP_START;
		add_changed(c, change);
	}
}

/* The arm of the text that was there counts as seen: it need not be visited. */
static int compare_lines(struct arms *arms, const struct finder *f, struct changes *c,
			 const char *before, const struct line_span *x, const char *after,
			 const struct line_span *y, size_t *ordinals)
{
	size_t slot, alt, new_slot, new_alt, ordinal;
	struct changed change = { .is_number = false };
	struct arm *a;

	if (!finder_lookup(f, before + x->off, x->len, &slot, &alt)) {
		if (x->len != y->len ||
		    memcmp(before + x->off, after + y->off, x->len) != 0)
			compare_numbers(c, before, x, after, y);
		return 0;
	}
	ordinal = ordinals[slot]++;
	change.old = pool_key(slot, alt, ordinal);
	a = make_arm(arms, change.old);
	if (!a)
		return -ENOMEM;
	a->seen = true;
	if (!finder_lookup(f, after + y->off, y->len, &new_slot, &new_alt) ||
	    new_slot != slot || new_alt == alt)
		return 0;
	change.key = pool_key(slot, new_alt, ordinal);
	add_changed(c, change);
	return 0;
}

/* Which arms lead from one text to the other; none where the lines do not correspond. */
static int find_changes(struct arms *arms, const struct finder *f, const struct lesson *l,
			struct changes *ret)
{
	cleanup_free size_t *ordinals = calloc(f->conf->n_slots + 1, sizeof(*ordinals));
	struct line_span x = { 0 }, y = { 0 };
	bool more_x, more_y;

	if (!ordinals)
		return -ENOMEM;
	for (;;) {
		more_x = line_next(l->before, l->before_len, &x);
		more_y = line_next(l->content, l->len, &y);
		if (!more_x || !more_y)
			break;
		if (compare_lines(arms, f, ret, l->before, &x, l->content, &y, ordinals) <
		    0)
			return -ENOMEM;
	}
	if (more_x != more_y || ret->n == CHANGED_MAX)
		ret->n = 0;
	return 0;
}

/* How much better the primary metric became, as a part of what it was. */
static bool gain_of(const struct config *c, const struct lesson *l, double *ret)
{
	double old, gain;

	if (!l->incumbent || !l->outcome || l->outcome->verdict != VERDICT_OK)
		return false;
	old = l->incumbent[0];
	gain = l->outcome->metrics[0] - old;
	if (c->metrics[0].goal == GOAL_MINIMIZE)
		gain = -gain;
	*ret = old != 0 ? gain / fabs(old) : gain;
	return isfinite(*ret);
}

static void adjust_step(struct arm *a, const struct changed *c, enum status status)
{
	a->direction = c->log_ratio > 0 ? 1 : -1;
	if (status == STATUS_KEEP) {
		a->step = fmin(a->step * 2, STEP_MAX);
		return;
	}
	a->direction = -a->direction;
	a->step = fmax(a->step * (status == STATUS_CRASH ? 0.5 : 0.8409), STEP_MIN);
}

static void note_try(struct arm *a, enum status status, bool measured, double gain)
{
	a->seen = true;
	a->tries++;
	a->keeps += status == STATUS_KEEP;
	a->last_kept = status == STATUS_KEEP;
	a->crashed = status == STATUS_CRASH;
	a->has_gain = measured;
	a->gain = gain;
}

static int teach(struct arms *arms, const struct config *conf, const struct lesson *l,
		 const struct changes *c)
{
	enum status status = l->decision->status;
	double gain = 0;
	bool measured = gain_of(conf, l, &gain);

	/* A pair that failed says little about each: not even that it was visited. */
	if (c->n > 1 && status != STATUS_KEEP)
		return 0;
	for (size_t i = 0; i < c->n; i++) {
		struct arm *a = make_arm(arms, c->list[i].key);

		if (!a)
			return -ENOMEM;
		note_try(a, status, measured, gain);
		if (c->list[i].is_number) {
			adjust_step(a, &c->list[i], status);
			continue;
		}
		/* What was replaced with success is worse by as much. */
		a = make_arm(arms, c->list[i].old);
		if (!a)
			return -ENOMEM;
		if (status == STATUS_KEEP)
			note_try(a, STATUS_DISCARD, measured, -gain);
	}
	return 0;
}

int arms_learn(struct arms *arms, const struct finder *f, const struct config *c,
	       const struct lesson *l)
{
	struct changes changes = { .n = 0 };
	int r;

	r = find_changes(arms, f, l, &changes);
	return r < 0 ? r : teach(arms, c, l, &changes);
}
