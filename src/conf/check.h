/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What no single key can tell: that the keys of a configuration fit together. Private to
 * this folder.
 */

#include "conf/config.h"
#include "yaml-tree.h"

/**
 * config_check() - do the keys of a configuration that was read fit together
 * @c:     every key read, defaults in place; paths in normal form
 * @root:  where they were read from, for positions
 *
 * Return: 0; -EINVAL; -ENOMEM
 */
int config_check(const struct config *c, const struct yaml_node *root,
		 struct sbx_err *err);
