/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Opening a repository, naming its paths, and the questions asked before a start.
 */

#include "scratch-repo.h"

#include "repo/check.h"

static struct sbx_err err;

static void opens_from_a_nested_directory(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	cleanup_free char *branch = NULL;
	char path[PATH_MAX + 32], hex[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	snprintf(path, sizeof(path), "%s/src/deep/er/conf.yaml", scratch_repo);
	assert_ok(repo_open(path, &repo, &err));
	assert_string_equal(repo_workdir(repo), scratch_repo);
	snprintf(path, sizeof(path), "%s/.git", scratch_repo);
	assert_string_equal(repo_common_dir(repo), path);
	assert_ok(repo_head(repo, hex, &branch, &err));
	assert_string_equal(hex, sh("git rev-parse HEAD"));
	assert_string_equal(branch, "main");
	assert_int_equal(repo_has_commit(repo, hex, &err), 1);
	assert_int_equal(
		repo_has_commit(repo, "0123456789012345678901234567890123456789", &err),
		0);
	assert_int_equal(repo_has_commit(repo, "main", &err), 0);
}

static void detached_head_has_no_branch(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char *branch = scratch_top, hex[COMMIT_HEX + 1];

	(void)state;
	scratch_commit();
	sh("git checkout -q --detach");
	repo = scratch_open();
	assert_ok(repo_head(repo, hex, &branch, &err));
	assert_null(branch);
}

static void symlinked_repository_is_found_at_its_real_path(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	cleanup_free char *rel = NULL;
	char path[PATH_MAX + 64];

	(void)state;
	scratch_commit();
	sh("ln -s repo ../alias");
	snprintf(path, sizeof(path), "%s/alias/src", scratch_top);
	assert_ok(repo_open(path, &repo, &err));
	assert_string_equal(repo_workdir(repo), scratch_repo);
	snprintf(path, sizeof(path), "%s/alias/src/deep/er/conf.yaml", scratch_top);
	assert_ok(repo_relpath(repo, path, &rel, &err));
	assert_string_equal(rel, "src/deep/er/conf.yaml");
}

static void linked_worktree_shares_the_common_directory(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	char path[PATH_MAX + 32];

	(void)state;
	scratch_commit();
	sh("git worktree add -q ../tree -b side");
	snprintf(path, sizeof(path), "%s/tree/src", scratch_top);
	assert_ok(repo_open(path, &repo, &err));
	snprintf(path, sizeof(path), "%s/tree", scratch_top);
	assert_string_equal(repo_workdir(repo), path);
	snprintf(path, sizeof(path), "%s/.git", scratch_repo);
	assert_string_equal(repo_common_dir(repo), path);
}

static void git_dir_in_the_environment_is_ignored(void **state)
{
	cleanup_repo struct repo *repo = NULL;

	(void)state;
	scratch_commit();
	setenv("GIT_DIR", "/nonexistent", 1);
	repo = scratch_open();
	unsetenv("GIT_DIR");
	assert_string_equal(repo_workdir(repo), scratch_repo);
}

static void what_is_no_working_tree_is_refused(void **state)
{
	struct repo *repo = NULL;
	char path[PATH_MAX + 32];

	(void)state;
	assert_err(repo_open(scratch_repo, &repo, &err), -ENODATA, "no commit",
		   "git commit");
	scratch_commit();
	sh("git clone -q --bare . ../bare.git && mkdir ../plain");
	snprintf(path, sizeof(path), "%s/bare.git", scratch_top);
	assert_err(repo_open(path, &repo, &err), -EINVAL, "bare");
	snprintf(path, sizeof(path), "%s/plain", scratch_top);
	assert_err(repo_open(path, &repo, &err), -ENOENT, "not in a git repository",
		   "git init");
	snprintf(path, sizeof(path), "%s/.git/objects", scratch_repo);
	assert_err(repo_open(path, &repo, &err), -EINVAL, "inside git's own directory");
	snprintf(path, sizeof(path), "%s/nowhere", scratch_top);
	assert_err(repo_open(path, &repo, &err), -ENOENT, "nowhere");
	sh("git init -q --object-format=sha256 ../sha256");
	snprintf(path, sizeof(path), "%s/sha256", scratch_top);
	assert_err(repo_open(path, &repo, &err), -ENOTSUP, "libgit2", "objectformat");
	assert_null(repo);
}

/* `git sparse-checkout` and `git clone --filter` switch these on; nothing here depends on
 * them. */
static void harmless_format_extensions_are_accepted(void **state)
{
	cleanup_repo struct repo *repo = NULL;

	(void)state;
	scratch_commit();
	sh("git config core.repositoryFormatVersion 1 && git config "
	   "extensions.worktreeConfig true"
	   " && git config extensions.partialClone origin");
	repo = scratch_open();
	assert_string_equal(repo_workdir(repo), scratch_repo);
}

static void repository_of_another_user_is_refused(void **state)
{
	struct repo *repo = NULL;

	(void)state;
	if (geteuid() != 0)
		skip();
	scratch_commit();
	sh("chown -R 12345:12345 .");
	assert_err(repo_open(scratch_repo, &repo, &err), -EPERM, "another user",
		   "git config --global --add safe.directory");
	assert_null(repo);
}

static void paths_are_named_as_git_names_them(void **state)
{
	static const struct {
		const char *below, *rel;
		int r;
	} table[] = {
		{ "/repo/train.py", "train.py", 0 },
		{ "/repo", "", 0 },
		{ "/repo//src/./deep//er/", "src/deep/er", 0 },
		{ "/repo/new/file", "new/file", 0 },
		{ "/repo/src/../train.py", "train.py", 0 },
		{ "/repo/train.py/below", "train.py/below", 0 },
		{ "/repo/link-in/er/conf.yaml", "src/deep/er/conf.yaml", 0 },
		{ "/repo/link-file", "link-file", 0 },
		{ "/repo/.gitignore", ".gitignore", 0 },
		{ "/repo/none/../../x", NULL, -EINVAL },
		{ "/repo/.git/config", NULL, -EINVAL },
		{ "/repo/.git", NULL, -EINVAL },
		{ "/repo/link-out/x", NULL, -EXDEV },
		{ "/repository", NULL, -EXDEV },
		{ "/repo/..", NULL, -EINVAL },
		{ "/other", NULL, -EXDEV },
		{ "", NULL, -EXDEV },
	};
	cleanup_repo struct repo *repo = NULL;

	(void)state;
	scratch_commit();
	sh("ln -s src/deep link-in && ln -s .. link-out && ln -s train.py link-file");
	repo = scratch_open();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		cleanup_free char *rel = NULL;
		char path[PATH_MAX + 64];
		int r;

		snprintf(path, sizeof(path), "%s%s", scratch_top, table[i].below);
		r = repo_relpath(repo, path, &rel, NULL);
		if (r != table[i].r)
			fail_msg("%s: %d instead of %d", path, r, table[i].r);
		if (r == 0)
			assert_string_equal(rel, table[i].rel);
	}
	assert_err(repo_relpath(repo, "train.py", &(char *){ NULL }, &err), -EINVAL,
		   "absolute");
}

