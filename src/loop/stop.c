/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/stop.h"

#include <signal.h>
#include <sys/signalfd.h>

#include "base/macro.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1 };

int stop_open(struct stop *s, struct sbx_err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction sa;

		if (sigaction(signals[i], NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			continue;
		sigaddset(&set, signals[i]);
	}
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return sbx_err_errno(err, -errno, "loop", "cannot block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "loop",
				     "cannot open a signal descriptor");
	s->fd = fd;
	return 0;
}

void stop_close(struct stop *s)
{
	s->fd = fd_close(s->fd);
}

enum stop_wish stop_check(struct stop *s)
{
	struct signalfd_siginfo info;

	while (s->fd >= 0 && read(s->fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			s->wish = MAX(s->wish, STOP_AFTER);
		else if (info.ssi_signo == SIGINT && s->wish == STOP_NO)
			s->wish = STOP_AFTER;
		else
			s->wish = STOP_NOW;
	}
	return s->wish;
}
