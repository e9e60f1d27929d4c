/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Causes and remedies on made-up groups (a directory with files in it is one), what stands in
 * on kernels that lack a file, and who may sweep whose leaf.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/strv.h"
#include "cgroup-file.h"
#include "cgroup-why.h"
#include "cgroup.h"

struct group {
	const char *path, *controllers, *subtree_control;
};

static char dir[] = "/tmp/autoexp-cgroup-XXXXXX";

static int make_dir(void **state attr_unused)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state attr_unused)
{
	return dir_remove(AT_FDCWD, dir);
}

static void put(const char *group, const char *file, const char *text)
{
	cleanup_free char *path = str_printf("%s/%s/%s", dir, group, file);

	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static int open_group(const char *group)
{
	cleanup_free char *path = str_printf("%s/%s", dir, group);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void make_group(const char *group, const char *controllers,
		       const char *handed_down)
{
	cleanup_free char *path = str_printf("%s/%s", dir, group);

	assert_int_equal(dir_make(AT_FDCWD, path, 0755), 0);
	put(group, "cgroup.controllers", controllers);
	put(group, "cgroup.subtree_control", handed_down);
}

static void assert_why(int fd, const char *controller, int refused,
		       const char *const *words)
{
	char why[400];

	cgroup_why_controller(fd, controller, refused, why, sizeof(why));
	for (; *words; words++)
		if (!strstr(why, *words))
			fail_msg("\"%s\" does not say '%s'", why, *words);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void the_group_that_does_not_hand_a_controller_down_is_named(
	void **state attr_unused)
{
	cleanup_close int fd = -EBADF;

	make_group("a", "cpu io memory pids\n", "cpu memory pids\n");
	make_group("a/b", "cpu memory pids\n", "memory\n");
	make_group("a/b/c", "memory\n", "memory\n");
	fd = open_group("a/b/c");
	assert_why(fd, "io", 0, WORDS("'io'", "/a;", "echo +io >", "/a/cgroup.subtree_"));
	assert_why(fd, "cpu", 0, WORDS("'cpu'", "/a/b;", "Delegate=cpu"));
	/* One that is handed down all the way is refused, if anything, at the end. */
	assert_why(fd, "memory", EBUSY, WORDS("/a/b/c:", "processes live in it"));
}

static void a_controller_that_the_top_lacks_is_the_kernels_or_the_containers(
	void **state attr_unused)
{
	cleanup_close int fd = -EBADF;

	make_group("top", "pids\n", "pids\n");
	make_group("top/own", "pids\n", "");
	fd = open_group("top/own");
	/* On a host where cgroup v1 has it that is the reason; else this kernel. */
	assert_why(fd, "nonesuch", 0, WORDS("kernel does not offer", "cgroup_disable="));
	put("top", "cgroup.events", "populated 1\n");
	assert_why(fd, "nonesuch", 0, WORDS("not handed down to this container"));
}

static void every_refusal_has_its_own_remedy(void **state attr_unused)
{
	static const struct {
		int error;
		const char *remedy;
	} table[] = {
		{ EBUSY, "--cgroup" },          { EACCES, "chown" },
		{ EROFS, "container" },         { EOPNOTSUPP, "threaded" },
		{ EINVAL, "real-time" },        { ENOENT, "went away" },
		{ ENOSPC, "No space left on" },
	};
	cleanup_close int fd = -EBADF;

	make_group("own", "memory\n", "");
	fd = open_group("own");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_why(fd, "memory", table[i].error,
			   WORDS("cannot be enabled in", "/own:", table[i].remedy));
}

static void why_no_leaf_can_be_made(void **state attr_unused)
{
	static const struct {
		int r;
		const char *words;
	} table[] = {
		{ -EROFS, "read-only" },
		{ -EACCES, "not ours to write" },
		{ -EOPNOTSUPP, "of type 'threaded'" },
		{ -EAGAIN, "cgroup.max.descendants of" },
		{ -ENOSPC, "No space left on" },
	};
	cleanup_close int fd = -EBADF;
	char why[400];

	make_group("full", "memory\n", "memory\n");
	make_group("full/own", "memory\n", "memory\n");
	put("full", "cgroup.max.descendants", "1\n");
	put("full", "cgroup.max.depth", "max\n");
	put("full", "cgroup.stat", "nr_descendants 1\nnr_dying_descendants 0\n");
	put("full/own", "cgroup.max.descendants", "max\n");
	put("full/own", "cgroup.max.depth", "max\n");
	put("full/own", "cgroup.type", "threaded\n");
	fd = open_group("full/own");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		cgroup_why_no_leaf(fd, table[i].r, why, sizeof(why));
		if (!strstr(why, table[i].words))
			fail_msg("\"%s\" does not say '%s'", why, table[i].words);
	}
	put("full", "cgroup.max.descendants", "max\n");
	put("full", "cgroup.max.depth", "1\n");
	cgroup_why_no_leaf(fd, -EAGAIN, why, sizeof(why));
	assert_non_null(strstr(why, "cgroup.max.depth of"));
}

static void controllers_bound_to_v1_are_found(void **state attr_unused)
{
	static const char text[] = "12:memory:/x\n3:cpu,cpuacct:/\n2:blkio:/\n"
				   "1:name=systemd:/pids\n0::/\n";

	assert_true(cgroup_on_v1(text, "memory"));
	assert_true(cgroup_on_v1(text, "cpu"));
	assert_true(cgroup_on_v1(text, "blkio"));
	assert_false(cgroup_on_v1(text, "pids"));
	assert_false(cgroup_on_v1(text, "cpuset"));
	assert_false(cgroup_on_v1("", "cpu"));
}

static void swap_is_off_only_when_the_list_is_empty(void **state attr_unused)
{
	static const char head[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
	cleanup_free char *one = str_printf("%s/swap file 1024 0 -2\n", head);

	assert_true(cgroup_no_swap(head));
	assert_false(cgroup_no_swap(one));
	assert_false(cgroup_no_swap(""));
}

static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

/* As on Linux before 5.14: no cgroup.kill, so each process of cgroup.procs. */
static void without_cgroup_kill_each_process_is_killed(void **state attr_unused)
{
	struct cgroup cg = CGROUP_INIT;
	cleanup_free char *procs = NULL;
	pid_t a = start_sleeper(), b = start_sleeper();
	int status;

	make_group("old", "memory\n", "");
	procs = str_printf("%d\n0\n%d\n", a, b);
	put("old", "cgroup.procs", procs);
	put("old", "cgroup.events", "populated 0\nfrozen 0\n");
	put("old", "cgroup.freeze", "0");
	cg.fd = open_group("old");
	cgroup_kill(&cg);
	fd_close(cg.fd);
	assert_int_equal(waitpid(a, &status, 0), a);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(waitpid(b, &status, 0), b);
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void with_cgroup_kill_nothing_else_is_done(void **state attr_unused)
{
	struct cgroup cg = CGROUP_INIT;
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *procs = NULL;
	pid_t a = start_sleeper();

	make_group("new", "memory\n", "");
	procs = str_printf("%d\n", a);
	put("new", "cgroup.procs", procs);
	put("new", "cgroup.kill", "0");
	cg.fd = open_group("new");
	cgroup_kill(&cg);
	assert_string_equal(cgroup_read_text(cg.fd, "cgroup.kill", &text), "1");
	fd_close(cg.fd);
	assert_int_equal(kill(a, 0), 0);
	assert_int_equal(waitpid(a, NULL, WNOHANG), 0);
	kill(a, SIGKILL);
	waitpid(a, NULL, 0);
}

static void the_dying_are_not_held_back_by_their_limit(void **state attr_unused)
{
	struct cgroup cg = CGROUP_INIT;
	cleanup_buf struct buf text = BUF_INIT;

	make_group("slow", "cpu\n", "");
	put("slow", "cgroup.kill", "0");
	put("slow", "cpu.max", "");
	cg.fd = open_group("slow");
	cg.has[CGROUP_CPU] = true;
	cgroup_kill(&cg);
	assert_string_equal(cgroup_read_text(cg.fd, "cpu.max", &text), "max");
	fd_close(cg.fd);
}

/* A fake group with everything but the file that the test is about. */
static struct cgroup leaf(const char *group)
{
	struct cgroup cg = CGROUP_INIT;

	cg.fd = open_group(group);
	cg.parent_fd = open_group(".");
	for (int i = 0; i < _CGROUP_CONTROLLER_MAX; i++)
		cg.has[i] = true;
	return cg;
}

static void done(struct cgroup *cg)
{
	cg->fd = fd_close(cg->fd);
	cg->parent_fd = fd_close(cg->parent_fd);
}

static void assert_file(struct cgroup *cg, const char *file, const char *expected)
{
	cleanup_buf struct buf b = BUF_INIT;

	assert_string_equal(cgroup_read_text(cg->fd, file, &b), expected);
}

static void memory_limit_needs_swap_under_control(void **state attr_unused)
{
	cleanup_buf struct buf swaps = BUF_INIT;
	struct cgroup cg;
	bool off = cgroup_no_swap(cgroup_read_text(AT_FDCWD, "/proc/swaps", &swaps));

	make_group("mem", "", "");
	put("mem", "memory.max", "");
	put("mem", "memory.oom.group", "");
	put("mem", "memory.swap.max", "");
	cg = leaf("mem");
	assert_int_equal(cgroup_limit(&cg, SBX_LIMIT_MEMORY, 64 << 20, NULL), 1);
	assert_file(&cg, "memory.max", "67108864");
	assert_file(&cg, "memory.oom.group", "1");
	assert_file(&cg, "memory.swap.max", "0");

	assert_int_equal(unlinkat(cg.fd, "memory.swap.max", 0), 0);
	assert_int_equal(cgroup_limit(&cg, SBX_LIMIT_MEMORY, 64 << 20, NULL), off);
	assert_int_equal(!cg.why_not[0], off);
	done(&cg);
}

static void limits_whose_file_is_missing_do_not_hold(void **state attr_unused)
{
	struct cgroup cg;

	make_group("bare", "", "");
	cg = leaf("bare");
	assert_int_equal(cgroup_limit(&cg, SBX_LIMIT_CPUS, 500, NULL), 0);
	assert_non_null(strstr(cg.why_not, "cpu.max"));
	assert_int_equal(cgroup_limit(&cg, SBX_LIMIT_IO_READ, 1 << 20, NULL), 0);
	assert_non_null(strstr(cg.why_not, "io.max"));
	assert_false(cgroup_has_peak(&cg));
	put("bare", "cpu.max", "");
	put("bare", "memory.peak", "4096\n");
	assert_int_equal(cgroup_limit(&cg, SBX_LIMIT_CPUS, 500, NULL), 1);
	assert_file(&cg, "cpu.max", "50000 100000");
	assert_true(cgroup_has_peak(&cg));
	done(&cg);
}

static void cpus_that_the_kernel_does_not_give_are_an_error(void **state attr_unused)
{
	struct sbx_err err = { 0 };
	struct cgroup cg;

	make_group("set", "", "");
	put("set", "cpuset.cpus", "");
	put("set", "cpuset.cpus.effective", "0-1\n");
	put(".", "cpuset.cpus.effective", "0-3\n");
	cg = leaf("set");
	assert_int_equal(cgroup_limit_cpuset(&cg, "0,1", &err), 1);
	assert_int_equal(cgroup_limit_cpuset(&cg, "1,7", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "these are: 0-3"));
	done(&cg);
}

static void statistics_are_what_is_there(void **state attr_unused)
{
	struct cgroup_stats s;
	struct cgroup cg;

	make_group("stat", "", "");
	cg = leaf("stat");
	cgroup_read_stats(&cg, &s);
	assert_false(s.has_pressure);
	put("stat", "memory.pressure",
	    "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
	    "full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
	put("stat", "io.stat",
	    "8:0 rbytes=10 wbytes=900 rios=1 wios=2 dbytes=0 dios=0\n"
	    "253:0 rbytes=400 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n");
	put("stat", "pids.events", "max 3\n");
	cgroup_read_stats(&cg, &s);
	assert_true(s.has_pressure);
	assert_int_equal(s.memory_pressure_us, 5);
	assert_int_equal(s.io_read_bytes, 400);
	assert_int_equal(s.io_write_bytes, 900);
	assert_int_equal(s.pids_max, 3);
	done(&cg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_group_that_does_not_hand_a_controller_down_is_named),
		cmocka_unit_test(
			a_controller_that_the_top_lacks_is_the_kernels_or_the_containers),
		cmocka_unit_test(every_refusal_has_its_own_remedy),
		cmocka_unit_test(why_no_leaf_can_be_made),
		cmocka_unit_test(controllers_bound_to_v1_are_found),
		cmocka_unit_test(swap_is_off_only_when_the_list_is_empty),
		cmocka_unit_test(without_cgroup_kill_each_process_is_killed),
		cmocka_unit_test(with_cgroup_kill_nothing_else_is_done),
		cmocka_unit_test(the_dying_are_not_held_back_by_their_limit),
		cmocka_unit_test(memory_limit_needs_swap_under_control),
		cmocka_unit_test(limits_whose_file_is_missing_do_not_hold),
		cmocka_unit_test(cpus_that_the_kernel_does_not_give_are_an_error),
		cmocka_unit_test(statistics_are_what_is_there),
	};

	return cmocka_run_group_tests_name("cgroup", tests, make_dir, drop_dir);
}