static void target_is_a_file_of_head(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	struct repo_target t;
	char path[PATH_MAX + 64];

	(void)state;
	scratch_commit();
	repo = scratch_open();
	snprintf(path, sizeof(path), "%s/src/deep/er/conf.yaml", scratch_repo);
	assert_ok(repo_check_target(repo, path, &t, &err));
	assert_string_equal(t.path, "src/deep/er/conf.yaml");
	assert_string_equal(t.blob, sh("git rev-parse HEAD:src/deep/er/conf.yaml"));
	assert_int_equal(t.size, 8);
	assert_false(t.executable);
	repo_target_done(&t);
	snprintf(path, sizeof(path), "%s/eval.sh", scratch_repo);
	assert_ok(repo_check_target(repo, path, &t, &err));
	assert_true(t.executable);
	repo_target_done(&t);
}

static void every_other_target_is_refused_with_its_remedy(void **state)
{
	static const struct {
		const char *name;
		int r;
		const char *word, *remedy;
	} table[] = {
		{ "missing.py", -ENOENT, "does not exist", "" },
		{ "new.py", -ENODATA, "not in git", "git add new.py && git commit" },
		{ "staged.py", -ENODATA, "staged", "git commit" },
		{ "ignored.py", -ENODATA, "ignored",
		  "git add -f ignored.py && git commit" },
		{ "link.py", -ELOOP, "symbolic link", "" },
		{ "newlink.py", -ELOOP, "symbolic link", "" },
		{ "src", -EISDIR, "directory", "" },
		{ "", -EISDIR, "directory", "" },
		{ "newdir", -EISDIR, "directory", "" },
		{ "fifo", -ENOTSUP, "FIFO", "" },
		{ "module", -ENOTSUP, "submodule", "" },
		{ "module/f", -ENOTSUP, "inside the submodule module", "cd module" },
		{ "../outside.py", -EXDEV, "outside", "" },
	};
	cleanup_repo struct repo *repo = NULL;
	struct repo_target t = { 0 };

	(void)state;
	scratch_commit();
	sh("git init -q -b main ../other && cd ../other && echo 1 > f && git add f && "
	   "git -c user.name=B -c user.email=b@b commit -q -m one");
	sh("git -c protocol.file.allow=always submodule --quiet add ../other module && "
	   "ln -s train.py link.py && echo ignored.py > .gitignore && git add -A && "
	   "git commit -q -m more");
	sh("touch new.py staged.py ignored.py ../outside.py && git add staged.py && "
	   "ln -s train.py newlink.py && mkdir newdir && mkfifo fifo");
	repo = scratch_open();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char path[PATH_MAX + 64];
		int r;

		snprintf(path, sizeof(path), "%s/%s", scratch_repo, table[i].name);
		memset(&err, 0, sizeof(err));
		r = repo_check_target(repo, path, &t, &err);
		if (r != table[i].r || !strstr(err.msg, table[i].word) ||
		    !strstr(err.msg, table[i].remedy))
			fail_msg("\"%s\": %d: %s", table[i].name, r, err.msg);
		assert_null(t.path);
	}
}

