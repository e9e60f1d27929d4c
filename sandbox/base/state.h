/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a user's programs keep between runs.
 *
 * Source: XDG Base Directory Specification
 */

/* $XDG_STATE_HOME/autoexp/@name, else ~/.local/state/autoexp/@name; to be freed. NULL
 * where there is neither, or no memory. */
char *state_path(const char *name);
