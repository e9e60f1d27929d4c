/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The system call filter of the box, compiled when the program was built.
 */

#include "base/err.h"

/**
 * filter_enter() - put the calling process under the filter, for good
 * @err:  filled on failure
 *
 * Needs no_new_privs. Async-signal-safe: called between clone3 and exec.
 *
 * Source: seccomp(2); kernel Documentation/userspace-api/seccomp_filter.rst
 * Return: 0; negative errno
 */
int filter_enter(struct sbx_err *err);
