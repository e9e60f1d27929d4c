/* SPDX-License-Identifier: Apache-2.0 */

/*
 * When the watchdog looks again, and what it reads from smaps. That it ends what it has to end
 * is for tests/sandbox.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "base/file.h"
#include "proc.h"
#include "smaps.h"
#include "soft.h"

#define MiB (1ULL << 20)
#define GiB (1ULL << 30)

static void the_closer_to_the_limit_the_sooner(void **state attr_unused)
{
	uint64_t far = soft_interval_us(0, 1024 * GiB, 100, 2);
	uint64_t near = soft_interval_us(GiB - 40 * MiB, GiB, 100, 2);
	uint64_t at = soft_interval_us(GiB, GiB, 100, 2);

	assert_int_equal(far, 50000);
	assert_true(near < far);
	assert_true(near >= at);
	assert_int_equal(at, 1000);
	assert_int_equal(soft_interval_us(2 * GiB, GiB, 100, 2), 1000);
	assert_int_equal(soft_interval_us(0, 0, 100, 2), 50000);
}

/* A look that costs 4 ms: a fiftieth of the time while far, half of it at the limit. */
static void looking_has_its_price(void **state attr_unused)
{
	assert_int_equal(soft_interval_us(0, 1024 * GiB, 4000, 2), 200000);
	assert_int_equal(soft_interval_us(GiB, GiB, 4000, 2), 4000);
	assert_int_equal(soft_interval_us(0, 0, 4000, 2), 200000);
	/* But where the limit could be reached before, that counts. */
	assert_true(soft_interval_us(0, 2 * GiB, 20000, 2) < 1000000);
}

static char dir[] = "/tmp/autoexp-smaps-XXXXXX";

static int make_dir(void **state attr_unused)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state attr_unused)
{
	return dir_remove(AT_FDCWD, dir);
}

struct seen {
	size_t n;
	uint64_t inode, pss;
	char range[64];
};

static void on_mapping(void *user, uint64_t inode, const char *range, uint64_t pss)
{
	struct seen *s = user;

	s->n++;
	s->inode = inode;
	s->pss += pss;
	snprintf(s->range, sizeof(s->range), "%s", range);
}

static const char smaps[] =
	"00400000-00500000 r-xp 00000000 08:01 4711                       /usr/bin/a\n"
	"Size:               1024 kB\n"
	"Pss:                 512 kB\n"
	"VmFlags: rd ex\n"
	"00600000-00700000 rw-s 00000000 00:01 77                         /memfd:a "
	"(deleted)\n"
	"Rss:                  20 kB\n"
	"Pss:                  10 kB\n"
	"Pss_Dirty:             9 kB\n"
	"7f0000000000-7f0000100000 rw-s 00000000 00:01 78                 /SYSV00000000 "
	"(deleted)\n"
	"Pss:                 100 kB\n"
	"7ffc00000000-7ffc00100000 rw-p 00000000 00:00 0                  [stack]\n"
	"Pss:                   7 kB\n";

static int open_fake(void)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(file_replace(fd, "smaps", smaps, strlen(smaps), 0600), 0);
	assert_int_equal(file_replace(fd, "maps", smaps, strlen(smaps), 0600), 0);
	return TAKE_FD(fd);
}

static void only_memory_files_are_told_from_smaps(void **state attr_unused)
{
	cleanup_close int fd = open_fake();
	struct seen s = { 0 };

	assert_int_equal(
		smaps_shared(fd, "smaps", makedev(0, 1), USEC_INFINITY, on_mapping, &s),
		0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.inode, 77);
	assert_int_equal(s.pss, 10 << 10);
	assert_string_equal(s.range, "600000-700000");

	s = (struct seen){ 0 };
	assert_int_equal(
		smaps_shared(fd, "maps", makedev(0, 1), USEC_INFINITY, on_mapping, &s),
		0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.pss, 0);
}

/* A path is as long as the command likes; what stands far behind in it is no line. */
static void a_long_path_says_nothing_of_memory(void **state attr_unused)
{
	static const char head[] = "00600000-00700000 rw-s 00000000 00:01 77 /memfd:a\n"
				   "00800000-00900000 rw-s 00000000 08:01 9 /";
	static const char tail[] = "00600000-00700000 rw-s 0 00:01 78 /x\nPss: 5 kB\n";
	size_t line = strlen(strchr(head, '\n') + 1);
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_buf struct buf text = BUF_INIT;
	struct seen s = { 0 };

	buf_puts(&text, head);
	for (size_t i = line; i < 16384; i++)
		buf_puts(&text, "x");
	buf_puts(&text, tail);
	assert_int_equal(file_replace(fd, "smaps", text.data, text.len, 0600), 0);
	assert_int_equal(
		smaps_shared(fd, "smaps", makedev(0, 1), USEC_INFINITY, on_mapping, &s),
		0);
	assert_int_equal(s.n, 0);
}

/* It stands in stat and status, in front of the numbers. */
static void a_name_says_nothing_of_its_process(void **state attr_unused)
{
	static const char stat[] =
		"7 () S 1 1 1 1 1 1 1 1 1 1 1 9 9 9 9 1 1 1 1 9) S 1 7 7 0"
		" -1 4194304 97 0 0 0 11 22 33 44 20 0 1 0 55 3133440 390";
	static const char status[] = "Name:\tRssAnon: 9 Threads: 9\nRssAnon:\t 12 kB\n"
				     "Threads:\t4\n";
	struct proc_ticks t;

	assert_true(proc_read_ticks(stat, &t));
	assert_int_equal(t.self, 33);
	assert_int_equal(t.kids, 77);
	assert_int_equal(t.start, 55);
	assert_false(proc_read_ticks("7 (x) S 1 7", &t));
	assert_int_equal(proc_read_status(status, "RssAnon"), 12);
	assert_int_equal(proc_read_status(status, "Threads"), 4);
	assert_int_equal(proc_read_status(status, "VmPTE"), 0);
}

static void reading_stops_when_time_is_up(void **state attr_unused)
{
	cleanup_close int fd = open_fake();
	struct seen s = { 0 };

	assert_int_equal(smaps_shared(fd, "smaps", makedev(0, 1), 1, on_mapping, &s),
			 -ETIMEDOUT);
}

static void our_own_memory_is_read(void **state attr_unused)
{
	cleanup_close int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t before, after;
	char *p;

	assert_int_equal(smaps_anon(fd, &before), 0);
	p = malloc(32 * MiB);
	assert_non_null(p);
	memset(p, 1, 32 * MiB);
	assert_int_equal(smaps_anon(fd, &after), 0);
	free(p);
	assert_true(after >= before + 31 * MiB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_closer_to_the_limit_the_sooner),
		cmocka_unit_test(looking_has_its_price),
		cmocka_unit_test(only_memory_files_are_told_from_smaps),
		cmocka_unit_test(a_long_path_says_nothing_of_memory),
		cmocka_unit_test(a_name_says_nothing_of_its_process),
		cmocka_unit_test(reading_stops_when_time_is_up),
		cmocka_unit_test(our_own_memory_is_read),
	};

	return cmocka_run_group_tests_name("soft", tests, make_dir, drop_dir);
}
