/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Fingerprints for telling equal contents from different ones, and a set that finds them
 * again. They are no signatures: what must not be forged is compared by git object id.
 */

#include <stdint.h>

#include "base/macro.h"

struct digest {
	uint64_t a, b;
};

/* Fingerprint of @n bytes; the same on every machine and in every version. */
struct digest digest_of(const void *data, size_t n);

/* Spread the bits of @x; a bijection. */
uint64_t hash_mix(uint64_t x);

/* A pseudo-random sequence: the next value; every @state is a good one to start from. */
uint64_t random_next(uint64_t *state);

/* Uniform in [0, 1). */
double random_unit(uint64_t *state);

/* Uniform in [0, n); @n > 0. */
uint64_t random_below(uint64_t *state, uint64_t n);

/* Digests with a number each. An all-zero struct is an empty map. */
struct digest_entry {
	struct digest key;
	unsigned value;
	bool used;
};

struct digest_map {
	struct digest_entry *entries;
	size_t len, cap;
};

#define DIGEST_MAP_INIT \
	{               \
		0       \
	}

void digest_map_done(struct digest_map *m);

/**
 * digest_map_add() - remember @key
 *
 * A key that is there keeps its first value. Return: 0; -ENOMEM
 */
int digest_map_add(struct digest_map *m, struct digest key, unsigned value);

/* The value of @key, writable until the next add, or NULL. */
unsigned *digest_map_get(const struct digest_map *m, struct digest key);
