/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kernel.h"

#include <stdio.h>
#include <sys/utsname.h>

unsigned kernel_version(void)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return KERNEL_VERSION_OF(major, minor & 0xffff);
}
