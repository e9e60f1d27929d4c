/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The private checkout: it is the commit, whatever the repository's attributes, the umask
 * or an earlier crash say, and whatever differs afterwards is found.
 */

#include "scratch-repo.h"

#include <sys/resource.h>

#include "base/clock.h"
#include "repo/worktree.h"

static struct sbx_err err;
static char dir[PATH_MAX + 32];
static char commit[COMMIT_HEX + 1];

static int setup(void **state)
{
	int r = scratch_setup(state);

	snprintf(dir, sizeof(dir), "%s/co", scratch_top);
	return r;
}

/* A checkout of HEAD without mount points. */
static void make(struct repo *repo)
{
	snprintf(commit, sizeof(commit), "%s", sh("git rev-parse HEAD"));
	assert_ok(checkout_make(repo, commit, dir, NULL, 0, &err));
}

/* What checkout_verify() says, "" for no difference. */
static const char *verify(void)
{
	static char text[PATH_MAX];
	cleanup_free char *what = NULL;

	assert_ok(checkout_verify(commit, dir, &what, &err));
	snprintf(text, sizeof(text), "%s", what ? what : "");
	return text;
}

static void checkout_is_the_commit_raw(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	mode_t mask = umask(077);

	(void)state;
	scratch_commit();
	sh("git config core.autocrlf true && git config filter.x.smudge 'tr a-z A-Z' && "
	   "git config filter.x.clean cat && printf '* filter=x text eol=crlf ident "
	   "export-ignore\\n' "
	   "> .gitattributes && printf 'a $Id$\\n' > a.txt && ln -s ../nowhere link && "
	   "ln -s src/deep dirlink && printf 'b\\0\\377' > 'odd\tname' && "
	   "git -c core.autocrlf=false add -A && git commit -q -m text && "
	   "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),ext/mod && "
	   "git commit -q -m module");
	repo = scratch_open();
	make(repo);
	umask(mask);
	sh("for f in .gitattributes a.txt odd*name eval.sh train.py "
	   "src/deep/er/conf.yaml; do "
	   "git cat-file blob \"HEAD:$f\" | cmp - \"%s/$f\" || exit 1; done",
	   dir);
	assert_string_equal(sh("cd %s && readlink link dirlink", dir),
			    "../nowhere\nsrc/deep");
	assert_string_equal(
		sh("cd %s && find . -type f -printf '%%m %%P\\n' -o -type d "
		   "-printf '%%m %%P/\\n' -o -printf 'l %%P\\n' | sort",
		   dir),
		"644 .gitattributes\n644 a.txt\n644 odd\tname\n"
		"644 src/deep/er/conf.yaml\n644 train.py\n755 /\n755 eval.sh\n"
		"755 ext/\n755 ext/mod/\n755 src/\n755 src/deep/\n755 src/deep/er/\n"
		"l dirlink\nl link");
	assert_string_equal(verify(), "");
}

static void mount_points_are_made_where_nothing_is(void **state)
{
	static const struct checkout_mount mounts[] = {
		{ .path = "build", .dir = true, .scratch = true },
		{ .path = "src/deep/tmp/x", .dir = true, .scratch = true },
		{ .path = "data/w.bin" },
		{ .path = "train.py" },
		{ .path = "src/deep", .dir = true },
		{ .path = "build/sub", .dir = true },
	};
	cleanup_repo struct repo *repo = NULL;

	(void)state;
	scratch_commit();
	repo = scratch_open();
	snprintf(commit, sizeof(commit), "%s", sh("git rev-parse HEAD"));
	assert_ok(checkout_make(repo, commit, dir, mounts, ARRAY_SIZE(mounts), &err));
	assert_string_equal(
		sh("cd %s && find . -type d -empty -o -type f -empty | sort", dir),
		"./build/sub\n./data/w.bin\n./src/deep/tmp/x");
	assert_string_equal(sh("cat %s/train.py", dir), "x = 1");
	assert_string_equal(verify(), "");
	sh("touch %s/src/deep/tmp/x/core", dir);
	assert_string_equal(verify(), "src/deep/tmp/x/core is not part of the commit");
}

