/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside src/repo/ only: the memory of libgit2.
 */

/**
 * git_memory_init() - let libgit2 have memory, or end
 *
 * libgit2 does not look at the outcome of each of its allocations, and dies by SIGSEGV of those
 * it does not look at. From here on one that fails ends the process with status 1 and a
 * sentence on stderr instead; what is on disk is then as after a kill. To be called before
 * git_libgit2_init().
 *
 * Return: 0; an error of libgit2
 */
int git_memory_init(void);
