/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

/* Odd constants with well spread bits: fractions of the golden ratio, pi and e. */
#define GOLDEN  0x9e3779b97f4a7c15ULL
#define PI_BITS 0x243f6a8885a308d3ULL
#define E_BITS  0xb7e151628aed2a6bULL

uint64_t hash_mix(uint64_t x)
{
	x ^= x >> 32;
	x *= GOLDEN;
	x ^= x >> 29;
	x *= E_BITS;
	x ^= x >> 32;
	return x;
}

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void absorb(struct digest *d, uint64_t word)
{
	d->a = (d->a ^ word) * GOLDEN;
	d->a ^= d->a >> 32;
	d->b = rotate(d->b + word * E_BITS, 29) * PI_BITS;
}

struct digest digest_of(const void *data, size_t n)
{
	struct digest d = { PI_BITS ^ n, E_BITS + n };
	const unsigned char *p = data;
	uint64_t word;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		absorb(&d, le64toh(word));
	}
	word = 0;
	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	absorb(&d, word);
	return (struct digest){ hash_mix(d.a), hash_mix(d.b) };
}

uint64_t random_next(uint64_t *state)
{
	*state += GOLDEN;
	return hash_mix(*state);
}

double random_unit(uint64_t *state)
{
	return (double)(random_next(state) >> 11) * 0x1p-53;
}

uint64_t random_below(uint64_t *state, uint64_t n)
{
	assert(n > 0);
	return (uint64_t)(((unsigned __int128)random_next(state) * n) >> 64);
}

void digest_map_done(struct digest_map *m)
{
	cleanup_free_p(&m->entries);
	*m = (struct digest_map)DIGEST_MAP_INIT;
}

/* Where @key is, or the empty place where it would go. The map is never full. */
static struct digest_entry *place_of(const struct digest_map *m, struct digest key)
{
	size_t i = key.a & (m->cap - 1);
	struct digest_entry *e = &m->entries[i];

	while (e->used && (e->key.a != key.a || e->key.b != key.b)) {
		i = (i + 1) & (m->cap - 1);
		e = &m->entries[i];
	}
	return e;
}

static int grow(struct digest_map *m)
{
	struct digest_map next = { .cap = m->cap ? m->cap * 2 : 16, .len = m->len };

	next.entries = calloc(next.cap, sizeof(*next.entries));
	if (!next.entries)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->entries[i].used)
			*place_of(&next, m->entries[i].key) = m->entries[i];
	digest_map_done(m);
	*m = next;
	return 0;
}

int digest_map_add(struct digest_map *m, struct digest key, unsigned value)
{
	if (digest_map_get(m, key))
		return 0;
	if ((m->len + 1) * 4 > m->cap * 3 && grow(m) < 0)
		return -ENOMEM;
	*place_of(m, key) =
		(struct digest_entry){ .key = key, .value = value, .used = true };
	m->len++;
	return 0;
}

unsigned *digest_map_get(const struct digest_map *m, struct digest key)
{
	struct digest_entry *e;

	if (!m->cap)
		return NULL;
	e = place_of(m, key);
	return e->used ? &e->value : NULL;
}
