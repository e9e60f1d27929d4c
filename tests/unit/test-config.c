/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a configuration may say and what it becomes. The last test changes valid
 * configurations at random and only wants that every one of them is either refused with a
 * sentence or sound.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/strv.h"
#include "conf/config.h"

#define HOUR (3600 * USEC_PER_SEC)

#define BASE                      \
	"target: t.py\n"          \
	"harness: python3 e.py\n" \
	"metrics: [{name: m, goal: minimize}]\n"

static int parse(const char *text, struct config **ret, struct sbx_err *err)
{
	return config_parse(text, strlen(text), "autoexp.yaml", "/r", ret, err);
}

/* The caller frees it. */
static struct config *must_parse(const char *text)
{
	struct sbx_err err = { 0 };
	struct config *c = NULL;

	if (parse(text, &c, &err) < 0)
		fail_msg("%s\n%s", text, err.msg);
	return c;
}

static void omitted_keys_have_defaults(void **state attr_unused)
{
	struct config *c = must_parse(BASE);

	assert_string_equal(c->path, "/r/autoexp.yaml");
	assert_string_equal(c->dir, "/r");
	assert_string_equal(c->text, BASE);
	assert_int_equal(c->text_len, strlen(BASE));
	assert_string_equal(c->target, "t.py");
	assert_true(c->harness_shell);
	assert_int_equal(strv_len(c->harness), 3);
	assert_string_equal(c->harness[0], "sh");
	assert_string_equal(c->harness[1], "-c");
	assert_string_equal(c->harness[2], "python3 e.py");
	assert_int_equal(c->n_metrics, 1);
	assert_string_equal(c->metrics[0].name, "m");
	assert_int_equal(c->metrics[0].goal, GOAL_MINIMIZE);
	assert_int_equal(c->metrics[0].take, METRIC_TAKE_ONLY);
	assert_int_equal(c->metrics[0].from, METRIC_FROM_LINE);
	assert_null(c->metrics[0].pattern);
	assert_int_equal(c->metrics[0].tolerance_kind, TOLERANCE_NONE);
	assert_int_equal(c->rule, RULE_PRIMARY);
	assert_true(c->min_delta == 0 && !c->min_delta_percent);
	assert_int_equal(c->repeat, 1);
	assert_int_equal(c->caps[CAP_EXPERIMENTS], 50);
	assert_int_equal(c->caps[CAP_COST_NANO], 10000000000);
	assert_int_equal(c->caps[CAP_WALL_US], 8 * HOUR);
	for (size_t i = 0; i < _CAP_MAX; i++)
		assert_false(c->caps_written[i]);
	for (size_t i = 0; i < _SBX_LIMIT_MAX; i++) {
		assert_int_equal(c->limits[i], limit_table[i].def);
		assert_false(c->limits_written[i]);
	}
	assert_int_equal(c->proposer.kind, PROPOSER_BUILTIN);
	assert_int_equal(c->proposer.seed, 1);
	assert_int_equal(c->proposer.numbers, NUMBERS_ALL);
	assert_null(c->proposer.pool);
	assert_string_equal(c->policy, "default");
	assert_null(c->show);
	assert_null(c->scratch_paths);
	assert_null(c->env);
	assert_int_equal(c->network, SBX_NETWORK_NONE);
	assert_null(c->tag);
	assert_string_equal(c->cpuset, "");
	config_free(c);
}

