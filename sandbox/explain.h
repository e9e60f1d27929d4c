/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Why this host does not let a box start, in one sentence with the remedy. Many things forbid
 * namespaces, all with the same few errnos; which one it was is told by what else can be seen.
 */

#include <sys/types.h>

#include "base/err.h"

/* What can be seen. */
struct host_facts {
	bool ordinary;   /* we are not root here */
	bool seccomp;    /* a filter was in force before us */
	bool chrooted;   /* nothing is mounted on our root directory */
	bool userns_off; /* Debian's kernel.unprivileged_userns_clone=0 */
	bool apparmor;   /* Ubuntu's kernel.apparmor_restrict_unprivileged_userns=1 */
	const char
		*none_of; /* "user", "net", ...: no such namespace may be made; or NULL */
};

/**
 * explain_look() - gather the facts
 * @proc:      "/proc"; a folder with such files in tests
 * @ordinary:  can the box's ids not be foreign ones?
 */
void explain_look(const char *proc, bool ordinary, struct host_facts *ret);

/**
 * explain_clone() - why clone3() failed
 * @r:  its negative errno
 *
 * Source: clone(2), user_namespaces(7), namespaces(7), seccomp(2)
 * Return: @r
 */
int explain_clone(int r, const struct host_facts *facts, struct sbx_err *err);

/**
 * explain_step() - put the likely cause in front of a step of set-up that was forbidden
 * @err:  filled, with the stage of the step; left alone where nothing is known about it
 *
 * AppArmor in Ubuntu lets the namespace be made, but gives no capabilities in it.
 */
void explain_step(const struct host_facts *facts, struct sbx_err *err);
