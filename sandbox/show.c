/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <errno.h>
#include <fts.h>
#include <signal.h>
#include <sys/stat.h>

/* Files between two looks at the signals. */
#define LOOK_EVERY 256

static const char *way_out(mode_t mode)
{
	return S_ISSOCK(mode)                   ? "a socket"
	       : S_ISFIFO(mode)                 ? "a FIFO"
	       : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
						: NULL;
}

/* Stop signals are blocked while a box is made, and are read only when it is. */
static bool is_asked_to_stop(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
		sigismember(&pending, SIGHUP));
}

static int look_at(const FTSENT *e, const char *path, struct sbx_err *err)
{
	const char *what;

	/* What we may not look at, the box may not either. */
	if (e->fts_info == FTS_DNR || e->fts_info == FTS_DP)
		return 0;
	if (e->fts_info == FTS_ERR || (e->fts_info == FTS_NS && e->fts_level == 0))
		return sbx_err_errno(err, -e->fts_errno, "show", "show %s", e->fts_path);
	what = e->fts_info == FTS_NS ? NULL : way_out(e->fts_statp->st_mode);
	if (!what)
		return 0;
	return sbx_err_set(err, -EINVAL, "show",
			   "show '%s': %s is %s, and a read-only mount does not stop "
			   "its use; show a narrower path without it",
			   path, e->fts_path, what);
}

int show_check(const char *path, struct sbx_err *err)
{
	char *const roots[] = { (char *)path, NULL };
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	unsigned n = 0;
	FTSENT *e;
	int r = 0;

	if (!walk)
		return sbx_err_errno(err, -errno, "show", "cannot walk through %s", path);
	while (r == 0 && (errno = 0, e = fts_read(walk))) {
		r = look_at(e, path, err);
		if (r == 0 && ++n % LOOK_EVERY == 0 && is_asked_to_stop())
			r = sbx_err_set(err, -ECANCELED, "show",
					"interrupted while looking through %s", path);
	}
	if (r == 0 && errno)
		r = sbx_err_errno(err, -errno, "show", "cannot walk through %s", path);
	fts_close(walk);
	return r;
}
