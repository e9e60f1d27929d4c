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
#include "filter.h"
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
	assert_int_equal(a->kill_on, b->kill_on);
	assert_int_equal(a->sockets, b->sockets);
	assert_int_equal(a->count_denials, b->count_denials);
	assert_string_equal(a->cpuset, b->cpuset);
	assert_int_equal(strv_len(a->allow), strv_len(b->allow));
	assert_int_equal(strv_len(a->deny), strv_len(b->deny));
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
	assert_non_null(yaml_get(t->root, "kill_on"));
	assert_non_null(yaml_get(t->root, "count_denials"));
	assert_non_null(yaml_get(yaml_get(t->root, "seccomp"), "sockets"));
	assert_non_null(yaml_get(yaml_get(t->root, "seccomp"), "allow"));
	assert_non_null(yaml_get(yaml_get(t->root, "seccomp"), "deny"));
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
		{ "extends: [a]", "1:10: extends: this is no policy; accepted is the "
				  "name of a policy, or a "
				  "path with a slash in it, seen from this file" },
		{ "count_denials: yes",
		  "1:16: count_denials: 'yes'; accepted is true or false" },
		{ "seccomp: {deny: [ptrce]}", "1:18: seccomp.deny[0]: 'ptrce' is no "
					      "system call of any architecture; did "
					      "you mean 'ptrace'?" },
		{ "seccomp:\n  allow: [bpf, clone3]",
		  "2:16: seccomp.allow[1]: clone3 cannot be allowed: it could make or "
		  "enter "
		  "other namespaces, and its arguments cannot be checked" },
		{ "seccomp:\n  allow: [bpf]\n  deny+: [bpf]",
		  "2:11: seccomp.allow[0]: 'bpf' is denied in line 3; accepted is one of "
		  "both" },
		{ "seccomp: {sockets: [vsock]}",
		  "1:21: seccomp.sockets[0]: 'vsock'; accepted is a list of unix, inet, "
		  "inet6 "
		  "and netlink" },
		{ "seccomp: {alow: []}",
		  "1:11: seccomp: unknown key 'alow'; did you mean 'allow'?" },
		{ "seccomp: {profile: [a]}",
		  "1:20: seccomp.profile: this is no path; accepted is the path of a "
		  "seccomp "
		  "profile as Docker and OCI have it, or none" },
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

static int load_in_dir(const char *file, const char *text, struct sbx_policy **ret,
		       struct sbx_err *err)
{
	cleanup_free char *path = str_printf("%s/%s", dir, file);

	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0600), 0);
	return policy_load(path, dir, ret, err);
}

static void assert_list(char *const *list, const char *want)
{
	cleanup_buf struct buf b = BUF_INIT;

	for (; list && *list; list++)
		buf_printf(&b, "%s%s", b.len ? " " : "", *list);
	assert_string_equal(buf_str(&b), want);
}

