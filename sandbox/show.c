/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <errno.h>
#include <fts.h>
#include <sys/stat.h>

static const char *way_out(mode_t mode)
{
	return S_ISSOCK(mode)                   ? "a socket"
	       : S_ISFIFO(mode)                 ? "a FIFO"
	       : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
						: NULL;
}

int show_check(const char *path, struct sbx_err *err)
{
	char *const roots[] = { (char *)path, NULL };
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const char *what;
	FTSENT *e;
	int r = 0;

	if (!walk)
		return sbx_err_errno(err, -errno, "show", "cannot walk through %s", path);
	while (r == 0 && (errno = 0, e = fts_read(walk))) {
		/* What we may not look at, the box may not either. */
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_DP)
			continue;
		if (e->fts_info == FTS_ERR ||
		    (e->fts_info == FTS_NS && e->fts_level == 0))
			r = sbx_err_errno(err, -e->fts_errno, "show", "show %s",
					  e->fts_path);
		else if (e->fts_info != FTS_NS && (what = way_out(e->fts_statp->st_mode)))
			r = sbx_err_set(err, -EINVAL, "show",
					"show '%s': %s is %s, and a read-only mount does "
					"not stop "
					"its use; show a narrower path without it",
					path, e->fts_path, what);
	}
	if (r == 0 && errno)
		r = sbx_err_errno(err, -errno, "show", "cannot walk through %s", path);
	fts_close(walk);
	return r;
}
