/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "result.h"

/**
 * target_collect() - compare the box's copy of the target with what it was given
 * @dir_fd:       the copy's directory, received from the box; the box is dead
 * @name:         of the file in it
 * @original_fd:  the content that was handed in
 * @r:            target_changed, target_data, target_error are set
 *
 * Follows no link and never blocks: what is not a regular file with one name and a bounded
 * size is reported in target_error.
 *
 * Return: 0; -ENOMEM
 */
int target_collect(int dir_fd, const char *name, int original_fd, struct sbx_result *r,
		   struct sbx_err *err);
