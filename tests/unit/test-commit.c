/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The branch of a campaign and its commits: what they hold, how they survive, and that
 * nothing of the user's is touched by them.
 */

#include "scratch-repo.h"

#include "base/clock.h"
#include "repo/branch.h"
#include "repo/check.h"
#include "repo/commit.h"
#include "repo/diff.h"
#include "repo/worktree.h"

#define NESTED "src/deep/er/conf.yaml"

static struct sbx_err err;

/* HEAD as text that stays. */
static const char *head(void)
{
	static char hex[COMMIT_HEX + 1];

	snprintf(hex, sizeof(hex), "%s", sh("git rev-parse HEAD"));
	return hex;
}

static void make(struct repo *repo, unsigned number, const char *parent, const char *path,
		 const char *content, const char *message,
		 char ret[static COMMIT_HEX + 1])
{
	struct commit_spec spec = { .tag = "t",
				    .number = number,
				    .parent = parent,
				    .path = path,
				    .content = content,
				    .len = content ? strlen(content) : 0,
				    .message = message };

	assert_ok(commit_experiment(repo, &spec, ret, &err));
}

static void commit_changes_only_the_target(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char a[COMMIT_HEX + 1], b[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	make(repo, 1, head(), NESTED, "lr: 0.2\r\n", "double it", a);
	assert_string_equal(sh("git diff-tree -r --name-status HEAD %s", a),
			    "M\t" NESTED);
	assert_string_equal(sh("git rev-parse %s^ refs/autoexp/t/0001 | tr '\\n' ' '", a),
			    sh("echo $(git rev-parse HEAD) %s' '", a));
	assert_string_equal(sh("git show %s:" NESTED " | od -An -c | tr -d ' '", a),
			    "lr:0.2\\r\\n");
	make(repo, 2, a, "eval.sh", "", "empty it", b);
	assert_string_equal(sh("git ls-tree %s eval.sh | cut -c1-6", b), "100755");
	assert_string_equal(sh("git cat-file -s %s:eval.sh", b), "0");
	assert_string_equal(sh("git fsck --strict --no-dangling 2>&1"), "");
}

static void commit_without_edit_changes_nothing(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char a[COMMIT_HEX + 1], b[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	make(repo, 1, head(), "train.py", NULL, "no valid edit", a);
	make(repo, 2, head(), "train.py", NULL, "no valid edit", b);
	assert_string_not_equal(a, b);
	assert_string_equal(sh("git rev-parse %s^{tree}", a),
			    sh("git rev-parse HEAD^{tree}"));
	assert_string_equal(sh("git log -1 --format=%%B %s", b),
			    "no valid edit\n\nAutoexp-Experiment: t/0002");
}

static void messages_are_made_harmless(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
		{ "plain", "plain" },
		{ "  \n\n a\tb\r\n c \n\n", "a b\n c" },
		{ "\033[31mred\033[0m\a\177", "[31mred[0m" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		  "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "bad \xff\xc3 \xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80",
		  "bad ?? ?? ??? ????" },
		{ "bidi \xe2\x80\xae"
		  "x\xe2\x81\xa6 nel \xc2\x85.",
		  "bidi x nel ." },
		{ "", "no description" },
		{ "\001\n", "no description" },
	};
	cleanup_repo struct repo *repo = NULL;
	cleanup_free char *huge = malloc(100001);
	char hex[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		char want[256];

		make(repo, i, head(), "train.py", NULL, table[i].in, hex);
		snprintf(want, sizeof(want), "%s\n\nAutoexp-Experiment: t/%04u",
			 table[i].out, i);
		assert_string_equal(sh("git log -1 --format=%%B %s", hex), want);
	}
	memset(huge, 'x', 100000);
	huge[100000] = '\0';
	make(repo, 99, head(), "train.py", NULL, huge, hex);
	assert_in_range(atoi(sh("git cat-file -s %s", hex)), 8192, 8700);
}

static void author_is_the_user_else_the_program(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char hex[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	make(repo, 1, head(), "train.py", NULL, "m", hex);
	assert_string_equal(sh("git log -1 --format='%%an <%%ae> %%cn' %s", hex),
			    "Ada <ada@example.org> Ada");
	sh("git config --unset user.name; git config --unset user.email");
	make(repo, 2, head(), "train.py", NULL, "m", hex);
	assert_string_equal(sh("git log -1 --format='%%an <%%ae>' %s", hex),
			    "autoexp <autoexp@localhost>");
}

static void wrong_experiments_are_refused(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char hex[COMMIT_HEX + 1];
	struct commit_spec spec = { .tag = "t",
				    .number = 1,
				    .content = "x",
				    .len = 1,
				    .message = "m",
				    .path = "train.py" };

	(void)state;
	scratch_commit();
	spec.parent = head();
	repo = scratch_open();
	make(repo, 1, head(), "train.py", "x", "m", hex);
	assert_err(commit_experiment(repo, &spec, hex, &err), -EEXIST,
		   "refs/autoexp/t/0001");
	spec.number = 2;
	spec.path = "none.py";
	assert_err(commit_experiment(repo, &spec, hex, &err), -ENOENT, "none.py");
	spec.path = "src/deep";
	assert_err(commit_experiment(repo, &spec, hex, &err), -ENOENT, "src/deep");
	spec.parent = "0123456789012345678901234567890123456789";
	assert_err(commit_experiment(repo, &spec, hex, &err), -ENOENT, "0123456789");
	assert_err(commit_lookup(repo, "t", 2, hex, &err), -ENOENT, "0002");
	assert_string_equal(sh("git fsck --strict 2>&1"), "");
}

static void experiments_are_listed_and_dropped(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	cleanup_free struct commit_ref *list = NULL;
	char hex[3][COMMIT_HEX + 1], found[COMMIT_HEX + 1];
	static const unsigned numbers[] = { 10000, 2, 1 };
	size_t n = 99;

	(void)state;
	scratch_commit();
	repo = scratch_open();
	assert_ok(commit_list(repo, "t", &list, &n, &err));
	assert_int_equal(n, 0);
	for (unsigned i = 0; i < 3; i++)
		make(repo, numbers[i], head(), "train.py", "y", "m", hex[i]);
	sh("git update-ref refs/autoexp/t/other HEAD && git update-ref "
	   "refs/autoexp/t2/0007 HEAD "
	   "&& git pack-refs --all");
	assert_ok(commit_list(repo, "t", &list, &n, &err));
	assert_int_equal(n, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(list[i].number, numbers[2 - i]);
		assert_string_equal(list[i].hex, hex[2 - i]);
	}
	assert_err(commit_drop(repo, "t", 2, hex[0], &err), -ESTALE, "0002");
	assert_ok(commit_drop(repo, "t", 2, hex[1], &err));
	assert_err(commit_drop(repo, "t", 2, hex[1], &err), -ENOENT, "0002");
	assert_ok(commit_lookup(repo, "t", 10000, found, &err));
	assert_string_equal(found, hex[0]);
}

static void tags_are_what_git_accepts(void **state)
{
	static const struct {
		const char *tag;
		int r;
	} table[] = {
		{ "a", 0 },
		{ "train.py-2026-01-01", 0 },
		{ "A_b.C-9", 0 },
		{ "a.locked", 0 },
		{ "", -EINVAL },
		{ ".a", -EINVAL },
		{ "-a", -EINVAL },
		{ "a.", -EINVAL },
		{ "a..b", -EINVAL },
		{ "a.lock", -EINVAL },
		{ "a/b", -EINVAL },
		{ "a b", -EINVAL },
		{ "a~1", -EINVAL },
		{ "\xc3\xa4", -EINVAL },
		{ "0123456789012345678901234567890123456789012345678901234567890123", 0 },
		{ "01234567890123456789012345678901234567890123456789012345678901234",
		  -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (tag_check(table[i].tag, &err) != table[i].r)
			fail_msg("\"%s\"", table[i].tag);
		if (table[i].r == 0)
			sh("git check-ref-format 'refs/heads/autoexp/%s'", table[i].tag);
	}
}

static void branch_starts_once(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	cleanup_strv char **tags = NULL;
	char tip[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	assert_err(branch_tip(repo, "t", tip, &err), -ENOENT, "autoexp/t");
	assert_ok(branch_create(repo, "t", head(), &err));
	assert_ok(branch_tip(repo, "t", tip, &err));
	assert_string_equal(tip, head());
	assert_err(branch_create(repo, "t", head(), &err), -EEXIST, "autoexp/t");
	assert_err(branch_create(repo, "t/x", head(), &err), -EINVAL, "t/x");
	sh("git branch autoexp/deep/er && git branch autoexp/aa");
	assert_err(branch_create(repo, "deep", head(), &err), -ENOTDIR,
		   "autoexp/deep/er");
	assert_ok(branch_list(repo, &tags, &err));
	assert_int_equal(strv_len(tags), 2);
	assert_string_equal(tags[0], "aa");
	assert_string_equal(tags[1], "t");
	sh("git branch -D -q autoexp/t autoexp/deep/er autoexp/aa && git branch autoexp");
	assert_err(branch_create(repo, "t", head(), &err), -ENOTDIR, "\"autoexp\"",
		   "git branch -m autoexp");
}

static void branch_moves_by_compare_and_swap(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char a[COMMIT_HEX + 1], b[COMMIT_HEX + 1], tip[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	assert_ok(branch_create(repo, "t", head(), &err));
	make(repo, 1, head(), "train.py", "x = 3\n", "three", a);
	make(repo, 2, a, "train.py", "x = 4\n", "four", b);
	assert_ok(branch_advance(repo, "t", head(), a, &err));
	assert_ok(branch_advance(repo, "t", head(), a, &err));
	assert_ok(branch_tip(repo, "t", tip, &err));
	assert_string_equal(tip, a);
	assert_err(branch_advance(repo, "t", head(), b, &err), -ESTALE,
		   "git branch -f autoexp/t");
	sh("git update-ref refs/heads/autoexp/t HEAD");
	assert_err(branch_advance(repo, "t", a, b, &err), -ESTALE, "somebody moved it");
	assert_string_equal(sh("git rev-parse autoexp/t"), head());
	sh("git update-ref -d refs/heads/autoexp/t");
	assert_err(branch_advance(repo, "t", a, b, &err), -ENOENT, "autoexp/t");
}

static void branch_checked_out_is_left_alone(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char a[COMMIT_HEX + 1], where[PATH_MAX + 16];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	assert_ok(branch_create(repo, "t", head(), &err));
	make(repo, 1, head(), "train.py", "x = 3\n", "three", a);
	sh("git worktree add -q ../tree autoexp/t");
	snprintf(where, sizeof(where), "%s/tree", scratch_top);
	memset(&err, 0, sizeof(err));
	assert_int_equal(branch_advance(repo, "t", head(), a, &err), -EBUSY);
	assert_non_null(strstr(err.msg, where));
	sh("git worktree remove ../tree && git checkout -q autoexp/t");
	assert_err(branch_check_free(repo, "t", &err), -EBUSY, "main working tree");
	sh("git checkout -q --detach && mkdir .git/rebase-merge && "
	   "echo refs/heads/autoexp/t > .git/rebase-merge/head-name");
	assert_err(branch_advance(repo, "t", head(), a, &err), -EBUSY,
		   "main working tree");
	sh("rm -r .git/rebase-merge && git checkout -q main");
	assert_ok(branch_advance(repo, "t", head(), a, &err));
	sh("git symbolic-ref HEAD refs/heads/autoexp/new");
	assert_err(branch_create(repo, "new", a, &err), -EBUSY, "main working tree");
	sh("git symbolic-ref HEAD refs/heads/main");
}

static void locks_of_a_killed_supervisor_are_removed(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char a[COMMIT_HEX + 1];
	struct commit_spec spec = {
		.tag = "t", .number = 2, .message = "m", .path = "train.py", .parent = a
	};

	(void)state;
	scratch_commit();
	repo = scratch_open();
	assert_ok(branch_create(repo, "t", head(), &err));
	make(repo, 1, head(), "train.py", "x = 3\n", "three", a);
	sh("touch .git/refs/autoexp/t/0002.lock .git/refs/heads/autoexp/t.lock "
	   ".git/packed-refs.lock");
	assert_err(commit_experiment(repo, &spec, a, &err), -EBUSY, "0002.lock");
	assert_err(branch_advance(repo, "t", head(), a, &err), -EBUSY, "autoexp/t.lock");
	assert_ok(branch_recover(repo, "t", &err));
	assert_ok(commit_experiment(repo, &spec, a, &err));
	assert_ok(branch_advance(repo, "t", head(), a, &err));
	assert_ok(branch_recover(repo, "t", &err));
	assert_ok(branch_recover(repo, "unknown", &err));
	sh("git pack-refs --all");
}

static void old_litter_among_the_packs_is_removed(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char a[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	assert_ok(branch_create(repo, "t", head(), &err));
	make(repo, 1, head(), "train.py", "x = 3\n", "three", a);
	/* Others may be writing the young ones. */
	sh("cd .git/objects/pack && touch -d '2 days ago' pack_git2_00 "
	   "pack_git2_00idx.lock "
	   "pack-00.idx && touch pack_git2_01 pack-01.idx && touch -d '2 days ago' "
	   "*.pack");
	assert_ok(branch_recover(repo, "t", &err));
	sh("cd .git/objects/pack && ls pack_git2_01 pack-01.idx && "
	   "test -z \"$(ls -d pack_git2_00* pack-00.idx 2>/dev/null)\" && "
	   "rm pack_git2_01 pack-01.idx && git fsck --strict");
}

static void diff_shows_what_changed(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	char a[COMMIT_HEX + 1], b[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	make(repo, 1, head(), NESTED, "lr: 0.2", "m", a);
	assert_ok(diff_commits(repo, head(), a, NESTED, &text, &err));
	assert_true(text.len > 0 && text.data[text.len - 1] == '\n');
	text.data[text.len - 1] = '\0';
	assert_string_equal(text.data, sh("git diff HEAD %s", a));
	buf_clear(&text);
	assert_ok(diff_commits(repo, head(), a, "train.py", &text, &err));
	assert_string_equal(buf_str(&text), "");
	make(repo, 2, a, "train.py", NULL, "m", b);
	assert_ok(diff_commits(repo, a, b, "train.py", &text, &err));
	assert_string_equal(buf_str(&text), "");
	assert_err(diff_commits(repo, a, b, "none", &text, &err), -ENOENT, "none");
	assert_err(diff_commits(repo, a, b, "src", &text, &err), -ENOENT, "src");
}

/* Everything in a repository that makes git run a program, each leaving a file if it ran.
 */
static void set_traps(void)
{
	sh("printf '#!/bin/sh\\necho \"$0\" >> %s/ran\\nexit 1\\n' > ../trap && chmod +x "
	   "../trap && "
	   "mkdir -p .git/hooks ../hooks && for h in pre-commit commit-msg post-commit "
	   "post-checkout reference-transaction post-index-change fsmonitor-watchman "
	   "prepare-commit-msg post-rewrite pre-auto-gc; do "
	   "cp ../trap .git/hooks/$h; cp ../trap ../hooks/$h; done && "
	   "cat >> .git/config <<X\n"
	   "[core]\nhooksPath = %s/hooks\nfsmonitor = %s/trap\nsshCommand = %s/trap\n"
	   "pager = %s/trap\neditor = %s/trap\n"
	   "[filter \"x\"]\nclean = %s/trap\nsmudge = %s/trap\nprocess = "
	   "%s/trap\nrequired = true\n"
	   "[diff \"x\"]\ncommand = %s/trap\ntextconv = %s/trap\n"
	   "[diff]\nexternal = %s/trap\n"
	   "[commit]\ngpgsign = true\n[gpg]\nprogram = %s/trap\nX",
	   scratch_top, scratch_top, scratch_top, scratch_top, scratch_top, scratch_top,
	   scratch_top, scratch_top, scratch_top, scratch_top, scratch_top, scratch_top,
	   scratch_top);
}

#define SNAPSHOT                                                                         \
	"sha256sum .git/index .git/HEAD && GIT_OPTIONAL_LOCKS=0 git status --porcelain " \
	"&& "                                                                            \
	"git rev-parse HEAD main && cat train.py && stat -c '%%Y %%Z %%n' train.py "     \
	".git/index"

static void nothing_of_the_user_is_touched_and_nothing_runs(void **state)
{
	struct checkout_mount mount = { .path = "build", .dir = true, .scratch = true };
	cleanup_repo struct repo *repo = NULL;
	cleanup_free char *before = NULL;
	cleanup_free char *what = NULL;
	cleanup_strv char **dirty = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	char *const paths[] = { "train.py", "eval.sh", NULL };
	char a[COMMIT_HEX + 1], dir[PATH_MAX + 32], target[PATH_MAX + 32];
	struct repo_target t;

	(void)state;
	scratch_commit();
	sh("printf '* filter=x diff=x\\n*.py text eol=crlf\\n' "
	   "> .gitattributes && git add -A && git commit -q -m attributes");
	sh("cp .git/config ../config && printf 'dirty\\n' >> train.py && touch staged "
	   "other && "
	   "git add staged && cp -a .git/hooks ../hooks-before");
	before = strdup(sh(SNAPSHOT));
	set_traps();

	snprintf(dir, sizeof(dir), "%s/co", scratch_top);
	snprintf(target, sizeof(target), "%s/train.py", scratch_repo);
	repo = scratch_open();
	assert_ok(repo_check_target(repo, target, &t, &err));
	repo_target_done(&t);
	assert_ok(repo_dirty(repo, paths, &dirty, &err));
	assert_int_equal(strv_len(dirty), 1);
	assert_ok(repo_head(repo, a, NULL, &err));
	assert_ok(branch_create(repo, "t", a, &err));
	assert_ok(checkout_make(repo, a, dir, &mount, 1, &err));
	assert_ok(checkout_verify(a, dir, &what, &err));
	assert_null(what);
	for (unsigned i = 1; i <= 40; i++) {
		char tip[COMMIT_HEX + 1], line[32];

		assert_ok(branch_tip(repo, "t", tip, &err));
		snprintf(line, sizeof(line), "x = %u\n", i);
		make(repo, i, tip, "train.py", line, "m", a);
		assert_ok(diff_commits(repo, tip, a, "train.py", &text, &err));
		assert_ok(branch_advance(repo, "t", tip, a, &err));
		assert_ok(commit_tidy(repo, i == 40 ? 64 : i, &err));
	}
	assert_string_equal(sh("cat ../ran 2>/dev/null || true"), "");
	sh("cp ../config .git/config && rm -r .git/hooks && cp -a ../hooks-before "
	   ".git/hooks");
	assert_string_equal(sh(SNAPSHOT), before);
	assert_string_equal(sh("cat %s/train.py", dir), "x = 1");

	/* The traps do work: git itself steps on them. */
	set_traps();
	sh("git status >/dev/null 2>&1; test -s ../ran");
}

static void long_campaign_keeps_git_quick_and_sound(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	cleanup_free struct commit_ref *list = NULL;
	char tip[COMMIT_HEX + 1], hex[COMMIT_HEX + 1], text[64];
	size_t n, fds = 0;
	uint64_t cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);

	(void)state;
	scratch_commit();
	repo = scratch_open();
	assert_ok(repo_head(repo, tip, NULL, &err));
	assert_ok(branch_create(repo, "t", tip, &err));
	for (unsigned i = 0; i <= 140; i++) {
		snprintf(text, sizeof(text), "lr: %u\n", i);
		make(repo, i, tip, NESTED, i % 5 ? text : NULL, "m", hex);
		if (i % 3 == 0) {
			assert_ok(branch_advance(repo, "t", tip, hex, &err));
			memcpy(tip, hex, sizeof(tip));
		}
		assert_ok(commit_tidy(repo, i, &err));
		if (i == 40)
			fds = (size_t)atoi(sh("ls /proc/%d/fd | wc -l", getpid()));
	}
	cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	print_message("[     info ] %" PRIu64 " us of CPU time per experiment\n",
		      cpu / 141);
	assert_in_range(atoi(sh("ls .git/objects/pack/*.pack | wc -l")), 1, 4 + 32);
	assert_in_range(atoi(sh("find .git/refs/autoexp -type f | wc -l")), 1, 18);
	assert_in_range(atoi(sh("ls /proc/%d/fd | wc -l", getpid())), 1, fds + 20);
	assert_ok(commit_list(repo, "t", &list, &n, &err));
	assert_int_equal(n, 141);
	assert_string_equal(sh("git fsck --strict --no-dangling 2>&1"), "");
	assert_string_equal(sh("git rev-parse autoexp/t"), tip);
	assert_string_equal(sh("git rev-list --count autoexp/t"), "48");

	/* The user's own housekeeping loses nothing. */
	sh("git -c gc.auto=1 gc -q --prune=now");
	for (size_t i = 0; i < n; i++)
		assert_int_equal(repo_has_commit(repo, list[i].hex, &err), 1);
	make(repo, 141, tip, NESTED, "lr: 7\n", "m", hex);
	assert_string_equal(sh("git fsck --strict --no-dangling 2>&1"), "");
}

/* One experiment and its keep, @argv[2] times, for strace to count. */
static int run_counted(const char *times)
{
	cleanup_repo struct repo *repo = NULL;
	char tip[COMMIT_HEX + 1], hex[COMMIT_HEX + 1], text[64];
	struct sbx_err e = { 0 };
	int r;

	r = repo_open(".", &repo, &e);
	if (r == 0)
		r = branch_tip(repo, "t", tip, &e);
	for (unsigned i = 1; r == 0 && i <= (unsigned)atoi(times); i++) {
		struct commit_spec spec = { .tag = "t",
					    .number = i,
					    .parent = tip,
					    .path = NESTED,
					    .content = text,
					    .message = "m" };

		spec.len = (size_t)snprintf(text, sizeof(text), "lr: %u\n", i);
		r = commit_experiment(repo, &spec, hex, &e);
		if (r == 0)
			r = branch_advance(repo, "t", tip, hex, &e);
		if (r == 0)
			r = commit_tidy(repo, i, &e);
		memcpy(tip, hex, sizeof(tip));
	}
	return r < 0;
}

static int count_syncs(const char *self, int times)
{
	sh("git update-ref refs/heads/autoexp/t HEAD && rm -rf .git/refs/autoexp/t && "
	   "mkdir -p .git/refs/autoexp/t && ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "
	   "../trace -e trace="
	   "fsync,fdatasync,sync,syncfs,sync_file_range '%s' --counted %d",
	   self, times);
	return atoi(sh("grep -c sync ../trace"));
}

static void experiment_costs_few_syncs(void **state)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int one, eleven;

	(void)state;
	assert_true(n > 0);
	self[n] = '\0';
	scratch_commit();
	if (system("strace -qq -o /dev/null true 2>/dev/null") != 0)
		skip(); /* no strace, or not allowed to trace */
	one = count_syncs(self, 1);
	eleven = count_syncs(self, 11);
	print_message("[     info ] %d syncs for an experiment that is kept\n",
		      (eleven - one) / 10);
	assert_int_equal((eleven - one) % 10, 0);
	assert_in_range((eleven - one) / 10, 6, 10);
}

#define scratch_test(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		scratch_test(commit_changes_only_the_target),
		scratch_test(commit_without_edit_changes_nothing),
		scratch_test(messages_are_made_harmless),
		scratch_test(author_is_the_user_else_the_program),
		scratch_test(wrong_experiments_are_refused),
		scratch_test(experiments_are_listed_and_dropped),
		scratch_test(tags_are_what_git_accepts),
		scratch_test(branch_starts_once),
		scratch_test(branch_moves_by_compare_and_swap),
		scratch_test(branch_checked_out_is_left_alone),
		scratch_test(locks_of_a_killed_supervisor_are_removed),
		scratch_test(old_litter_among_the_packs_is_removed),
		scratch_test(diff_shows_what_changed),
		scratch_test(nothing_of_the_user_is_touched_and_nothing_runs),
		scratch_test(long_campaign_keeps_git_quick_and_sound),
		scratch_test(experiment_costs_few_syncs),
	};

	if (argc == 3 && streq(argv[1], "--counted"))
		return run_counted(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
