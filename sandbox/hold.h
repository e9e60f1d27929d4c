/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the filter of a box refuses besides, where limits are looked after from outside: the
 * calls by which a command could slip out of the hand that holds it.
 */

#include "filter.h"

enum hold {
	HOLD_AFFINITY = 1 << 0, /* no other CPUs than those it was given */
	HOLD_VISIBLE = 1 << 1,  /* no hiding of its descriptors from the watchdog */
};

/**
 * hold_add() - put refusals in front of a filter
 * @what:  set of enum hold; 0 changes nothing
 * @f:     as filter_choose() made it; its hash stays that of the policy's own filter
 *
 * They are not counted: the watchdog's reasons are none of the policy.
 *
 * Source: kernel Documentation/userspace-api/seccomp_filter.rst
 * Return: 0; -E2BIG where there is no room for them; -ENOMEM
 */
int hold_add(unsigned what, struct filter *f, struct sbx_err *err);
