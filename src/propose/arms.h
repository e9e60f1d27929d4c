/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the built-in proposer learned: one arm for each change it can make, and what
 * became of it.
 */

#include "propose/proposer.h"
#include "propose/sites.h"

#define STEP_START 0.405 /* logarithm of a factor of 1.5 */
#define STEP_MIN   0.002
#define STEP_MAX   2.08 /* of 8 */

struct arm {
	unsigned tries, keeps;
	bool seen;      /* its text was in a target once, tried or not */
	bool last_kept; /* the latest try was kept */
	bool crashed;   /* the latest try crashed */
	bool has_gain;
	double gain; /* of the latest measured try, relative; > 0 is better */
	double step; /* numbers: logarithm of the factor */
	int direction;
};

struct arms {
	struct arm *list;
	size_t n, cap;
	struct digest_map index; /* key -> position in list */
};

void arms_done(struct arms *arms);

/* The arm of putting alternative @alt at the @ordinal-th line of @slot. Never NULL. */
const struct arm *arms_pool(const struct arms *arms, size_t slot, size_t alt,
			    size_t ordinal);

/* The arm of a number; @key of struct number_site. Never NULL. */
const struct arm *arms_number(const struct arms *arms, uint64_t key);

/* How promising, between 0.01 and 1. */
double arm_score(const struct arm *a);

/**
 * arms_learn() - what became of one experiment
 * @f:  finds the changes between its two contents; both are there
 * @c:  goal of the first metric
 *
 * Return: 0; -ENOMEM
 */
int arms_learn(struct arms *arms, const struct finder *f, const struct config *c,
	       const struct lesson *l);
