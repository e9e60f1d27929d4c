/* SPDX-License-Identifier: Apache-2.0 */

/* CPU time, elapsed time, and the clocks of the host. */
#include "attack.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void spin_for(double seconds)
{
	double end = seconds_now() + seconds;

	while (seconds_now() < end)
		;
}

static void spin_many(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			for (;;)
				;
	for (;;)
		;
}

/* Children that are gone before anybody looks, and that nobody waits for. */
static void spin_in_comets(void)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		for (int i = 0; i < 4; i++)
			if (fork() == 0) {
				spin_for(0.015);
				_exit(0);
			}
		while (wait(NULL) > 0)
			;
	}
}

static void spin_in_orphans(void)
{
	for (;;) {
		if (fork() == 0) {
			for (int i = 0; i < 4; i++)
				if (fork() == 0) {
					spin_for(0.015);
					_exit(0);
				}
			_exit(0);
		}
		wait(NULL);
		sleep_ms(20);
	}
}

static void more_cpu_time(void)
{
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CPU, &none);
	for (int i = 1; i < 65; i++)
		signal(i, SIG_IGN);
	for (;;)
		;
}

/* In the kernel instead of in the program. */
static void spin_in_kernel(void)
{
	static char block[1 << 20];
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	for (;;)
		if (read(fd, block, sizeof(block)) < 0)
			sched_yield();
}

static void sleep_for_ever(void)
{
	for (;;)
		sleep_ms(100000);
}

static void busy_timers(void)
{
	struct itimerval often = { { 0, 1 }, { 0, 1 } };

	signal(SIGALRM, SIG_IGN);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 100; i++) {
		struct sigevent e = { .sigev_notify = SIGEV_SIGNAL,
				      .sigev_signo = SIGALRM };
		struct itimerspec spec = { { 0, 1000 }, { 0, 1000 } };
		timer_t id;

		if (timer_create(CLOCK_MONOTONIC, &e, &id) == 0)
			timer_settime(id, 0, &spec, NULL);
	}
	for (;;)
		;
}

static void set_clock(void)
{
	struct timeval tv = { 1000000000, 0 };
	struct timespec ts = { 1000000000, 0 };
	struct timex t = { .modes = ADJ_TICK, .tick = 10100 };
	int fd;

	tried("settimeofday", settimeofday(&tv, NULL));
	tried("clock_settime", clock_settime(CLOCK_REALTIME, &ts));
	tried("adjtimex", adjtimex(&t));
	tried("clock_adjtime", clock_adjtime(CLOCK_REALTIME, &t));
	tried("/dev/rtc", open_for_write("/dev/rtc"));
	tried("time namespace", unshare(0x80));
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	tried("its offsets", fd < 0 ? fd : write(fd, "1 1000 0\n", 9));
}

/* Memory runs out in the moment in which the time does. */
static void memory_at_the_end(void)
{
	double end = seconds_now() + 0.95;

	while (seconds_now() < end)
		sleep_ms(5);
	for (long n = 0; n < 3 * given_number("memory", 64 * MIB); n += MIB) {
		char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			sleep_ms(10);
		else
			memset(p, 1, MIB);
	}
	sleep_for_ever();
}

#define CPU "needs:cpu,wall cpu-time=1s wall=8s"

const struct attack time_attacks[] = {
	{ "C41a", "use more CPU time, in four processes", "cpu-limit", CPU, spin_many },
	{ "C41b", "use it in short-lived children that nobody waits for", "cpu-limit",
	  CPU " leaf", spin_in_comets },
	{ "C41c", "use it in orphans", "cpu-limit", CPU, spin_in_orphans },
	{ "C41d", "lift the limit and ignore its signal", "cpu-limit", CPU,
	  more_cpu_time },
	{ "C41e", "use it in the kernel", "cpu-limit", CPU, spin_in_kernel },
	{ "C42a", "sleep for ever", "timeout", "needs:wall wall=1s", sleep_for_ever },
	{ "C42b", "a hundred timers of a microsecond", "timeout", "needs:wall wall=1s",
	  busy_timers },
	{ "C43", "set the clocks of the host", NULL, "dangerous", set_clock },
	{ "C44", "memory and time run out together", "oom|timeout",
	  "needs:wall,memory wall=1s dangerous", memory_at_the_end },
	{ 0 },
};
