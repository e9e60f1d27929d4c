/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Policies from files: default.yaml is the built-in policy, keys override one by one, and
 * what is wrong is named with its place. POLICY_DIR is the folder of the shipped
 * policies.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strv.h"
#include "policy-load.h"
#include "policy.h"

static char dir[] = "/tmp/autoexp-policy-XXXXXX";

static int make_dir(void **state attr_unused)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state attr_unused)
{
	return dir_remove(AT_FDCWD, dir);
}

static void assert_same(const struct sbx_policy *a, const struct sbx_policy *b)
{
	assert_string_equal(a->name, b->name);
	assert_memory_equal(a->limits, b->limits, sizeof(a->limits));
	assert_string_equal(a->cpuset, b->cpuset);
	assert_int_equal(strv_len(a->system), strv_len(b->system));
	for (size_t i = 0; a->system[i]; i++)
		assert_string_equal(a->system[i], b->system[i]);
	assert_int_equal(a->network, b->network);
	assert_int_equal(a->target, b->target);
	assert_int_equal(a->soft, b->soft);
}

static void default_yaml_is_the_built_in_policy(void **state attr_unused)
{
	struct sbx_policy *file = NULL, *built_in = NULL;
	struct sbx_err err = { 0 };

	if (policy_load("default", POLICY_DIR, &file, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(policy_new(&built_in), 0);
	assert_same(file, built_in);
	policy_free(file);
	policy_free(built_in);
}

/* Every default that exists is spelled out, so that changing one shows in both places. */
static void default_yaml_writes_every_default(void **state attr_unused)
{
	cleanup_yaml struct yaml_tree *t = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	const struct yaml_node *limits;

	assert_int_equal(
		file_read(AT_FDCWD, POLICY_DIR "/default.yaml", 0, YAML_SIZE_MAX, &text),
		0);
	assert_int_equal(yaml_tree_parse(text.data, text.len, "default.yaml", &t, NULL),
			 0);
	limits = yaml_get(t->root, "limits");
	for (size_t i = 0; i < _SBX_LIMIT_MAX; i++)
		if (!limit_table[i].def != !yaml_get(limits, limit_table[i].name))
			fail_msg("limit %s", limit_table[i].name);
	assert_non_null(yaml_get(t->root, "description"));
	assert_non_null(yaml_get(t->root, "system"));
	assert_non_null(yaml_get(t->root, "network"));
	assert_non_null(yaml_get(t->root, "target"));
}

static int load_text(const char *file, const char *text, struct sbx_policy **ret,
		     struct sbx_err *err)
{
	cleanup_free char *path = str_printf("%s/%s", dir, file);

	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0600), 0);
	return policy_load(path, NULL, ret, err);
}

static void keys_override_one_by_one(void **state attr_unused)
{
	struct sbx_policy *p = NULL, *built_in = NULL;

	assert_int_equal(load_text("mine.yaml",
				   "description: for the night\n"
				   "limits: {wall: 90s, cpus: 1.5}\n"
				   "system: [/usr, /nix/store]\n"
				   "network: host\n"
				   "kill_on: [scratch, output]\n"
				   "target: overlay\n",
				   &p, NULL),
			 0);
	assert_string_equal(p->name, "mine");
	assert_int_equal(p->limits[SBX_LIMIT_WALL], 90000000);
	assert_int_equal(p->limits[SBX_LIMIT_CPUS], 1500);
	assert_int_equal(p->limits[SBX_LIMIT_PIDS], 256);
	assert_int_equal(strv_len(p->system), 2);
	assert_string_equal(p->system[1], "/nix/store");
	assert_int_equal(p->network, SBX_NETWORK_HOST);
	assert_int_equal(p->kill_on, 1U << SBX_LIMIT_OUTPUT | 1U << SBX_LIMIT_SCRATCH);
	assert_int_equal(p->target, SBX_TARGET_OVERLAY);
	policy_free(p);

	assert_int_equal(load_text("default.json", "{\"description\": \"nothing else\"}",
				   &p, NULL),
			 0);
	assert_int_equal(policy_new(&built_in), 0);
	assert_same(p, built_in);
	policy_free(p);
	policy_free(built_in);
}

