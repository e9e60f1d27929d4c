/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/blob.h"

#include "repo/git.h"

int blob_name(const void *data, size_t n, char ret_hex[static COMMIT_HEX + 1],
	      struct sbx_err *err)
{
	git_oid oid;
	int r;

	r = git_odb_hash(&oid, data, n, GIT_OBJECT_BLOB);
	if (r < 0)
		return git_fail(err, r, "cannot name a content");
	git_oid_tostr(ret_hex, COMMIT_HEX + 1, &oid);
	return 0;
}