static void mount_points_that_cannot_be_are_refused(void **state)
{
	static const struct {
		struct checkout_mount mount;
		int r;
		const char *word;
	} table[] = {
		{ { "src", true, true }, -EEXIST, "scratch path src would hide" },
		{ { "train.py", false, true }, -EEXIST, "a file" },
		{ { "link", true, true }, -EEXIST, "a symbolic link" },
		{ { "train.py/x", true, true }, -ENOTDIR, "train.py is a file" },
		{ { "link/x", true, false }, -ENOTDIR, "link is a symbolic link" },
		{ { "link", true, false }, -ENOTDIR, "link is a symbolic link" },
		{ { "src", false, false }, -ENOTDIR, "src is a directory" },
		{ { "train.py", true, false }, -ENOTDIR, "train.py is a file" },
		{ { "../x", true, true }, -EINVAL, "../x" },
		{ { "a/../../x", true, true }, -EINVAL, "a/../../x" },
		{ { "/x", true, true }, -EINVAL, "/x" },
		{ { "", true, true }, -EINVAL, "\"\"" },
		{ { "a//b", true, true }, -EINVAL, "a//b" },
		{ { "a/.git", true, true }, -EINVAL, "a/.git" },
	};
	cleanup_repo struct repo *repo = NULL;

	(void)state;
	scratch_commit();
	sh("ln -s src link && git add -A && git commit -q -m link");
	repo = scratch_open();
	snprintf(commit, sizeof(commit), "%s", sh("git rev-parse HEAD"));
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int r;

		memset(&err, 0, sizeof(err));
		r = checkout_make(repo, commit, dir, &table[i].mount, 1, &err);
		if (r != table[i].r || !strstr(err.msg, table[i].word))
			fail_msg("\"%s\": %d: %s", table[i].mount.path, r, err.msg);
		assert_int_equal(access(dir, F_OK), -1);
	}
}

