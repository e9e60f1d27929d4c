/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lists of CPUs such as "0-3,6", as the kernel writes them, and the choice of CPUs where a
 * limit is held by affinity.
 */

#include <sched.h>

#include "sandbox.h"

/**
 * cpuset_parse() - a list as a user writes it to the kernel's own form
 * @text:  numbers and ranges between commas: "0-3,6"
 * @ret:   sorted and merged; written on success only
 * @err:   filled with what is accepted
 *
 * Return: 0; -EINVAL; -ERANGE for a CPU beyond what a set can hold; -E2BIG for a list whose
 * shortest form is longer than @ret
 */
int cpuset_parse(const char *text, char ret[static SBX_CPUSET_SIZE], struct sbx_err *err);

/**
 * cpuset_read() - a list as a set for sched_setaffinity()
 * @list:  numbers and ranges between commas: "0-3,6"
 * @ret:   undefined on failure
 *
 * Return: 0; -EINVAL for anything else; -ERANGE for a CPU beyond what a set can hold
 */
int cpuset_read(const char *list, cpu_set_t *ret);

/* Do two lists name the same CPUs? What cannot be read is not the same as anything. */
bool cpuset_same(const char *a, const char *b);

/**
 * cpuset_choose() - CPUs for a box that is held by affinity
 * @list:  those it must not leave, or "" for all that we have ourselves
 * @cpus:  how many of them, 0 = all; another place to begin for every caller
 * @ret:   the set for sched_setaffinity()
 *
 * Return: 0; -EINVAL where @list names CPUs that are not ours
 */
int cpuset_choose(const char *list, unsigned cpus, cpu_set_t *ret, struct sbx_err *err);
