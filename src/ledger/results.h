/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * results.tsv: "commit <metric...> status description", one row for each experiment that
 * is over, the baseline first. Derived from the journal, see derived.h.
 */

#include "base/buf.h"
#include "model.h"

/* One experiment that is over. Everything is borrowed for the call it is handed to. */
struct row {
	unsigned number;
	const char *time; /* of the decision, UTC */
	const char *commit;
	const char *parent; /* the incumbent it was derived from; "" of the baseline */
	const char *description; /* untrusted */
	const char *content;     /* hash of the target's content, "" without one */
	const char *proposer;
	const struct outcome *outcome; /* NULL where it was not run */
	const struct decision *decision;
	const double *incumbent; /* metrics of the parent; NULL of the baseline */
	const double *metrics;   /* NULL where there are none */
	unsigned n_metrics;      /* of the campaign */
};

/* Longest description column. */
#define RESULTS_TEXT_MAX 800

/**
 * results_metric() - a number in its shortest form that reads back exactly
 * @out:  of at least 32 bytes
 *
 * As many digits as it takes, always with a point as the decimal mark.
 * Return: @out
 */
const char *results_metric(char *out, size_t size, double value);

/**
 * results_describe() - the description column of a row
 * @out:  of at least RESULTS_TEXT_MAX + 1 bytes
 *
 * The proposer's words, and in brackets why it is no measurement where it is none. One
 * line of valid UTF-8 without tabs, control or direction characters; what a spreadsheet
 * would take for a formula or an open quotation gets a ' in front. Return: @out
 */
const char *results_describe(char *out, size_t size, const struct row *row);

/* The header line, with its newline. */
int results_header(struct buf *out, const char *const *metrics, unsigned n);

/* One row, with its newline. What was not measured shows 0.0000, as the format asks. */
int results_row(struct buf *out, const struct row *row);
