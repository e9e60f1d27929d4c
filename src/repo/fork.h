/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside src/repo/ only: work that needs much memory for a moment is done in a child, so
 * that the supervisor, which lives for days beside the measured runs, stays small.
 */

#include "base/err.h"

/**
 * fork_run() - do something in a child and wait for it
 * @work:  what to do; its changes to memory are lost. It returns 0, or a negative errno
 * with the record filled
 * @what:  names the work where the child dies: "merging packs"
 *
 * The child dies with its parent. Return: what @work returned; -EIO where the child died
 */
int fork_run(int (*work)(void *data, struct sbx_err *err), void *data, const char *what,
	     struct sbx_err *err);