static void a_policy_starts_from_the_one_it_extends(void **state attr_unused)
{
	struct sbx_policy *p = NULL;
	struct sbx_err err = { 0 };

	assert_int_equal(load_in_dir("base.yaml",
				     "description: base\n"
				     "limits: {wall: 1m, cpus: 2}\n"
				     "system: [/usr, /lib]\n"
				     "seccomp:\n"
				     "  sockets: [unix]\n"
				     "  allow: [bpf, ptrace]\n"
				     "  deny: [sync, sysinfo]\n",
				     &p, NULL),
			 0);
	policy_free(p);
	if (load_in_dir("child.yaml",
			"extends: ./base.yaml\n"
			"limits: {wall: 2m}\n"
			"system+: [/nix]\n"
			"kill_on: [output]\n"
			"count_denials: false\n"
			"seccomp:\n"
			"  allow+: [sync]\n"
			"  deny+: [ptrace, uname]\n",
			&p, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(p->name, "child");
	assert_string_equal(p->description, "base");
	assert_int_equal(p->limits[SBX_LIMIT_WALL], 120000000);
	assert_int_equal(p->limits[SBX_LIMIT_CPUS], 2000);
	assert_list(p->system, "/usr /lib /nix");
	/* What a file says of a call replaces what those below it said. */
	assert_list(p->allow, "bpf sync");
	assert_list(p->deny, "ptrace sysinfo uname");
	assert_int_equal(p->sockets, 1 << SBX_FAMILY_UNIX);
	assert_int_equal(p->kill_on, 1 << SBX_LIMIT_OUTPUT);
	assert_false(p->count_denials);
	policy_free(p);

	/* Without "+" a list replaces the other; a name is looked up in the folder. */
	assert_int_equal(
		load_in_dir("other.yaml",
			    "extends: base\nsystem: [/opt]\nseccomp: {deny: [uname]}\n",
			    &p, NULL),
		0);
	assert_list(p->system, "/opt");
	assert_list(p->allow, "bpf ptrace");
	assert_list(p->deny, "uname");
	policy_free(p);
}

static void assert_origin(const struct policy_origin *where, const char *file,
			  unsigned line)
{
	assert_int_equal(where->line, line);
	if (file)
		assert_string_equal(strrchr(where->file, '/') + 1, file);
	else
		assert_null(where->file);
}

static void every_value_knows_where_it_was_written(void **state attr_unused)
{
	const struct policy_origins *o;
	struct sbx_policy *p = NULL;

	assert_int_equal(load_in_dir("below.yaml",
				     "limits:\n  wall: 1m\n  pids: 9\nnetwork: host\n",
				     &p, NULL),
			 0);
	policy_free(p);
	assert_int_equal(load_in_dir("above.json",
				     "{\"extends\": \"./below.yaml\",\n"
				     " \"limits\": {\"pids\": 8,\n"
				     "  \"cpuset\": \"0\"},\n"
				     " \"system+\": [\"/nix\",\n"
				     "  \"/snap\"],\n"
				     " \"seccomp\": {\"deny\": [\"sync\",\n \"bpf\"]}}\n",
				     &p, NULL),
			 0);
	o = p->origins;
	assert_int_equal(strv_len(o->files), 2);
	assert_origin(&o->limits[SBX_LIMIT_WALL], "below.yaml", 2);
	assert_origin(&o->limits[SBX_LIMIT_PIDS], "above.json", 2);
	assert_origin(&o->limits[SBX_LIMIT_MEMORY], NULL, 0);
	assert_origin(&o->keys[POLICY_CPUSET], "above.json", 3);
	assert_origin(&o->keys[POLICY_NETWORK], "below.yaml", 4);
	assert_origin(&o->keys[POLICY_TARGET], NULL, 0);
	assert_origin(&o->lists[POLICY_SYSTEM][0], NULL, 0);
	assert_origin(&o->lists[POLICY_SYSTEM][strv_len(p->system) - 1], "above.json", 5);
	/* Sorted, and their places with them. */
	assert_list(p->deny, "bpf sync");
	assert_origin(&o->lists[POLICY_DENY][0], "above.json", 7);
	assert_origin(&o->lists[POLICY_DENY][1], "above.json", 6);
	policy_free(p);
}

static void what_a_policy_extends_must_end(void **state attr_unused)
{
	cleanup_free char *want = str_printf("%s/./a.yaml extends itself", dir);
	struct sbx_policy *p = NULL;
	struct sbx_err err = { 0 };
	char name[16], text[32];

	assert_int_equal(load_in_dir("b.yaml", "target: ro\n", &p, NULL), 0);
	policy_free(p);
	assert_int_equal(load_in_dir("a.yaml", "extends: ./a.yaml\n", &p, &err), -EINVAL);
	assert_string_equal(err.msg, want);
	assert_int_equal(load_in_dir("b.yaml", "extends: a\n", &p, NULL), -EINVAL);
	load_in_dir("a.yaml", "extends: b\n", &p, NULL);
	err.code = 0;
	assert_int_equal(load_in_dir("b.yaml", "extends: ./a.yaml\n", &p, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "extends itself"));

	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "c%d.yaml", i);
		snprintf(text, sizeof(text), i ? "extends: c%d\n" : "target: ro\n",
			 i - 1);
		err.code = 0;
		if (load_in_dir(name, text, &p, &err) == 0)
			policy_free(p);
		else if (i != 8)
			fail_msg("%d: %s", i, err.msg);
	}
	assert_non_null(strstr(err.msg, "more than 8 policies, each extending the next"));
}

