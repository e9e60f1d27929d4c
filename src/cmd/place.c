/* SPDX-License-Identifier: Apache-2.0 */

/*
 * This process goes first, so that the boxes it starts find a group that is theirs, and all of
 * a campaign is in one place. What cannot be had is no error here: `autoexp exec` refuses, or
 * takes the watchdog, and says why.
 */
#include "cmd/place.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgroup.h"
#include "scope.h"

/* logind keeps an empty file for each user whose manager outlives his sessions. */
#define LINGER "/var/lib/systemd/linger/"

static bool lingers(const char *user)
{
	char mark[PATH_MAX];

	snprintf(mark, sizeof(mark), LINGER "%s", user);
	return access(mark, F_OK) == 0;
}

int place_campaign(bool soft, bool until_logout, struct sbx_err *err)
{
	const struct passwd *pw = getpwuid(geteuid());
	const char *user = pw ? pw->pw_name : "";
	char manager[64];
	bool stays = until_logout || lingers(user);

	if (soft && !stays)
		setenv(SCOPE_VARIABLE, "no", 1);
	cgroup_prepare();
	snprintf(manager, sizeof(manager), "/user@%u.service/", (unsigned)geteuid());
	if (stays || !scope_is_inside(manager))
		return 0;
	return sbx_err_set(
		err, -EPERM, "run",
		"a logout would end this campaign: systemd ends what it runs for "
		"a user with his last session. Allow yours to stay with "
		"`loginctl enable-linger` (as root: `loginctl enable-linger "
		"%s`), or accept it with --until-logout",
		user);
}

void place_experiment(void)
{
	cgroup_prepare();
}
