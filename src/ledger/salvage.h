/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A journal that is damaged in the middle: what can be mended, what is lost, and a new
 * file with all the rest. The old file is never changed, only set aside.
 *
 * A line in which one byte is wrong is put right; its checksum proves it. At the first
 * line that cannot be, the record ends: later events build on what is lost. What they say
 * of money, time and numbers is believed all the same where their own sums are right, and
 * goes into one event "salvage" that closes the new file, so that no cap can be spent
 * twice and no number given twice.
 */

#include "ledger/budget.h"
#include "ledger/resume.h"

#define SALVAGE_FILE \
	"journal.damaged.jsonl" /* where the old one goes; then with ".2" ... */

struct salvage {
	uint64_t lines;      /* of the file */
	uint64_t good;       /* how many stay, mended ones included */
	uint64_t mended;     /* of these, how many were */
	uint64_t first_bad;  /* line of the first damage, from 1; 0 = none at all */
	struct campaign at;  /* what the lines that stay add up to */
	struct campaign use; /* the same, with the usage of those that do not */
};

/**
 * salvage_examine() - look, change nothing
 * @dir_fd:  from journal_dir_open(); the campaign's lock is held
 * @known:   where lines are lost, no less than this was used
 *
 * A last line that is torn is no damage and counts in .lines only.
 *
 * Return: 0; -ENOENT; -EPROTONOSUPPORT where a newer version wrote it; -EBADMSG where
 * nothing can be made of it: the first line is gone; other negative errno
 */
int salvage_examine(int dir_fd, const struct used *known, struct salvage *ret,
		    struct sbx_err *err);

/**
 * salvage_repair() - the same, and put the new file in place of the old one
 * @name:  gets the name of the old one
 */
int salvage_repair(int dir_fd, const struct used *known, struct salvage *ret, char *name,
		   size_t size, struct sbx_err *err);

/* The event that says what is used, lost or not. */
struct journal_event salvage_event(const struct campaign *use, uint64_t lost);
