/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "propose/proposer.h"

/**
 * builtin_new() - the search that needs no network and no key
 * @c:    proposer.seed, .numbers and .pool; borrowed until proposer_free()
 * @ret:  freed by proposer_free()
 *
 * Proposals depend on the seed, the number of the experiment, the incumbent and what was
 * taught, and on nothing else.
 *
 * Return: 0; -EINVAL where `numbers:` is no usable regex; -ENOMEM
 */
int builtin_new(const struct config *c, struct proposer **ret, struct sbx_err *err);
