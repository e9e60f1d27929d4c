/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fingerprint of a target is the sum over its lines of a hash of the line's bytes
 * mixed with the line's number. An edit of one line changes one summand, so that
 * thousands of edits can be looked up without building one of them.
 */

#include "propose/sites.h"

#include <stdio.h>

#include "base/escape.h"
#include "conf/config.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *trim(const char *s, size_t *n)
{
	while (*n && is_blank(s[*n - 1]))
		--*n;
	while (*n && is_blank(*s)) {
		s++;
		--*n;
	}
	return s;
}

const char *finder_alt(const struct finder *f, size_t slot, size_t alt, size_t *ret_n)
{
	const char *s = f->conf->pool[slot][alt];

	*ret_n = strlen(s);
	return trim(s, ret_n);
}

static int index_pool(struct finder *f, struct sbx_err *err)
{
	const char *s;
	size_t n;

	for (size_t slot = 0; slot < f->conf->n_slots; slot++)
		for (size_t alt = 0; f->conf->pool[slot][alt]; alt++) {
			if (slot > UINT16_MAX || alt > UINT16_MAX)
				return sbx_err_set(err, -EINVAL, "propose",
						   "the pool has more than %d slots or "
						   "alternatives",
						   UINT16_MAX);
			s = finder_alt(f, slot, alt, &n);
			if (digest_map_add(&f->alts, digest_of(s, n),
					   (unsigned)(slot << 16 | alt)) < 0)
				return sbx_err_oom(err, "propose");
		}
	return 0;
}

int finder_init(struct finder *f, const struct config_proposer *conf, struct sbx_err *err)
{
	char text[128];
	int r;

	*f = (struct finder){ .conf = conf };
	if (conf->numbers == NUMBERS_MATCHING) {
		r = regcomp(&f->numbers, conf->numbers_regex, CONFIG_REGEX_FLAGS);
		if (r == REG_ESPACE)
			return sbx_err_oom(err, "propose");
		if (r != 0)
			return sbx_err_set(
				err, -EINVAL, "propose", "`numbers: %s` is not a regex",
				escape_str(text, sizeof(text), conf->numbers_regex));
		f->has_regex = true;
	}
	r = index_pool(f, err);
	if (r < 0)
		finder_done(f);
	return r;
}

void finder_done(struct finder *f)
{
	if (f->has_regex)
		regfree(&f->numbers);
	digest_map_done(&f->alts);
	*f = (struct finder){ 0 };
}

bool finder_lookup(const struct finder *f, const char *text, size_t n, size_t *ret_slot,
		   size_t *ret_alt)
{
	const unsigned *v;
	const char *alt;
	size_t k;

	text = trim(text, &n);
	v = f->alts.len ? digest_map_get(&f->alts, digest_of(text, n)) : NULL;
	if (!v)
		return false;
	alt = finder_alt(f, *v >> 16, *v & UINT16_MAX, &k);
	if (k != n || memcmp(alt, text, n) != 0)
		return false;
	*ret_slot = *v >> 16;
	*ret_alt = *v & UINT16_MAX;
	return true;
}

bool line_next(const char *content, size_t len, struct line_span *line)
{
	const char *newline;

	line->off += line->len;
	if (line->off >= len)
		return false;
	newline = memchr(content + line->off, '\n', len - line->off);
	line->len =
		newline ? (size_t)(newline - content) + 1 - line->off : len - line->off;
	line->number++;
	return true;
}

static struct digest line_digest(size_t number, const char *text, size_t n)
{
	struct digest d = digest_of(text, n);

	return (struct digest){ hash_mix(d.a + hash_mix(number)),
				hash_mix(d.b ^ hash_mix(~(uint64_t)number)) };
}

struct digest sites_digest(const char *content, size_t len)
{
	struct digest sum = { 0 };
	struct line_span line = { 0 };

	while (line_next(content, len, &line))
		sum = digest_sum(sum,
				 line_digest(line.number, content + line.off, line.len));
	return sum;
}

int sites_edit_digest(const char *content, const struct site_edit *e, struct digest *ret)
{
	size_t head = e->off - e->line.off, tail = e->line.len - head - e->len;
	struct digest old =
		line_digest(e->line.number, content + e->line.off, e->line.len);
	cleanup_buf struct buf b = BUF_INIT;
	struct digest now;

	buf_add(&b, content + e->line.off, head);
	buf_add(&b, e->text, e->text_len);
	buf_add(&b, content + e->off + e->len, tail);
	if (b.failed)
		return -ENOMEM;
	now = line_digest(e->line.number, buf_str(&b), b.len);
	*ret = (struct digest){ now.a - old.a, now.b - old.b };
	return 0;
}

