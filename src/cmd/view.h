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

#define VIEW_INIT                \
	{                        \
		.dir_fd = -EBADF \
	}

/**
 * view_choose() - which campaign is meant, and its directory; its journal is not read
 * @tag:     --tag, or NULL: that of autoexp.yaml, else the only one there is
 * @ret:     the tag; the caller frees it
 * @ret_fd:  <common>/autoexp/<tag>; the caller closes it
 *
 * Return: 0; -ENOENT where there is no such campaign; other negative errno
 */
int view_choose(struct repo *repo, const char *tag, char **ret, int *ret_fd,
		struct sbx_err *err);

/**
 * view_open() - find the campaign and read its journal
 * @tag:  as above
 */
int view_open(struct view *v, const char *tag, struct sbx_err *err);
void view_close(struct view *v);

/* Every experiment that is over, oldest first. */
int view_rows(struct view *v, campaign_row_fn fn, void *user, struct sbx_err *err);

#define cleanup_view cleanup(view_close)

/* One experiment, copied out of the journal. */
struct view_row {
	unsigned wanted;
	bool found; /* inner part */
	char time[32], commit[COMMIT_HEX + 1], parent[COMMIT_HEX + 1];
	char description[JOURNAL_TEXT_MAX + 1], proposer[64];
	bool has_outcome, has_metrics;
	struct outcome outcome;
	struct decision decision;
	double metrics[METRICS_MAX], incumbent[METRICS_MAX];
	bool has_incumbent;
};

/* Fill @row by its .wanted. Return: 0; -ENOENT with what there is */
int view_row(struct view *v, struct view_row *row, struct sbx_err *err);
