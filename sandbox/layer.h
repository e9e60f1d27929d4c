/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which layer of this host holds each limit.
 */

#include "result.h"

/**
 * layers_choose() - set the limits that hold from outside, prepare those of the child
 * @policy:   what is asked for
 * @cg:       the leaf, or none
 * @args:     the child's share: affinity, RLIMIT_NPROC, what its filter has to refuse
 *            besides; plan and filter are there already
 * @result:   gets value and layer of each limit
 *
 * A limit that no layer holds is an error, unless the policy accepts a watchdog.
 *
 * Return: 0; -EOPNOTSUPP where a limit cannot be held; other negative errno
 */
int layers_choose(const struct sbx_policy *policy, struct cgroup *cg,
		  struct child_args *args, struct sbx_result *result,
		  struct sbx_err *err);
