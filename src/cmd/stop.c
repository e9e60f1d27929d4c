/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/syscall.h>

#include "cmd/command.h"
#include "cmd/view.h"
#include "ledger/lock.h"

static const char help[] =
	"usage: autoexp stop [--now] [--tag TAG]\n"
	"\n"
	"Ask the supervisor of a campaign, running on this machine, to stop after the "
	"experiment\n"
	"it is at.\n"
	"\n"
	"  --now       end the run that is in flight; it is recorded as interrupted, "
	"not\n"
	"              counted, and run again by the next `autoexp run`\n"
	"  --tag TAG   the campaign; without it: `tag:` of autoexp.yaml, else the only "
	"one\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0 asked, or nothing is running; 1 failed; 2 wrong usage.\n"
	"\n"
	"Example: autoexp stop --now\n";

/*
 * The number in the lock file may be old: the descriptor is opened first and the lock
 * looked at again, so that what is signalled is the process that holds it, or nothing.
 */
static int ask(int dir_fd, const struct lock_holder *holder, int sig, struct sbx_err *err)
{
	cleanup_close int fd = -EBADF;
	struct lock_holder again = { 0 };
	int r;

	if (!lock_holder_is_local(holder))
		return sbx_err_set(err, -EHOSTUNREACH, "stop",
				   "the supervisor is on %s, pid %d;"
				   " run this there",
				   holder->host, (int)holder->pid);
	fd = (int)syscall(SYS_pidfd_open, holder->pid, 0);
	if (fd < 0 && errno == ESRCH)
		return 0;
	if (fd < 0)
		return sbx_err_errno(err, -errno, "stop", "cannot reach pid %d",
				     (int)holder->pid);
	r = lock_peek(dir_fd, &again, err);
	if (r <= 0)
		return r;
	if (again.pid != holder->pid)
		return sbx_err_set(err, -EAGAIN, "stop",
				   "the supervisor just changed; try again");
	if (syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0 && errno != ESRCH)
		return sbx_err_errno(err, -errno, "stop", "cannot ask pid %d",
				     (int)holder->pid);
	return 1;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	cleanup_view struct view v = VIEW_INIT;
	struct lock_holder holder = { 0 };
	struct sbx_err err = { 0 };
	const char *tag = NULL;
	bool now = false;
	const struct opt opts[] = { { "tag", 0, OPT_TEXT, &tag },
				    { "now", 0, OPT_FLAG, &now },
				    { 0 } };
	int r;

	r = opts_parse(cmd, opts, argc, argv, NULL);
	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	r = view_open(&v, tag, &err);
	if (r == 0)
		r = lock_peek(v.dir_fd, &holder, &err);
	if (r > 0 && holder.pid == 0)
		r = sbx_err_set(
			&err, -EAGAIN, "stop",
			"the supervisor just starts: try again; or it is in another "
			"container: stop it there");
	if (r > 0)
		r = ask(v.dir_fd, &holder, now ? SIGTERM : SIGUSR1, &err);
	if (r < 0)
		return command_fail(cmd, &err);
	if (r == 0)
		printf("nothing is running on campaign %s\n", v.tag);
	else
		printf("asked pid %d of campaign %s to stop %s\n", (int)holder.pid, v.tag,
		       now ? "now" : "after this experiment");
	return command_flush(cmd);
}

const struct command command_stop = { "stop", "ask a running campaign to stop", help,
				      run };
