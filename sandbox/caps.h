/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/* Do we hold what it takes to act as root here: CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID? */
bool caps_are_root(void);

/**
 * caps_drop() - give up every capability, the bounding set, and the way to new ones
 *
 * Sets no_new_privs. Async-signal-safe. Source: capabilities(7), prctl(2)
 */
int caps_drop(struct sbx_err *err);
