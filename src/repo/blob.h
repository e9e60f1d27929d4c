/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The name git gives a content: the fingerprint where a forged equal must not pass.
 */

#include <stddef.h>

#include "base/err.h"
#include "model.h"

/**
 * blob_name() - the object id of @n bytes, nothing is written
 *
 * A repository is open, so libgit2 is ready. Return: 0; negative errno
 */
int blob_name(const void *data, size_t n, char ret_hex[static COMMIT_HEX + 1],
	      struct sbx_err *err);