/* Shipped policies start without libseccomp: their filters are compiled already. */
static void filters_of_shipped_policies_are_ready(void **state attr_unused)
{
	static const char *const names[] = { "default", "strict", "gpu", "agent" };
	struct filter f;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct sbx_policy *p = NULL;
		struct sbx_err err = { 0 };

		if (policy_load(names[i], POLICY_DIR, &p, &err) < 0)
			fail_msg("%s", err.msg);
		assert_non_null(p->description);
		assert_int_equal(filter_choose(p, &f, NULL), 0);
		assert_null(f.own);
		assert_non_null(f.counted);
		p->count_denials = false;
		assert_int_equal(filter_choose(p, &f, NULL), 0);
		assert_null(f.counted);
		policy_free(p);
	}
}

/* A policy that says the same with other words gets the same filter, another one its own. */
static void filters_of_other_policies_are_made(void **state attr_unused)
{
	struct filter mine = { 0 }, strict = { 0 };
	struct sbx_policy *p = NULL;

	assert_int_equal(policy_load("strict", POLICY_DIR, &p, NULL), 0);
	assert_int_equal(filter_choose(p, &strict, NULL), 0);
	assert_int_equal(
		policy_list_add(p, POLICY_DENY, "sync", (struct policy_origin){ 0 }), 0);
	assert_int_equal(filter_choose(p, &mine, NULL), 0);
	assert_non_null(mine.own);
	assert_string_not_equal(mine.sha256, strict.sha256);
	assert_string_equal(mine.libseccomp, strict.libseccomp);
	filter_done(&mine);
	policy_list_drop(p, POLICY_DENY, "sync");
	assert_int_equal(filter_choose(p, &mine, NULL), 0);
	assert_ptr_equal(mine.plain, strict.plain);
	policy_free(p);
}

static void a_dump_reads_back_as_the_same(void **state attr_unused)
{
	static const char odd[] =
		"extends: ./below.yaml\n"
		"limits: {memory: 100000001B, wall: 90001ms, cpus: 1.501, "
		"cpu_time: 1h, cpuset: '0'}\n"
		"system: [/usr, \"/it's # odd\"]\n"
		"kill_on: [scratch, output]\n"
		"target: overlay\n"
		"count_denials: false\n"
		"seccomp: {sockets: [], allow: [bpf], deny: [sync, acct]}\n";
	struct sbx_policy *p = NULL, *back = NULL;
	struct sbx_err err = { 0 };

	if (load_in_dir("odd.yaml", odd, &p, &err) < 0)
		fail_msg("%s", err.msg);
	for (int origins = 0; origins < 2; origins++) {
		cleanup_buf struct buf text = BUF_INIT, again = BUF_INIT,
				       plain = BUF_INIT;

		policy_dump(p, origins, &text);
		policy_dump(p, false, &plain);
		if (load_in_dir("odd.yaml", buf_str(&text), &back, &err) < 0)
			fail_msg("%s", err.msg);
		assert_same(p, back);
		policy_dump(back, false, &again);
		assert_string_equal(buf_str(&again), buf_str(&plain));
		policy_free(back);
	}
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_yaml_is_the_built_in_policy),
		cmocka_unit_test(default_yaml_writes_every_default),
		cmocka_unit_test(keys_override_one_by_one),
		cmocka_unit_test(names_are_looked_up_in_the_folder),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_policy_starts_from_the_one_it_extends),
		cmocka_unit_test(every_value_knows_where_it_was_written),
		cmocka_unit_test(what_a_policy_extends_must_end),
		cmocka_unit_test(filters_of_shipped_policies_are_ready),
		cmocka_unit_test(filters_of_other_policies_are_made),
		cmocka_unit_test(a_dump_reads_back_as_the_same),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