/* Everything at once; also the seed of the mutations below. */
static const char full[] =
	"# a comment\n"
	"target: ./src//train.py\n"
	"harness: [python3, -u, evaluate.py, \"\"]\n"
	"metrics:\n"
	"  - name: val_bpb\n"
	"    goal: minimize\n"
	"    take: last\n"
	"    from: '^bpb: ([0-9.]+)$'\n"
	"    weight: 2\n"
	"  - {name: acc.top-1, goal: maximize, from: 'json:runs[0].acc', weight: 0.5}\n"
	"rule: weighted\n"
	"min_delta: 1.5%\n"
	"repeat: 3\n"
	"caps:\n"
	"  max_experiments: unlimited\n"
	"  max_cost_usd: 2.500000001\n"
	"  max_wall_clock_hours: 0.5\n"
	"limits: {wall: 5m, cpu_time: 20m, cpus: 1.5, memory: 8GiB, pids: 64, scratch: "
	"2GiB,\n"
	"         out: 1M, inodes: 99, file_size: 1G, output: 16MiB, gpus: [],\n"
	"         cpuset: '6,0-3', io_read: 100M, io_write: 50M}\n"
	"proposer:\n"
	"  kind: builtin\n"
	"  seed: 42\n"
	"  numbers: '^lr'\n"
	"  pool:\n"
	"    - [-O2, \"-O3 -g\"]\n"
	"    - [a, b, 'c # d']\n"
	"policy: ../policies/mine.yaml\n"
	"show: [.venv/, /srv/data/., ~/.cache/proj]\n"
	"scratch_paths: [build, ./tmp/]\n"
	"env: [HF_HOME, _x1]\n"
	"network: host\n"
	"tag: speed-2\n";

static void every_key_is_read(void **state attr_unused)
{
	struct config *c;

	setenv("HOME", "/home/me", 1);
	c = must_parse(full);
	assert_string_equal(c->target, "src/train.py");
	assert_false(c->harness_shell);
	assert_int_equal(strv_len(c->harness), 4);
	assert_string_equal(c->harness[2], "evaluate.py");
	assert_string_equal(c->harness[3], "");
	assert_int_equal(c->n_metrics, 2);
	assert_int_equal(c->metrics[0].take, METRIC_TAKE_LAST);
	assert_int_equal(c->metrics[0].from, METRIC_FROM_REGEX);
	assert_string_equal(c->metrics[0].pattern, "^bpb: ([0-9.]+)$");
	assert_true(c->metrics[0].weight == 2);
	assert_string_equal(c->metrics[1].name, "acc.top-1");
	assert_int_equal(c->metrics[1].goal, GOAL_MAXIMIZE);
	assert_int_equal(c->metrics[1].from, METRIC_FROM_JSON);
	assert_string_equal(c->metrics[1].pattern, "runs[0].acc");
	assert_true(c->metrics[1].weight == 0.5);
	assert_int_equal(c->rule, RULE_WEIGHTED);
	assert_true(c->min_delta == 1.5 && c->min_delta_percent);
	assert_int_equal(c->repeat, 3);
	assert_true(c->caps[CAP_EXPERIMENTS] == CONFIG_UNLIMITED);
	assert_int_equal(c->caps[CAP_COST_NANO], 2500000001);
	assert_int_equal(c->caps[CAP_WALL_US], HOUR / 2);
	for (size_t i = 0; i < _CAP_MAX; i++)
		assert_true(c->caps_written[i]);
	assert_int_equal(c->limits[SBX_LIMIT_CPU_TIME], 1200 * USEC_PER_SEC);
	assert_int_equal(c->limits[SBX_LIMIT_CPUS], 1500);
	assert_int_equal(c->limits[SBX_LIMIT_IO_READ], 100 << 20);
	assert_string_equal(c->cpuset, "0-3,6");
	for (size_t i = 0; i < _SBX_LIMIT_MAX; i++)
		assert_true(c->limits_written[i]);
	assert_int_equal(c->proposer.seed, 42);
	assert_int_equal(c->proposer.numbers, NUMBERS_MATCHING);
	assert_string_equal(c->proposer.numbers_regex, "^lr");
	assert_int_equal(c->proposer.n_slots, 2);
	assert_string_equal(c->proposer.pool[0][0], "-O2");
	assert_string_equal(c->proposer.pool[0][1], "-O3 -g");
	assert_null(c->proposer.pool[0][2]);
	assert_string_equal(c->proposer.pool[1][2], "c # d");
	assert_null(c->proposer.pool[2]);
	assert_string_equal(c->policy, "../policies/mine.yaml");
	assert_string_equal(c->show[0], ".venv");
	assert_string_equal(c->show[1], "/srv/data");
	assert_string_equal(c->show[2], "/home/me/.cache/proj");
	assert_string_equal(c->scratch_paths[0], "build");
	assert_string_equal(c->scratch_paths[1], "tmp");
	assert_string_equal(c->env[1], "_x1");
	assert_int_equal(c->network, SBX_NETWORK_HOST);
	assert_string_equal(c->tag, "speed-2");
	config_free(c);
}

