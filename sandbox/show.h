/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/**
 * show_check() - is a host path safe to show read-only?
 * @path:  absolute; links in it are not followed
 *
 * A read-only mount stops neither connect() to a socket nor writing to a FIFO or a device, so
 * a tree that holds one is refused and the message names it.
 *
 * Return: 0; -EINVAL; -ECANCELED when a stop signal is pending; negative errno where the tree
 * cannot be read
 */
int show_check(const char *path, struct sbx_err *err);
