/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/**
 * net_loopback_up() - switch on 127.0.0.1 and ::1 of a fresh network namespace
 *
 * Async-signal-safe. Source: netdevice(7)
 */
int net_loopback_up(struct sbx_err *err);