/* Ordinals count all sites of a slot, also those beyond the bound. */
static void add_pool_site(struct sites *s, const char *content,
			  const struct line_span *line, size_t slot, size_t alt,
			  size_t *ordinals)
{
	size_t n = line->len, ordinal = ordinals[slot]++;
	const char *text = trim(content + line->off, &n);

	if (s->n_pool < POOL_SITES_MAX)
		s->pool[s->n_pool++] = (struct pool_site){
			.line = *line,
			.off = (size_t)(text - content),
			.len = n,
			.slot = slot,
			.alt = alt,
			.ordinal = ordinal,
		};
}

/* A line is its text before the first digit, and where it stands. */
uint64_t site_line_key(const struct line_span *line, const char *text)
{
	size_t n = 0;

	while (n < line->len && n < 24 && (text[n] < '0' || text[n] > '9'))
		n++;
	return digest_of(text, n).a + hash_mix(line->number);
}

uint64_t site_number_key(uint64_t line_key, uint64_t ordinal)
{
	return hash_mix(line_key + ordinal);
}

struct sampler {
	size_t seen;
	uint64_t state;
};

static void add_numbers(const struct finder *f, struct sites *s, const char *content,
			const struct line_span *line, struct sampler *sampler)
{
	struct number_site site = { .line = *line };
	const char *text = content + line->off;
	size_t n = line->len, pos = 0, ordinal = 0, i;
	regmatch_t match;
	uint64_t key;

	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (!number_next(text, n, &pos, &site.number))
		return;
	match = (regmatch_t){ .rm_so = 0, .rm_eo = (regoff_t)n };
	if (f->has_regex && regexec(&f->numbers, text, 1, &match, REG_STARTEND) != 0)
		return;
	key = site_line_key(line, text);
	do {
		site.key = site_number_key(key, ordinal++);
		i = sampler->seen++;
		if (i >= NUMBER_SITES_MAX)
			i = random_below(&sampler->state, sampler->seen);
		if (i < NUMBER_SITES_MAX)
			s->numbers[i] = site;
	} while (number_next(text, n, &pos, &site.number));
}

int sites_find(const struct finder *f, const char *content, size_t len, struct sites *ret)
{
	cleanup_free size_t *ordinals = calloc(f->conf->n_slots + 1, sizeof(*ordinals));
	cleanup_sites struct sites s = { 0 };
	struct sampler sampler = { 0 };
	struct line_span line = { 0 };
	size_t slot, alt;

	s.pool = calloc(POOL_SITES_MAX, sizeof(*s.pool));
	s.numbers = calloc(NUMBER_SITES_MAX, sizeof(*s.numbers));
	if (!ordinals || !s.pool || !s.numbers)
		return -ENOMEM;
	while (line_next(content, len, &line)) {
		s.digest = digest_sum(
			s.digest, line_digest(line.number, content + line.off, line.len));
		if (finder_lookup(f, content + line.off, line.len, &slot, &alt))
			add_pool_site(&s, content, &line, slot, alt, ordinals);
		else if (f->conf->numbers != NUMBERS_NONE)
			add_numbers(f, &s, content, &line, &sampler);
	}
	s.n_numbers = MIN(sampler.seen, (size_t)NUMBER_SITES_MAX);
	*ret = s;
	s = (struct sites){ 0 };
	return 0;
}

void sites_done(struct sites *s)
{
	cleanup_free_p(&s->pool);
	cleanup_free_p(&s->numbers);
	*s = (struct sites){ 0 };
}

static int compare_edits(const void *a, const void *b)
{
	size_t x = ((const struct site_edit *)a)->off,
	       y = ((const struct site_edit *)b)->off;

	return (x > y) - (x < y);
}

void sites_apply(const char *content, size_t len, struct site_edit *edits, size_t n,
		 struct buf *ret)
{
	size_t pos = 0;

	qsort(edits, n, sizeof(*edits), compare_edits);
	for (size_t i = 0; i < n; i++) {
		buf_add(ret, content + pos, edits[i].off - pos);
		buf_add(ret, edits[i].text, edits[i].text_len);
		pos = edits[i].off + edits[i].len;
	}
	buf_add(ret, content + pos, len - pos);
}
