/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "result.h"

/**
 * verdict_decide() - draw the verdict and its sentence from the evidence
 * @r:  complete but for verdict, reason and the limits' hit marks
 *
 * The first that holds: interrupted, oom, timeout, cpu-limit, output-limit, scratch-limit,
 * pids-limit, violation, signal, exit, ok. An exit status alone never makes an oom or a
 * time-out.
 */
void verdict_decide(struct sbx_result *r);
