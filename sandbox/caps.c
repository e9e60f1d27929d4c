/* SPDX-License-Identifier: Apache-2.0 */
#include "caps.h"

#include <errno.h>
#include <unistd.h>

#include <linux/capability.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

bool caps_are_root(void)
{
	static const cap_value_t needed[] = { CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID };
	cap_t caps = cap_get_proc();
	bool all = caps && geteuid() == 0;

	for (size_t i = 0; all && i < ARRAY_SIZE(needed); i++) {
		cap_flag_value_t has = CAP_CLEAR;

		cap_get_flag(caps, needed[i], CAP_EFFECTIVE, &has);
		all = has == CAP_SET;
	}
	if (caps)
		cap_free(caps);
	return all;
}

/* Raw capset: libcap's objects live on the heap, which is out of bounds after clone3. */
int caps_drop(struct sbx_err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	int cap = 0;

	/* The first number that no capability has ends the set. */
	while (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
		cap++;
	if (errno != EINVAL || cap == 0)
		return sbx_err_errno(err, -errno, "caps",
				     "cannot drop capability %d from the bounding set",
				     cap);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sbx_err_errno(err, -errno, "caps", "cannot drop capabilities");
	return 0;
}