static void names_are_looked_up_in_the_folder(void **state attr_unused)
{
	cleanup_free char *path = str_printf("%s/quiet.yaml", dir), *want = NULL;
	struct sbx_policy *p = NULL;
	struct sbx_err err = { 0 };

	assert_int_equal(file_replace(AT_FDCWD, path, "target: ro\n", 11, 0600), 0);
	assert_int_equal(policy_load("quiet", dir, &p, NULL), 0);
	assert_string_equal(p->name, "quiet");
	assert_int_equal(p->target, SBX_TARGET_RO);
	policy_free(p);

	want = str_printf(
		"there is no policy 'loud' in %s; a file elsewhere needs a slash in its "
		"path, such as ./loud.yaml",
		dir);
	assert_int_equal(policy_load("loud", dir, &p, &err), -ENOENT);
	assert_string_equal(err.msg, want);
	assert_int_equal(policy_load("quiet", NULL, &p, NULL), -ENOENT);
	assert_int_equal(policy_load("..", dir, &p, NULL), -EINVAL);
	assert_int_equal(policy_load("", dir, &p, NULL), -EINVAL);
	assert_int_equal(policy_load("a b", dir, &p, NULL), -EINVAL);
	assert_int_equal(policy_load("/nowhere/x.yaml", dir, &p, NULL), -ENOENT);
	assert_int_equal(policy_load("/", dir, &p, NULL), -EISDIR);
}

static void what_is_wrong_is_named(void **state attr_unused)
{
	static const struct {
		const char *text, *want; /* behind the path and a colon */
	} cases[] = {
		{ "limit: {}", "1:1: unknown key 'limit'; did you mean 'limits'?" },
		{ "soft: true",
		  "1:1: unknown key 'soft'; accepted are extends, description, limits, "
		  "system, system+, kill_on, network, target, count_denials or seccomp" },
		{ "limits: {wall: 5}",
		  "1:16: limits.wall: '5' is not a duration such as 500ms, "
		  "90s, 10m or 2h" },
		{ "limits:\n  memory: 1M",
		  "2:11: limits.memory: '1M' is outside 4MiB to 1024TiB" },
		{ "limits: {gpus: [0]}",
		  "1:16: limits.gpus: this version of autoexp does not have "
		  "'gpus'; it has 'gpus: []' only: runs without a GPU" },
		{ "limits: 10m",
		  "1:9: limits: '10m'; accepted is a mapping of keys to values" },
		{ "system: /usr",
		  "1:9: system: '/usr'; accepted is a list of absolute directories "
		  "such as /usr" },
		{ "system: [usr]",
		  "1:10: system[0]: 'usr' is not an absolute path; accepted is a "
		  "list of absolute directories such as /usr" },
		{ "system: [/usr, /]",
		  "1:16: system[1]: '/' would show the whole host; accepted is "
		  "a list of absolute directories such as /usr" },
		{ "system: [/run/user]",
		  "1:10: system[0]: '/run/user' is a place the box makes for "
		  "itself; accepted is a list of absolute directories such "
		  "as /usr" },
		{ "system: [/usr/../etc]",
		  "1:10: system[0]: '/usr/../etc' has empty, '.' or '..' "
		  "parts; accepted is a list of absolute directories such "
		  "as /usr" },
		{ "system: [/usr/..]",
		  "1:10: system[0]: '/usr/..' ends in '/' or '.'; accepted is a "
		  "list of absolute directories such as /usr" },
		{ "kill_on: [output, wall]",
		  "1:19: kill_on[1]: 'wall' ends no run; accepted is a list of output "
		  "and scratch" },
		{ "network: all", "1:10: network: 'all'; accepted is none or host" },
		{ "network: {allowlist: [a]}",
		  "1:10: network: this version of autoexp does not have an allowlist of "
		  "hosts; it "
		  "has none (only loopback inside the box) and host" },
		{ "target: rw", "1:9: target: 'rw'; accepted is bind, overlay or ro" },
		{ "description: [a]",
		  "1:14: description: this is no text; accepted is who should "
		  "use the policy, and why" },
		{ "- a", "1:1: a list; accepted is a mapping of keys to values" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *want = str_printf("%s/p.yaml:%s", dir, cases[i].want);
		struct sbx_policy *p = NULL;
		struct sbx_err err = { 0 };

		assert_int_equal(load_text("p.yaml", cases[i].text, &p, &err), -EINVAL);
		assert_string_equal(err.msg, want);
		assert_null(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_yaml_is_the_built_in_policy),
		cmocka_unit_test(default_yaml_writes_every_default),
		cmocka_unit_test(keys_override_one_by_one),
		cmocka_unit_test(names_are_looked_up_in_the_folder),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
