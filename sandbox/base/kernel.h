/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * For the few things that show nowhere but in the version of the running kernel.
 */

#define KERNEL_VERSION_OF(major, minor) ((unsigned)(major) << 16 | (unsigned)(minor))

/* KERNEL_VERSION_OF() what runs; 0 when that cannot be read. Source: uname(2) */
unsigned kernel_version(void);
