/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/fork.h"

/*
 * The error record is of fixed size and travels back in one write; a child that ends
 * without it was killed. Nothing of the parent's is flushed or freed there: it leaves by
 * _exit().
 */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"

int fork_run(int (*work)(void *data, struct sbx_err *err), void *data, const char *what,
	     struct sbx_err *err)
{
	cleanup_close int in = -EBADF, out = -EBADF;
	cleanup_buf struct buf report = BUF_INIT;
	struct sbx_err theirs = { 0 };
	pid_t parent = getpid(), pid;
	int r, status = 0;

	r = fd_pipe(&in, &out);
	if (r < 0)
		return sbx_err_errno(err, r, "repo", "cannot make a pipe for %s", what);
	pid = fork();
	if (pid < 0)
		return sbx_err_errno(err, -errno, "repo", "cannot start a process for %s",
				     what);
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(1);
		theirs.code = work(data, &theirs);
		_exit(fd_write_all(out, &theirs, sizeof(theirs)) < 0);
	}
	out = fd_close(out);
	r = fd_read_all(in, sizeof(theirs), &report);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return sbx_err_errno(err, r, "repo",
				     "cannot hear from the process for %s", what);
	if (report.len != sizeof(theirs))
		return sbx_err_set(err, -EIO, "repo",
				   "the process for %s ended early (wait status %d)",
				   what, status);
	memcpy(&theirs, report.data, sizeof(theirs));
	if (theirs.code < 0)
		return sbx_err_set(err, theirs.code, theirs.stage, "%s", theirs.msg);
	return 0;
}
