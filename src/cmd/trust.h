/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A configuration may come with a repository from a stranger. What stays inside the box
 * needs no question; what reaches outside it is shown once for each version of the file,
 * and must be confirmed by the user who runs it.
 */

#include "conf/config.h"
#include "repo/repo.h"

/**
 * trust_check() - has this user accepted what the configuration reaches for?
 * @repo:      what lies inside it is no reach
 * @accepted:  --trust
 *
 * Asks on a terminal. Accepted ones are remembered, by the name git gives their content,
 * in $XDG_STATE_HOME/autoexp/trusted.
 *
 * Return: 0; -EINVAL where it was not accepted, with the remedy; other negative errno
 */
int trust_check(struct repo *repo, const struct config *c, bool accepted,
		struct sbx_err *err);
