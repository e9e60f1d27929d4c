/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/**
 * self_path() - a file that belongs to this installation
 * @beside:     its path relative to the folder of the running program, in a build folder
 * @installed:  the same below an installation prefix
 * @ret:        the first of both that exists; freed by the caller
 *
 * Return: 0; -ENOENT; -ENOMEM
 */
int self_path(const char *beside, const char *installed, char **ret, struct sbx_err *err);
