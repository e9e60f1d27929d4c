/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A second, tiny system call filter for boxes whose limits are looked after from outside: it
 * takes away the calls by which a command could slip out of the hand that holds it.
 */

#include "base/err.h"

enum hold {
	HOLD_AFFINITY = 1 << 0, /* no other CPUs than those it was given */
	HOLD_VISIBLE = 1 << 1,  /* no hiding of its descriptors from the watchdog */
};

/**
 * hold_enter() - put the filter on the calling process, for good
 * @what:  set of enum hold; 0 does nothing
 *
 * Beside the filter of the policy, which has no_new_privs set already and kills foreign
 * system call tables. Async-signal-safe.
 *
 * Source: kernel Documentation/userspace-api/seccomp_filter.rst
 */
int hold_enter(unsigned what, struct sbx_err *err);