static void commits_are_looked_into_raw(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	enum repo_kind kind;

	(void)state;
	scratch_commit();
	sh("printf '*.txt eol=crlf ident filter=x\\n' > .gitattributes && "
	   "printf 'a $Id$\\n' > a.txt && ln -s a.txt l && git add -A && git commit -q "
	   "-m text && "
	   "echo changed > a.txt");
	repo = scratch_open();
	assert_ok(repo_read(repo, NULL, "a.txt", 100, &text, &err));
	assert_string_equal(buf_str(&text), "a $Id$\n");
	assert_err(repo_read(repo, NULL, "a.txt", 3, &text, &err), -EFBIG, "7 bytes");
	assert_err(repo_read(repo, NULL, "b.txt", 3, &text, &err), -ENOENT, "b.txt");
	assert_err(repo_read(repo, NULL, "src", 3, &text, &err), -EISDIR, "src");
	assert_err(repo_read(repo, "zz", "src", 3, &text, &err), -EINVAL, "zz");
	assert_ok(repo_has_path(repo, NULL, "l", &kind, &err));
	assert_int_equal(kind, REPO_SYMLINK);
	assert_ok(repo_has_path(repo, NULL, "eval.sh", &kind, &err));
	assert_int_equal(kind, REPO_EXECUTABLE);
	assert_ok(repo_has_path(repo, NULL, "src/deep", &kind, &err));
	assert_int_equal(kind, REPO_DIR);
	assert_ok(repo_has_path(repo, NULL, "src/none/x", &kind, &err));
	assert_int_equal(kind, REPO_ABSENT);
	assert_ok(repo_has_path(repo, sh("git rev-parse HEAD~1"), "a.txt", &kind, &err));
	assert_int_equal(kind, REPO_ABSENT);
}

