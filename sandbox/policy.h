/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox.h"

/**
 * policy_new() - the built-in policy, the same as policies/default.yaml
 * @ret:  freed by policy_free()
 */
int policy_new(struct sbx_policy **ret);
void policy_free(struct sbx_policy *p);
