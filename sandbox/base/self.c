/* SPDX-License-Identifier: Apache-2.0 */
#include "base/self.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/strv.h"

int self_path(const char *beside, const char *installed, char **ret, struct sbx_err *err)
{
	const char *const places[] = { beside, installed };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return sbx_err_errno(err, -errno, "self",
				     "cannot find the running program");
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		cleanup_free char *path = str_printf("%s/%s", self, places[i]);

		if (!path)
			return sbx_err_oom(err, "self");
		if (access(path, F_OK) == 0) {
			*ret = TAKE_PTR(path);
			return 0;
		}
	}
	return sbx_err_set(
		err, -ENOENT, "self",
		"%s/%s is missing, and so is %s; is the installation complete?", self,
		beside, installed);
}
