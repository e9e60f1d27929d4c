/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A budget that several campaigns of one user share: one file for each group below
 * $XDG_STATE_HOME/autoexp/groups, changed under a lock and replaced as a whole.
 *
 * It holds the group's caps and, for each member, the most that this campaign can have
 * used by the end of what it is at: a claim. Before a call or a run a campaign raises its
 * claim, which is refused where the sum would exceed a cap; afterwards it sets it to what
 * its journal says. So a campaign that is killed at any instant stays charged with the
 * worst case until it goes on, and then with what is true, and nothing is booked twice.
 */

#include "ledger/budget.h"

#define GROUP_NAME_MAX 64

struct group_member {
	char *id; /* unique: when, where and as what the campaign was created */
	char *tag, *repository, *host;
	struct used claim;
	char updated[JOURNAL_TIME_SIZE];
};

/* What the file holds; group_book_done(). */
struct group_book {
	uint64_t caps[_CAP_MAX];
	struct group_member *members;
	size_t n;
	struct used sum; /* of all claims */
};

void group_book_done(struct group_book *b);

/* Names are as tags: letters, digits, '.', '_', '-'. Return: 0; -EINVAL */
int group_check_name(const char *name, struct sbx_err *err);

/* Every group there is, sorted; strv_free(). */
int group_list(char ***ret, struct sbx_err *err);

/**
 * group_read() - the caps and claims of a group
 *
 * Return: 0; -ENOENT where there is no such group, with how to make it; -EBADMSG where its
 * file is damaged
 */
int group_read(const char *name, struct group_book *ret, struct sbx_err *err);

/**
 * group_set_caps() - make a group, or change its caps
 * @caps:   new ones
 * @given:  which of them to change; a new group needs at least one, the others are
 *          unlimited
 */
int group_set_caps(const char *name, const uint64_t caps[static _CAP_MAX],
		   const bool given[static _CAP_MAX], struct sbx_err *err);

struct group;

struct group_identity {
	const char *tag, *repository, *host;
	const char *created; /* of the campaign */
};

/**
 * group_join() - be a member
 * @who:  copied
 * @ret:  freed by group_leave(); what was claimed stays
 *
 * Return: 0; as group_read()
 */
int group_join(const char *name, const struct group_identity *who, struct group **ret,
	       struct sbx_err *err);

/**
 * group_claim() - may we go on, and for how long?
 * @ask:      of the campaign alone: what it used, and is about to
 * @most_us:  how long the run may take at most
 * @counts:   it will have used one experiment more
 * @ret_us:   how long it may take
 * @reason:   of at least 300 bytes, where a cap forbids
 *
 * Return: 1, and the claim is on disk; 0 where a cap forbids, the claim is as it was;
 * negative errno
 */
int group_claim(struct group *g, const struct budget_ask *ask, uint64_t most_us,
		bool counts, uint64_t *ret_us, char *reason, size_t size,
		struct sbx_err *err);

/* What was used, in place of what was claimed. */
int group_settle(struct group *g, const struct used *used, struct sbx_err *err);

/* NULL is fine. */
void group_leave(struct group *g);