static void every_difference_is_named(void **state)
{
	static const struct {
		const char *command, *what;
	} table[] = {
		/* The same size, and the old times put back: only ctime tells. */
		{ "cp -p train.py ../keep && printf 'x = 9\\n' > train.py && "
		  "touch -r ../keep train.py",
		  "train.py has another content" },
		{ "printf 'lr: 0.9\\n' > src/deep/er/conf.yaml",
		  "src/deep/er/conf.yaml has another content" },
		{ "printf more >> train.py", "train.py has another content" },
		{ "rm train.py", "train.py is missing" },
		{ "rm -r src", "src/deep/er/conf.yaml is missing" },
		{ "chmod 755 train.py", "train.py has other permissions" },
		{ "chmod u+s eval.sh", "eval.sh has other permissions" },
		{ "chmod 700 src/deep", "src/deep has other permissions" },
		{ "chmod 777 .", ". has other permissions" },
		{ "ln -sf /etc/passwd train.py", "train.py is of another type" },
		{ "rm train.py && mkdir train.py", "train.py is of another type" },
		{ "rm train.py && mkfifo train.py", "train.py is of another type" },
		{ "mv src/deep ../moved && ln -s ../../moved src/deep",
		  "src/deep is of another type" },
		{ "ln -sfn /etc link", "link has another content" },
		{ "touch extra", "extra is not part of the commit" },
		{ "touch src/deep/extra", "src/deep/extra is not part of the commit" },
		{ "mkdir src/.git", "src/.git is not part of the commit" },
		{ "ln -s x src/deep/er/x", "src/deep/er/x is not part of the commit" },
		{ "touch \"$(printf 'a\\033[1mb')\"",
		  "a?[1mb is not part of the commit" },
		{ "mv train.py train2.py", "train.py is missing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		cleanup_repo struct repo *repo = NULL;

		if (i) {
			assert_int_equal(scratch_teardown(state), 0);
			assert_int_equal(setup(state), 0);
		}
		scratch_commit();
		sh("ln -s src link && git add -A && git commit -q -m link");
		repo = scratch_open();
		make(repo);
		assert_string_equal(verify(), "");
		sh("cd %s && %s", dir, table[i].command);
		if (!streq(verify(), table[i].what))
			fail_msg("%s: \"%s\"", table[i].command, verify());
		/* Found again, and put right by the next making. */
		assert_string_equal(verify(), table[i].what);
		make(repo);
		assert_string_equal(verify(), "");
	}
}

static void what_looks_new_but_is_the_same_is_no_difference(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	struct timespec wait = timespec_of_us(50 * USEC_PER_MSEC);

	(void)state;
	scratch_commit();
	sh("ln -s src link && git add -A && git commit -q -m link");
	repo = scratch_open();
	make(repo);
	sh("cd %s && touch train.py src/deep src/x && rm src/x && ln train.py ../hard && "
	   "rm ../hard && ln -sfn src link",
	   dir);
	assert_string_equal(verify(), "");
	/* A repository copied elsewhere: every inode is another one. */
	sh("cp -a %s ../co2 && rm -r %s && mv ../co2 %s", dir, dir, dir);
	nanosleep(&wait, NULL);
	assert_string_equal(verify(), "");
	/* Now the new identities are the recorded ones. */
	assert_string_equal(
		sh("cd %s && tr '\\0' '\\n' < %s.manifest | awk 'NF == 8 "
		   "{ print $4, $8 }' | while read ino path; do "
		   "test $((0x$ino)) = $(stat -c %%i $path) || echo $path; done",
		   dir, dir),
		"");
}

/* Replace the boot in the manifest by another one. */
static void reboot(void)
{
	sh("sed -i '1s/ 1 [-0-9a-f]* / 1 11111111-1111-1111-1111-111111111111 /' "
	   "%s.manifest",
	   dir);
}

static void everything_is_read_again_after_a_reboot(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	const char *inode;

	(void)state;
	scratch_commit();
	repo = scratch_open();
	make(repo);
	inode = sh("stat -c '%%i %%z' %s", dir);
	reboot();
	assert_string_equal(verify(), "");
	assert_string_equal(sh("head -1 %s.manifest | cut -d' ' -f3", dir),
			    sh("cat /proc/sys/kernel/random/boot_id"));
	make(repo);
	assert_string_equal(sh("stat -c '%%i %%z' %s", dir), inode);

	/* As a power loss leaves it: the recorded identity, and not the recorded content.
	 */
	sh("sed -i s/$(git rev-parse HEAD:train.py)/$(git rev-parse HEAD:eval.sh)/ "
	   "%s.manifest",
	   dir);
	assert_string_equal(verify(), "");
	reboot();
	assert_string_equal(verify(), "train.py has another content");
	make(repo);
	assert_string_equal(verify(), "");
	assert_string_not_equal(sh("stat -c '%%i %%z' %s", dir), inode);
}

static void good_checkout_is_used_again(void **state)
{
	struct checkout_mount mount = { .path = "build", .dir = true, .scratch = true };
	cleanup_repo struct repo *repo = NULL;
	const char *first;

	(void)state;
	scratch_commit();
	repo = scratch_open();
	make(repo);
	first = sh("stat -c '%%i %%z' %s", dir);
	make(repo);
	assert_string_equal(sh("stat -c '%%i %%z' %s", dir), first);
	assert_ok(checkout_make(repo, commit, dir, &mount, 1, &err));
	assert_string_equal(sh("ls %s", dir), "build\neval.sh\nsrc\ntrain.py");
	sh("git rm -q eval.sh && git commit -q -m less");
	make(repo);
	assert_string_equal(sh("ls %s", dir), "src\ntrain.py");
}

static void leftovers_of_a_crash_are_replaced(void **state)
{
	static const char *const crashes[] = {
		"rm {}.manifest && mkdir -p {}.tmp/a/b && touch {}.tmp/a/b/c",
		"rm {}.manifest",
		"rm {}.manifest && echo junk > {}/train.py",
		"truncate -s -3 {}.manifest",
		"truncate -s 30 {}.manifest",
		"truncate -s 0 {}.manifest",
		"printf 'junk' > {}.manifest",
		"rm -r {}",
		"rm -r {} && ln -s /etc {}",
		"rm -r {} && touch {} {}.tmp {}.manifest.tmp",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
		cleanup_repo struct repo *repo = NULL;

		if (i) {
			assert_int_equal(scratch_teardown(state), 0);
			assert_int_equal(setup(state), 0);
		}
		scratch_commit();
		repo = scratch_open();
		make(repo);
		sh("sh -c \"$(printf '%%s' '%s' | sed 's#{}#%s#g')\"", crashes[i], dir);
		make(repo);
		assert_string_equal(verify(), "");
		assert_string_equal(
			sh("ls %s && ls -d %s*", dir, dir),
			sh("printf '%%s\\n' eval.sh src train.py %s %s.manifest", dir,
			   dir));
	}
}

static void verifying_needs_a_checkout_of_that_commit(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char *what = NULL;

	(void)state;
	scratch_commit();
	repo = scratch_open();
	make(repo);
	assert_err(checkout_verify("0123456789012345678901234567890123456789", dir, &what,
				   &err),
		   -ENOENT, "no complete checkout");
	sh("truncate -s -3 %s.manifest", dir);
	assert_err(checkout_verify(commit, dir, &what, &err), -ENOENT, "damaged");
	assert_null(what);
}

/* Trees that git would never make, as an attacker's pack could hold them. */
static void crafted_trees_cannot_lead_out(void **state)
{
	static const struct {
		const char *tree, *word;
	} table[] = {
		{ "100644 ..\\0BLOB", "git does not check out" },
		{ "100644 .git\\0BLOB", "git does not check out" },
		{ "100644 .GIT\\0BLOB", "git does not check out" },
		{ "100644 a/b\\0BLOB", "git does not check out" },
		{ "120000 a\\0BLOB40000 a\\0TREE", "a in the private checkout" },
		{ "40000 ..\\0TREE", "git does not check out" },
	};
	cleanup_repo struct repo *repo = NULL;

	(void)state;
	scratch_commit();
	repo = scratch_open();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int r;

		snprintf(commit, sizeof(commit), "%s",
			 sh("blob=$(printf .. | git hash-object -w --stdin | "
			    "sed 's/../\\\\x&/g') && tree=$(git rev-parse HEAD^{tree} | "
			    "sed 's/../\\\\x&/g') && git commit-tree -m x $(bash -c "
			    "\"printf \\\"$(printf '%%s' '%s' | sed "
			    "\"s#BLOB#$(echo \"$blob\" | sed 's/\\\\/&&/g')#; "
			    "s#TREE#$(echo \"$tree\" | sed 's/\\\\/&&/g')#\")\\\"\" | "
			    "git hash-object -t tree -w --stdin --literally)",
			    table[i].tree));
		memset(&err, 0, sizeof(err));
		r = checkout_make(repo, commit, dir, NULL, 0, &err);
		if (r >= 0 || !strstr(err.msg, table[i].word))
			fail_msg("%s: %d: %s", table[i].tree, r, err.msg);
		assert_int_equal(access(dir, F_OK), -1);
		assert_string_equal(sh("ls .. | grep -v co"), "home\nrepo");
	}
}

