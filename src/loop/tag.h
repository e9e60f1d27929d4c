/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which campaign is meant.
 */

#include "base/err.h"

/* Tags that have a journal below @common_dir, sorted; strv_free(). */
int tag_list(const char *common_dir, char ***ret, struct sbx_err *err);

/**
 * tag_choose() - the rule of the design
 * @wanted:  --tag, or NULL
 * @written: `tag:` of the configuration, or NULL
 * @target:  of the configuration: where neither is given and there is not exactly one
 *           campaign, its name and the date are the tag. NULL: that is an error
 * @ret:     the caller frees it
 *
 * Return: 0; -EINVAL for an impossible name; -ENOENT where there is no campaign;
 * -ENOTUNIQ where there are several
 */
int tag_choose(const char *common_dir, const char *wanted, const char *written,
	       const char *target, char **ret, struct sbx_err *err);
