/* SPDX-License-Identifier: Apache-2.0 */

/* What is printed: too much, too strange, or to where it should not go. */
#include "attack.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static void flood(long bytes, char with, int fd)
{
	static char block[1 << 16];

	memset(block, with, sizeof(block));
	block[sizeof(block) - 1] = with == 'y' ? '\n' : with;
	for (long n = 0; n < bytes; n += (long)sizeof(block))
		if (write(fd, block, sizeof(block)) < 0)
			return;
}

static void lines(void)
{
	flood(32 * MIB, 'y', 1);
}

static void one_line(void)
{
	flood(32 * MIB, 'x', 1);
}

static void endless(void)
{
	for (;;)
		flood(32 * MIB, 'y', 1);
}

static void both(void)
{
	for (int i = 0; i < 20000; i++)
		if (write(1, "out\n", 4) < 0 || write(2, "err\n", 4) < 0)
			break;
	note("interleaved");
}

static void strange(void)
{
	static const char text[] = "\033]52;c;cm0gLXJm\a\033[2J\033P+q\033\\\x9b"
				   "31m\r\0\xff\xfe"
				   "\xe2\x80\xae\n\b\b\b";

	for (int i = 0; i < 100; i++)
		if (write(1, text, sizeof(text)) < 0)
			break;
	note("escape sequences, NUL, invalid UTF-8");
}

static void closed(void)
{
	close(0);
	close(1);
	sleep_ms(50);
	note("closed standard output");
}

static void all_closed(void)
{
	close_range(0, ~0U, 0);
	sleep_ms(50);
	_exit(0);
}

static void slow_reader(void)
{
	for (;;)
		flood(32 * MIB, 'y', 1);
}

static void spoilt_pipe(void)
{
	fcntl(1, F_SETFL, O_NONBLOCK | O_ASYNC | O_APPEND);
	fcntl(2, F_SETFL, O_NONBLOCK | O_ASYNC);
	fcntl(1, F_SETPIPE_SZ, 4096);
	fcntl(1, F_SETOWN, 1);
	fcntl(1, F_SETSIG, SIGKILL);
	flood(MIB, 'y', 1);
	note("flags changed");
}

/* Take back what was printed before the other side reads it. */
static void stolen_pipe(void)
{
	char byte[4096];
	int fd = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < 1000; i++)
		if (write(1, "z\n", 2) < 0 || read(fd, byte, sizeof(byte)) < 0)
			sleep_ms(0);
	note("reopened: %s", fd < 0 ? strerrorname_np(errno) : "yes");
}

static void terminal(void)
{
	static const char *const names[] = { "/dev/tty", "/dev/console", "/dev/pts/0",
					     "/dev/pts/1", "/dev/pts/2" };
	const char *own = given("terminal");
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		fd = open(names[i], O_RDWR | O_NOCTTY | O_CLOEXEC);
		/* Not necessarily the host's; what arrives there is seen outside. */
		if (fd >= 0 && write(fd, "attack\n", 7) == 7)
			note("wrote %s", names[i]);
		else
			note("%s %s", names[i], strerrorname_np(errno));
	}
	fd = own ? open(own, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	if (fd >= 0 && write(fd, "attack\n", 7) == 7)
		note("wrote %s", own);
	if (tcgetpgrp(0) > 0 || tcgetpgrp(1) > 0 || tcgetpgrp(2) > 0)
		won("a terminal of the host's is open");
}

static void take_terminal(void)
{
	const char *own = given("terminal");
	int fd = own ? open(own, O_RDWR | O_CLOEXEC) : -1;

	setsid();
	for (int i = 0; i < 3; i++)
		tried("TIOCSCTTY", ioctl(i, TIOCSCTTY, 1));
	if (fd >= 0)
		tried("the runner's terminal", ioctl(fd, TIOCSCTTY, 1));
	else
		note("no terminal");
	tried("vhangup", vhangup());
}

/* Type a command into the terminal the runner was started from. */
static void type_into(unsigned long request)
{
	static const char *const names[] = { "/dev/tty", NULL };
	int fds[] = { 0, 1, 2, -1, -1 };
	const char *own = given("terminal");
	char text[] = "attack\n";

	fds[3] = open(names[0], O_RDWR | O_CLOEXEC);
	fds[4] = own ? open(own, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		for (char *p = text; fds[i] >= 0 && *p; p++)
			if (ioctl(fds[i], request, p) < 0) {
				note("%s", strerrorname_np(errno));
				break;
			} else if (p == text) {
				won("typed by descriptor %d", fds[i]);
			}
	if (fds[3] < 0)
		note("no /dev/tty");
}

static void type_plain(void)
{
	type_into(TIOCSTI);
}

static void type_high(void)
{
	type_into(TIOCSTI | 1UL << 32);
}

static void paste(void)
{
	char selection[16] = { 3 };
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++)
		tried("TIOCLINUX", ioctl(i, TIOCLINUX, selection));
	tried("high bits", ioctl(0, TIOCLINUX | 1UL << 32, selection));
	tried("by /dev/tty", fd < 0 ? -1 : ioctl(fd, TIOCLINUX, selection));
}

const struct attack output_attacks[] = {
	{ "O45a", "print 32 times what is kept", "ok+dropped", "needs:output silent",
	  lines },
	{ "O45b", "print until the time is over", "timeout+dropped",
	  "needs:wall,output wall=1s", endless },
	{ "O46", "one line without an end", "ok+dropped", "needs:output silent",
	  one_line },
	{ "O47", "escape sequences, NUL and invalid text", NULL, NULL, strange },
	{ "O48a", "close standard output and go on", NULL, NULL, closed },
	{ "O48b", "close everything", "ok", "silent", all_closed },
	{ "O48c", "write to the terminal of the host", NULL, NULL, terminal },
	{ "O48d", "take over the terminal", NULL, NULL, take_terminal },
	{ "O48e", "both outputs in turns", NULL, NULL, both },
	{ "O49", "print while nobody reads", "timeout", "needs:wall wall=1s slow-reader",
	  slow_reader },
	{ "O50", "spoil the output's flags, size and owner", NULL, NULL, spoilt_pipe },
	{ "O51", "read back what was printed", NULL, NULL, stolen_pipe },
	{ "I59a", "type into the terminal: TIOCSTI", NULL, NULL, type_plain },
	{ "I59b", "TIOCSTI with high bits (CVE-2019-10063)", NULL, NULL, type_high },
	{ "I59c", "paste into the terminal: TIOCLINUX", NULL, NULL, paste },
	{ 0 },
};
