/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where a campaign lives: in a cgroup whose limits its boxes can divide, and one that stays
 * for as long as the campaign wants to.
 */

#include "base/err.h"

/**
 * place_campaign() - move this process to where a campaign can run unattended
 * @soft:          the watchdog is accepted: ask systemd for nothing that ends at logout
 * @until_logout:  the end at a logout is accepted
 *
 * Return: 0; -EPERM where a logout would end it, with what to do
 */
int place_campaign(bool soft, bool until_logout, struct sbx_err *err);

/* As place_campaign(), for one experiment that somebody waits for. */
void place_experiment(void);