/* Bytes this process has read so far. */
static long bytes_read(void)
{
	cleanup_buf struct buf text = BUF_INIT;
	long n;

	assert_int_equal(file_read(AT_FDCWD, "/proc/self/io", 0, 4096, &text), 0);
	assert_int_equal(sscanf(buf_str(&text), "rchar: %ld", &n), 1);
	return n;
}

static void large_files_cost_neither_memory_nor_reading(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	struct rusage before, after;
	long n;

	(void)state;
	scratch_commit();
	sh("head -c 67108864 /dev/zero > big && git add big && git commit -q -m big");
	repo = scratch_open();
	getrusage(RUSAGE_SELF, &before);
	make(repo);
	n = bytes_read();
	assert_string_equal(verify(), "");
	assert_in_range(bytes_read() - n, 1, 100 * 1024);
	getrusage(RUSAGE_SELF, &after);
	assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 8 * 1024);
	assert_string_equal(sh("stat -c %%s %s/big", dir), "67108864");
	sh("touch %s/big", dir);
	n = bytes_read();
	assert_string_equal(verify(), "");
	assert_in_range(bytes_read() - n, 67108864, 68000000);
}

static void large_trees_are_verified(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	uint64_t cpu;

	(void)state;
	scratch_commit();
	sh("for d in $(seq 20); do mkdir d$d && for f in $(seq 50); do echo $d $f > "
	   "d$d/$f; "
	   "done; done && git add -A && git commit -q -m many");
	repo = scratch_open();
	make(repo);
	cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	assert_string_equal(verify(), "");
	cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	print_message("[     info ] %" PRIu64 " us of CPU time to verify 1,003 files\n",
		      cpu);
	sh("echo 0 0 > %s/d17/33", dir);
	assert_string_equal(verify(), "d17/33 has another content");
}

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(checkout_is_the_commit_raw),
		scratch_test(mount_points_are_made_where_nothing_is),
		scratch_test(mount_points_that_cannot_be_are_refused),
		scratch_test(every_difference_is_named),
		scratch_test(what_looks_new_but_is_the_same_is_no_difference),
		scratch_test(everything_is_read_again_after_a_reboot),
		scratch_test(good_checkout_is_used_again),
		scratch_test(leftovers_of_a_crash_are_replaced),
		scratch_test(verifying_needs_a_checkout_of_that_commit),
		scratch_test(crafted_trees_cannot_lead_out),
		scratch_test(large_files_cost_neither_memory_nor_reading),
		scratch_test(large_trees_are_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