/* One metric behind a good first one; what the second becomes. */
static void metrics_are_read(void **state attr_unused)
{
	static const struct {
		const char *text;
		struct config_metric want;
	} cases[] = {
		{ "goal: minimize, max_regression: 1.05",
		  { .tolerance_kind = TOLERANCE_RATIO, .tolerance = 1.05 } },
		{ "goal: maximize, max_regression: {abs: 0}",
		  { .goal = GOAL_MAXIMIZE, .tolerance_kind = TOLERANCE_ABS } },
		{ "goal: minimize, max_regression: unlimited",
		  { .tolerance_kind = TOLERANCE_NONE } },
		{ "goal: minimize, max_regression: 1, from: \"@wall_ms\"",
		  { .from = METRIC_FROM_WALL_MS,
		    .tolerance_kind = TOLERANCE_RATIO,
		    .tolerance = 1 } },
		{ "goal: minimize, max_regression: 1, from: \"@cpu_ms\"",
		  { .from = METRIC_FROM_CPU_MS,
		    .tolerance_kind = TOLERANCE_RATIO,
		    .tolerance = 1 } },
		{ "goal: minimize, max_regression: 1, from: \"@peak_mb\"",
		  { .from = METRIC_FROM_PEAK_MB,
		    .tolerance_kind = TOLERANCE_RATIO,
		    .tolerance = 1 } },
		{ "goal: minimize, max_regression: 2e3, take: max",
		  { .take = METRIC_TAKE_MAX,
		    .tolerance_kind = TOLERANCE_RATIO,
		    .tolerance = 2000 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = NULL;
		const struct config_metric *m, *want = &cases[i].want;
		struct config *c;

		text = str_printf(
			"target: t\nharness: x\nmetrics: [{name: a, goal: minimize}, "
			"{name: b, %s}]\n",
			cases[i].text);
		c = must_parse(text);
		m = &c->metrics[1];
		assert_int_equal(m->goal, want->goal);
		assert_int_equal(m->take, want->take);
		assert_int_equal(m->from, want->from);
		assert_int_equal(m->tolerance_kind, want->tolerance_kind);
		assert_true(m->tolerance == want->tolerance);
		config_free(c);
	}
}

static void json_is_read_as_well(void **state attr_unused)
{
	static const char text[] =
		"{\"target\": \"t.py\", \"harness\": [\"./run\"],\n"
		" \"metrics\": [{\"name\": \"m\", \"goal\": \"maximize\"}],\n"
		" \"min_delta\": 0.1, \"limits\": {\"wall\": \"5m\", \"cpus\": 0.1, "
		"\"pids\": 10},\n"
		" \"caps\": {\"max_cost_usd\": 0.1, \"max_experiments\": "
		"\"unlimited\"},\n"
		" \"proposer\": {\"kind\": \"builtin\", \"numbers\": false, \"pool\": "
		"[\"a\", \"b\"]}}";
	struct config *c = NULL;
	struct sbx_err err = { 0 };

	assert_int_equal(
		config_parse(text, strlen(text), "x/autoexp.json", "/r", &c, &err), 0);
	assert_string_equal(c->path, "/r/autoexp.json");
	assert_true(c->min_delta == 0.1);
	assert_int_equal(c->limits[SBX_LIMIT_CPUS], 100);
	assert_int_equal(c->limits[SBX_LIMIT_PIDS], 10);
	assert_int_equal(c->caps[CAP_COST_NANO], 100000000);
	assert_true(c->caps[CAP_EXPERIMENTS] == CONFIG_UNLIMITED);
	assert_int_equal(c->proposer.numbers, NUMBERS_NONE);
	assert_int_equal(c->proposer.n_slots, 1);
	assert_string_equal(c->proposer.pool[0][1], "b");
	config_free(c);

	c = NULL;
	assert_int_equal(config_parse("{\"target\": 1}", 13, "a.json", "/r", &c, &err),
			 -EINVAL);
	assert_string_equal(err.msg,
			    "a.json:1:1: the key 'harness' is missing; accepted is a command "
			    "such as 'python3 evaluate.py', or a list of its words");
	assert_null(c);
}

/* --- harness --- */

static void harness_words_that_look_like_files(void **state attr_unused)
{
	static const struct {
		const char *harness, *want;
	} cases[] = {
		{ "python3 evaluate.py", "evaluate.py" },
		{ "[python3, -u, ./evaluate.py, --lr, '0.5', bin/x]",
		  "evaluate.py bin/x" },
		{ "[./run, data]", "run" },
		{ "[run.sh]", "" }, /* looked up in PATH */
		{ "make -s && ./build/prog < in.txt > out.txt", "build/prog in.txt" },
		{ "A=b.c cd sub; sh 'my.sh' \"x.y\" $Z.py *.c", "my.sh x.y" },
		{ "cat a.txt a.txt|sort -o /abs.x ~/h.x ../up.x # c.py", "a.txt" },
		{ "\"python3 a\\\\\\n b.py\"", "b.py" },
		{ "python3 x.py 2>&1", "x.py" },
		{ "[sh, -c, 'exec ./go.sh https://a.b/c.d']", "go.sh" },
		{ "python3.11 1.2.3 -m pkg", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = NULL;
		cleanup_strv char **words = NULL;
		cleanup_buf struct buf got = BUF_INIT;
		struct config *c;

		text = str_printf(
			"target: t\nmetrics: [{name: m, goal: minimize}]\nharness: %s%s",
			strpbrk(cases[i].harness, "#*") ? "|\n  " : "", cases[i].harness);
		c = must_parse(text);
		assert_int_equal(config_harness_words(c, &words), 0);
		for (size_t j = 0; words && words[j]; j++)
			buf_printf(&got, "%s%s", j ? " " : "", words[j]);
		assert_string_equal(buf_str(&got), cases[i].want);
		config_free(c);
	}
}

static void the_target_is_not_the_harness(void **state attr_unused)
{
	static const struct {
		const char *harness;
		bool fine;
	} cases[] = {
		{ "python3 t.py", false },
		{ "python3 -u ./t.py --x", false },
		{ "./t.py", false },
		{ "cd . && exec ./t.py", false },
		{ "env X=1 timeout 10 python3.11 t.py", false },
		{ "uv run t.py", false },
		{ "[bash, t.py]", false },
		{ "python3 evaluate.py t.py", true },
		{ "python3 -m t.py", true },
		{ "cc t.py -o x", true },
		{ "t.py", true }, /* looked up in PATH */
		{ "echo ./t.py", true },
		{ "python3 sub/t.py", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = NULL;
		struct config *c = NULL;
		struct sbx_err err = { 0 };

		text = str_printf("target: t.py\nmetrics: [{name: m, goal: "
				  "minimize}]\nharness: %s\n",
				  cases[i].harness);
		if ((parse(text, &c, &err) == 0) != cases[i].fine)
			fail_msg("harness: %s: %s", cases[i].harness, err.msg);
		if (!cases[i].fine)
			assert_non_null(strstr(
				err.msg, "autoexp.yaml:3:10: harness: the harness is "
					 "the target 't.py' itself"));
		config_free(c);
	}
}

/* --- caps, tags, comparison --- */

static void caps_are_set_from_text(void **state attr_unused)
{
	static const struct {
		enum cap cap;
		const char *text, *shown;
	} cases[] = {
		{ CAP_EXPERIMENTS, "7", "7" },
		{ CAP_EXPERIMENTS, "unlimited", "unlimited" },
		{ CAP_COST_NANO, "0", "0.00 USD" },
		{ CAP_COST_NANO, "12.5", "12.50 USD" },
		{ CAP_COST_NANO, "0.005", "0.005 USD" },
		{ CAP_COST_NANO, "1000000", "1000000.00 USD" },
		{ CAP_WALL_US, "8", "8h" },
		{ CAP_WALL_US, "0.25", "0.25h" },
		{ CAP_WALL_US, "unlimited", "unlimited" },
		/* Refused: */
		{ CAP_EXPERIMENTS, "0", NULL },
		{ CAP_EXPERIMENTS, "1.5", NULL },
		{ CAP_EXPERIMENTS, "1000001", NULL },
		{ CAP_EXPERIMENTS, "-1", NULL },
		{ CAP_COST_NANO, "-1", NULL },
		{ CAP_COST_NANO, "1e3", NULL },
		{ CAP_COST_NANO, ".5", NULL },
		{ CAP_COST_NANO, "5.", NULL },
		{ CAP_COST_NANO, "0.0000000001", NULL },
		{ CAP_COST_NANO, "1000001", NULL },
		{ CAP_COST_NANO, "99999999999999999999", NULL },
		{ CAP_COST_NANO, "Unlimited", NULL },
		{ CAP_WALL_US, "0", NULL },
		{ CAP_WALL_US, "100001", NULL },
		{ CAP_WALL_US, "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *c = must_parse(BASE);
		uint64_t before = c->caps[cases[i].cap];
		struct sbx_err err = { 0 };
		char shown[48];
		int r;

		r = config_set_cap(c, cases[i].cap, cases[i].text, &err);
		if ((r == 0) != (cases[i].shown != NULL))
			fail_msg("%s %s: %s", cap_names[cases[i].cap], cases[i].text,
				 err.msg);
		config_format_cap(cases[i].cap, c->caps[cases[i].cap], shown,
				  sizeof(shown));
		if (cases[i].shown)
			assert_string_equal(shown, cases[i].shown);
		else
			assert_int_equal(c->caps[cases[i].cap], before);
		assert_int_equal(c->caps_written[cases[i].cap], cases[i].shown != NULL);
		config_free(c);
	}
}

static void tags_are_names_of_branches(void **state attr_unused)
{
	static const char *const good[] = { "a", "speed-2", "0001", "x.y_z", "A" };
	static const char *const bad[] = { "",   ".",        "..",  "a..b", "-a",
					   ".a", "a.",       "a/b", "a b",  "a.lock",
					   "a~", "\xc3\xa9", "a\n", "@" };
	char tag[CONFIG_NAME_MAX + 2] = "";

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(config_check_tag(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(config_check_tag(bad[i], NULL), -EINVAL);
	memset(tag, 'a', CONFIG_NAME_MAX);
	assert_int_equal(config_check_tag(tag, NULL), 0);
	tag[CONFIG_NAME_MAX] = 'a';
	assert_int_equal(config_check_tag(tag, NULL), -EINVAL);
}

static void experiments_are_the_same_or_not(void **state attr_unused)
{
	static const struct {
		const char *a, *b, *key; /* behind BASE; NULL: the same */
	} cases[] = {
		{ "", "", NULL },
		{ "", "# a comment\n", NULL },
		{ "", "caps: {max_experiments: 7}\n", NULL },
		{ "", "proposer: {kind: builtin, seed: 2, pool: [a, b]}\n", NULL },
		{ "", "rule: primary\n", NULL },
		{ "", "rule: weighted\n", "rule" },
		{ "min_delta: 1\n", "min_delta: 1%\n", "min_delta" },
		{ "", "repeat: 3\n", "repeat" },
		{ "limits: {wall: 5m}\n", "limits: {wall: 300s}\n", NULL },
		{ "limits: {wall: 5m}\n", "limits: {wall: 6m}\n", "limits" },
		{ "", "policy: other\n", "policy" },
		{ "show: [a, b]\n", "show: [a]\n", "show" },
		{ "scratch_paths: [a]\n", "scratch_paths: [b]\n", "scratch_paths" },
		{ "", "env: [A]\n", "env" },
		{ "", "network: host\n", "network" },
		{ "", "tag: x\n", "tag" },
	};
	struct config *a, *b;
	const char *key;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *ta = str_printf("%s%s", BASE, cases[i].a);
		cleanup_free char *tb = str_printf("%s%s", BASE, cases[i].b);

		a = must_parse(ta);
		b = must_parse(tb);
		key = NULL;
		assert_int_equal(config_same_experiment(a, b, &key), !cases[i].key);
		if (cases[i].key)
			assert_string_equal(key, cases[i].key);
		config_free(a);
		config_free(b);
	}

	a = must_parse(BASE);
	b = must_parse("target: t.py\nharness: python3 e.py\nmetrics: [{name: m, goal: "
		       "maximize}]");
	assert_false(config_same_experiment(a, b, &key));
	assert_string_equal(key, "metrics");
	config_free(b);
	b = must_parse("target: u.py\nharness: python3 e.py\nmetrics: [{name: m, goal: "
		       "minimize}]");
	assert_false(config_same_experiment(a, b, &key));
	assert_string_equal(key, "target");
	config_free(b);
	b = must_parse("target: t.py\nharness: [python3, e.py]\nmetrics: [{name: m, "
		       "goal: minimize}]");
	assert_false(config_same_experiment(a, b, &key));
	assert_string_equal(key, "harness");
	config_free(b);
	config_free(a);
}

/* --- files --- */

static char dir[] = "/tmp/autoexp-config-XXXXXX";

static int make_dir(void **state attr_unused)
{
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int drop_dir(void **state attr_unused)
{
	return chdir("/") < 0 ? -1 : dir_remove(AT_FDCWD, dir);
}

static void put(const char *path, const char *text)
{
	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0600), 0);
}

static void files_are_found_and_know_where_they_are(void **state attr_unused)
{
	cleanup_free char *path = str_printf("%s/deep/c.yaml", dir), *deep = NULL;
	struct config *c = NULL;

	put("autoexp.json",
	    "{\"target\": \"j\", \"harness\": \"x\", \"metrics\": [{\"name\": \"m\", "
	    "\"goal\": \"minimize\"}]}");
	assert_int_equal(config_load(NULL, &c, NULL), 0);
	assert_string_equal(c->target, "j");
	config_free(c);
	put("autoexp.yaml", BASE);
	assert_int_equal(config_load(NULL, &c, NULL), 0);
	assert_string_equal(c->target, "t.py");
	assert_string_equal(c->dir, dir);
	config_free(c);

	/* Through a link to the directory: the real one counts. */
	deep = str_printf("%s/deep", dir);
	assert_int_equal(mkdir("deep", 0700), 0);
	assert_int_equal(symlink("deep", "link"), 0);
	put("deep/c.yaml", BASE);
	assert_int_equal(config_load("link/../link/c.yaml", &c, NULL), 0);
	assert_string_equal(c->dir, deep);
	assert_string_equal(c->path, path);
	config_free(c);
}

/* --- robustness --- */

static uint64_t random_state = 88172645463325252u;

static size_t random_below(size_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (size_t)(random_state % n);
}

static void mutate(char *text, size_t *len, size_t cap)
{
	static const char *const bits[] = {
		"[",       "]",  "{",    "}",   ": ", "- ",        "\n",
		"  ",      "'",  "\"",   "&a ", "*a", "!x ",       "|\n",
		"? ",      "#",  "null", "~",   "-1", "1e999",     "99999999999999999999",
		"\xff",    "\t", "..",   "%",   ",",  "unlimited", "true",
		"@wall_ms"
	};
	size_t at = random_below(*len + 1), n;
	const char *bit;

	switch (random_below(4)) {
	case 0: /* change a byte */
		if (at < *len)
			text[at] = (char)random_below(256);
		break;
	case 1: /* drop some */
		n = random_below(20);
		n = MIN(n, *len - at);
		memmove(text + at, text + at + n, *len - at - n);
		*len -= n;
		break;
	case 2: /* put in something that means something */
		bit = bits[random_below(ARRAY_SIZE(bits))];
		n = strlen(bit);
		if (*len + n > cap)
			break;
		memmove(text + at + n, text + at, *len - at);
		memcpy(text + at, bit, n);
		*len += n;
		break;
	default: /* copy a piece to elsewhere */
		n = random_below(60);
		n = MIN(n, *len - at);
		if (*len + n > cap)
			break;
		memmove(text + at + n, text + at, *len - at);
		*len += n;
		break;
	}
}

static void assert_sound(const struct config *c)
{
	cleanup_strv char **words = NULL;

	assert_true(c->target[0] && c->target[0] != '/');
	assert_true(strv_len(c->harness) >= 1 && c->harness[0][0]);
	assert_true(c->n_metrics >= 1 && c->n_metrics <= METRICS_MAX);
	for (size_t i = 0; i < c->n_metrics; i++) {
		assert_non_null(c->metrics[i].name);
		assert_true(c->metrics[i].weight > 0);
	}
	assert_true(c->min_delta >= 0 && c->repeat % 2 == 1);
	for (size_t i = 0; i < c->proposer.n_slots; i++)
		assert_true(strv_len(c->proposer.pool[i]) >= 2);
	assert_true(c->caps[CAP_EXPERIMENTS] > 0 && c->caps[CAP_WALL_US] > 0);
	assert_int_equal(config_harness_words(c, &words), 0);
}

static void changed_files_are_refused_or_sound(void **state attr_unused)
{
	static const char json[] =
		"{\"target\": \"t.py\", \"harness\": [\"python3\", \"e.py\"],\n"
		"\"metrics\": [{\"name\": \"m\", \"goal\": \"maximize\", \"from\": "
		"\"json:a[0].b\"}],\n"
		"\"limits\": {\"wall\": \"5m\", \"cpus\": 0.1}, \"min_delta\": \"1%\",\n"
		"\"proposer\": {\"kind\": \"builtin\", \"pool\": [[\"a\", \"b\"]]}}";
	static const struct {
		const char *text, *name;
	} seeds[] = { { full, "autoexp.yaml" },
		      { BASE, "autoexp.yaml" },
		      { json, "autoexp.json" } };
	char text[4096];
	unsigned fine = 0;

	for (unsigned i = 0; i < 6000; i++) {
		size_t seed = i % ARRAY_SIZE(seeds), len = strlen(seeds[seed].text);
		struct config *c = NULL;
		struct sbx_err err = { 0 };
		int r;

		memcpy(text, seeds[seed].text, len);
		for (size_t n = 1 + random_below(4); n > 0; n--)
			mutate(text, &len, sizeof(text));
		r = config_parse(text, len, seeds[seed].name, "/r", &c, &err);
		if (r == 0) {
			assert_sound(c);
			fine++;
		} else {
			assert_int_equal(r, -EINVAL);
			assert_null(c);
			assert_non_null(str_after(err.msg, seeds[seed].name));
		}
		config_free(c);
	}
	/* Changes within comments, names and numbers leave many valid. */
	assert_true(fine > 100 && fine < 5900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(omitted_keys_have_defaults),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(metrics_are_read),
		cmocka_unit_test(json_is_read_as_well),
		cmocka_unit_test(harness_words_that_look_like_files),
		cmocka_unit_test(the_target_is_not_the_harness),
		cmocka_unit_test(caps_are_set_from_text),
		cmocka_unit_test(tags_are_names_of_branches),
		cmocka_unit_test(experiments_are_the_same_or_not),
		cmocka_unit_test(files_are_found_and_know_where_they_are),
		cmocka_unit_test(changed_files_are_refused_or_sound),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
