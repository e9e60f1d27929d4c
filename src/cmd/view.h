/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A campaign to look at: found from the current directory, without its lock, also while a
 * supervisor works on it.
 */

#include "conf/config.h"
#include "ledger/resume.h"
#include "repo/repo.h"

struct view {
	struct repo *repo;
	char *tag;
	int dir_fd; /* <common>/autoexp/<tag> */
	struct campaign campaign;
	struct config *config; /* as pinned, with the caps in force */
};

#define VIEW_INIT { .dir_fd = -EBADF }

/**
 * view_open() - find the campaign and read its journal
 * @tag:  --tag, or NULL: that of autoexp.yaml, else the only one there is
 * @fn:   called for every experiment that is over, may be NULL
 */
int view_open(struct view *v, const char *tag, campaign_row_fn fn, void *user,
	      struct sbx_err *err);
void view_close(struct view *v);

#define cleanup_view cleanup(view_close)

/* One experiment, copied out of the journal. */
struct view_row {
	unsigned wanted;
	bool found;
	char time[32], commit[COMMIT_HEX + 1], parent[COMMIT_HEX + 1];
	char description[JOURNAL_TEXT_MAX + 1], proposer[64];
	bool has_outcome, has_metrics;
	struct outcome outcome;
	struct decision decision;
	double metrics[METRICS_MAX], incumbent[METRICS_MAX];
	bool has_incumbent;
};

/* A campaign_row_fn; user is a struct view_row whose .wanted is the number. */
int view_take_row(const struct row *row, void *user, struct sbx_err *err);

/* The sentence for a number that has no row. Return: -ENOENT */
int view_no_row(const struct view *v, unsigned number, struct sbx_err *err);
