/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Does everything that is kept of a campaign agree? The journal with its checksums, what
 * is derived from it with it, and git's branch, references and commits with it. Nobody
 * may be running the campaign meanwhile.
 *
 * The journal decides. Where it lost lines, git and budget.log still tell how much was
 * used, and that much stays used.
 */

#include "base/err.h"
#include "repo/repo.h"

enum fsck_kind {
	FSCK_NOTE,   /* no fault; the next `autoexp run` sees to it */
	FSCK_FAULT,  /* something does not agree, or is lost */
	FSCK_MENDED, /* it did not, and does now */
	_FSCK_MAX
};

/* @text: one sentence with what follows from it; may hold bytes of untrusted names */
typedef void (*fsck_fn)(enum fsck_kind kind, const char *text, void *user);

struct fsck_result {
	unsigned events, experiments; /* in the journal */
	unsigned faults, mended;
};

/**
 * fsck_campaign() - look at one campaign
 * @repair:  mend what can be mended
 * @fn:      called for everything that is found
 * @ret:     also where there are faults
 *
 * Return: 0; -EBUSY while it is run; -ENOENT where there is no such campaign; other
 * negative errno where it could not be looked at
 */
int fsck_campaign(struct repo *repo, const char *tag, bool repair, fsck_fn fn, void *user,
		  struct fsck_result *ret, struct sbx_err *err);