static void differing_files_are_named(void **state)
{
	char *const paths[] = { "train.py", "eval.sh", "crlf.txt", "gone.py",
				"typed.py", "src",     "unknown",  NULL };
	cleanup_repo struct repo *repo = NULL;
	cleanup_strv char **dirty = NULL;

	(void)state;
	scratch_commit();
	sh("printf '*.txt text\\n' > .gitattributes && printf 'a\\n' > crlf.txt && "
	   "touch gone.py typed.py && git add -A && git commit -q -m more && "
	   "printf 'a\\r\\n' > crlf.txt && rm gone.py typed.py && ln -s train.py "
	   "typed.py && "
	   "printf 'x = 2\\n' > train.py && touch unknown");
	repo = scratch_open();
	assert_ok(repo_dirty(repo, paths, &dirty, &err));
	assert_int_equal(strv_len(dirty), 3);
	assert_true(strv_has(dirty, "train.py"));
	assert_true(strv_has(dirty, "gone.py"));
	assert_true(strv_has(dirty, "typed.py"));
}

static void lfs_files_and_submodules_are_named(void **state)
{
	cleanup_repo struct repo *repo = NULL;
	cleanup_strv char **lfs = NULL;
	cleanup_strv char **modules = NULL;

	(void)state;
	scratch_commit();
	sh("mkdir -p data && printf '*.bin filter=lfs diff=lfs -text\\n' > "
	   "data/.gitattributes && "
	   "printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:00\\nsize "
	   "9\\n' "
	   "> data/w.bin && printf 'version 1\\n' > data/v.bin && git add -A && "
	   "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),ext/mod && "
	   "git commit -q -m lfs");
	repo = scratch_open();
	assert_ok(repo_list_absent(repo, NULL, &lfs, &modules, &err));
	assert_int_equal(strv_len(lfs), 1);
	assert_string_equal(lfs[0], "data/w.bin");
	assert_int_equal(strv_len(modules), 1);
	assert_string_equal(modules[0], "ext/mod");
}

static void exclude_gets_its_line_once(void **state)
{
	cleanup_repo struct repo *repo = NULL;

	(void)state;
	scratch_commit();
	sh("printf '*.o\\n/.autoexp/x' > .git/info/exclude && chmod 640 "
	   ".git/info/exclude");
	repo = scratch_open();
	assert_ok(repo_exclude(repo, &err));
	assert_ok(repo_exclude(repo, &err));
	assert_string_equal(sh("cat .git/info/exclude"), "*.o\n/.autoexp/x\n/.autoexp/");
	assert_string_equal(sh("stat -c %%a .git/info/exclude"), "640");
	sh("mkdir .autoexp && touch .autoexp/f");
	assert_string_equal(sh("git status --porcelain"), "");

	sh("rm -r .git/info && mkdir ../dots");
	assert_ok(repo_exclude(repo, &err));
	assert_string_equal(sh("cat .git/info/exclude"), "/.autoexp/");
	sh("printf 'mine\\n' > ../dots/exclude && ln -sf ../../../dots/exclude "
	   ".git/info/exclude");
	assert_ok(repo_exclude(repo, &err));
	assert_string_equal(sh("test -L .git/info/exclude && cat ../dots/exclude"),
			    "mine\n/.autoexp/");
}

#define scratch_test(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(opens_from_a_nested_directory),
		scratch_test(detached_head_has_no_branch),
		scratch_test(symlinked_repository_is_found_at_its_real_path),
		scratch_test(linked_worktree_shares_the_common_directory),
		scratch_test(git_dir_in_the_environment_is_ignored),
		scratch_test(what_is_no_working_tree_is_refused),
		scratch_test(harmless_format_extensions_are_accepted),
		scratch_test(repository_of_another_user_is_refused),
		scratch_test(paths_are_named_as_git_names_them),
		scratch_test(target_is_a_file_of_head),
		scratch_test(every_other_target_is_refused_with_its_remedy),
		scratch_test(commits_are_looked_into_raw),
		scratch_test(differing_files_are_named),
		scratch_test(lfs_files_and_submodules_are_named),
		scratch_test(exclude_gets_its_line_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
