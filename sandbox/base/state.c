/* SPDX-License-Identifier: Apache-2.0 */
#include "base/state.h"

#include <stdlib.h>

#include "base/strv.h"

char *state_path(const char *name)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && *state == '/')
		return str_printf("%s/autoexp/%s", state, name);
	if (home && *home == '/')
		return str_printf("%s/.local/state/autoexp/%s", home, name);
	return NULL;
}
