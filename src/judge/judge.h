/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Keep or revert: the rule of the configuration applied to one measured candidate. Each
 * decision carries one true sentence with the numbers that decided.
 */

#include "base/err.h"
#include "model.h"

struct config;

/**
 * judge_check_baseline() - can the rule work with this baseline?
 * @baseline:  one value a metric
 *
 * Return: 0; -EINVAL where a ratio (`max_regression: 1.1`) meets a baseline that is not
 * positive, with what to write instead
 */
int judge_check_baseline(const struct config *c, const double *baseline,
			 struct sbx_err *err);

/**
 * judge_decide() - what becomes of one candidate
 * @baseline:   metrics of experiment 0; bounds against creeping refer to it
 * @incumbent:  metrics of the best so far
 * @o:          of a run that ended: never VERDICT_INTERRUPTED or VERDICT_SETUP_ERROR
 *
 * Whatever is not VERDICT_OK is STATUS_CRASH. A tie is STATUS_DISCARD.
 */
void judge_decide(const struct config *c, const double *baseline, const double *incumbent,
		  const struct outcome *o, struct decision *ret);

/**
 * judge_median() - the middle of repeated measurements
 * @values:  sorted in place; finite
 * @n:       at least 1; with an even number the mean of the two in the middle
 */
double judge_median(double *values, size_t n);
