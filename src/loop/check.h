/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Does the repository have what the configuration speaks of? Asked before anything is
 * written.
 */

#include "base/err.h"

struct session;

/**
 * check_repository() - target, harness, what only the working tree has
 * @s:       repo, config, target, head
 * @commit:  what will be measured: HEAD, or the base of a campaign that goes on
 *
 * Tells s->observer what deserves a warning. Return: 0; -EINVAL, -ENODATA ... with what
 * to do
 */
int check_repository(struct session *s, const char *commit, struct sbx_err *err);
