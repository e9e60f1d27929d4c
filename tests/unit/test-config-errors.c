/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The exact sentence for everything a configuration may not say: where, what was found,
 * what is accepted.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strv.h"
#include "conf/config.h"

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

/* What stands behind "autoexp.yaml:" when @text is refused. */
struct wrong {
	const char *text, *want;
};

static const struct wrong wrong_keys[] = {
	{ "metric: 3", "4:1: unknown key 'metric'; did you mean 'metrics'?" },
	{ "targe: x", "4:1: unknown key 'targe'; did you mean 'target'?" },
	{ "foo: 1", "4:1: unknown key 'foo'; accepted are target, harness, metrics, "
		    "rule, min_delta, repeat, caps, compute_usd_per_hour, budget_group, "
		    "limits, proposer, policy, show, "
		    "scratch_paths, env, network or tag" },
	{ "rule: pimary",
	  "4:7: rule: 'pimary'; accepted is primary, pareto or weighted" },
	{ "rule: pareto",
	  "4:7: rule: 'pareto' compares two metrics and there is one; use 'primary'" },
	{ "rule: [a]", "4:7: rule: a list; accepted is primary, pareto or weighted" },
	{ "min_delta: -1", "4:12: min_delta: '-1'; accepted is a number from 0, or a "
			   "percentage of the incumbent such as 1%" },
	{ "min_delta: 1%%", "4:12: min_delta: '1%%'; accepted is a number from 0, or a "
			    "percentage of the incumbent such as 1%" },
	{ "min_delta: abc", "4:12: min_delta: 'abc'; accepted is a number from 0, or a "
			    "percentage of the incumbent such as 1%" },
	{ "min_delta: \"0.5\"", "4:12: min_delta: '0.5'; accepted is a number from 0, or "
				"a percentage of the incumbent such as 1%" },
	{ "min_delta: 100%", "4:12: min_delta: '100%'; accepted is a number from 0, or a "
			     "percentage of the incumbent such as 1%" },
	{ "repeat: 2", "4:9: repeat: '2'; accepted is an odd number from 1 to 99" },
	{ "repeat: 0", "4:9: repeat: '0'; accepted is an odd number from 1 to 99" },
	{ "repeat: \"3\"",
	  "4:9: repeat: the text '3'; accepted is an odd number from 1 to 99" },
	{ "repeat: 101", "4:9: repeat: '101'; accepted is an odd number from 1 to 99" },
	{ "caps: {max_experiments: 0}", "4:25: caps.max_experiments: '0'; accepted is a "
					"whole number from 1 to 1000000, or unlimited" },
	{ "caps: {max_experiments: \"50\"}",
	  "4:25: caps.max_experiments: the text '50'; accepted is a number without "
	  "quotes, or unlimited" },
	{ "caps: {max_cost_usd: $5}",
	  "4:22: caps.max_cost_usd: '$5'; accepted is US dollars from 0 to 1000000 "
	  "without a unit, such as 10 or 2.50, or unlimited" },
	{ "caps: {max_cost_usd: 10 USD}",
	  "4:22: caps.max_cost_usd: '10 USD'; accepted is US dollars from 0 to 1000000 "
	  "without a unit, such as 10 or 2.50, or unlimited" },
	{ "caps: {max_wall_clock_hours: 8h}",
	  "4:30: caps.max_wall_clock_hours: '8h'; accepted is hours above 0, at most "
	  "100000, without a unit, such as 8 or 0.5, or unlimited" },
	{ "caps: {max_wall_clock_hours: 0}",
	  "4:30: caps.max_wall_clock_hours: '0'; accepted is hours above 0, at most "
	  "100000, without a unit, such as 8 or 0.5, or unlimited" },
	{ "caps: {max_cost: 3}",
	  "4:8: caps: unknown key 'max_cost'; did you mean 'max_cost_usd'?" },
	{ "caps: 5", "4:7: caps: '5'; accepted is a mapping of keys to values" },
	{ "caps:", "4:6: caps: nothing; accepted is a mapping of keys to values" },
	{ "limits: {wall: 5}",
	  "4:16: limits.wall: '5' is not a duration such as 500ms, 90s, 10m or 2h" },
	{ "limits: {wall: }", "4:16: limits.wall: nothing; accepted is a duration such "
			      "as 500ms, 90s, 10m or 2h" },
	{ "limits: {memory: 1M}",
	  "4:18: limits.memory: '1M' is outside 4MiB to 1024TiB" },
	{ "limits: {memory: 1X}",
	  "4:18: limits.memory: '1X' is not a size such as 64M, 512MiB or 2G" },
	{ "limits: {cpus: 0}", "4:16: limits.cpus: '0' is outside 0.01 to 1000" },
	{ "limits: {pids: many}",
	  "4:16: limits.pids: 'many' is not a whole number of processes and threads" },
	{ "limits: {gpus: [0]}",
	  "4:16: limits.gpus: this version of autoexp does not have 'gpus'; it has "
	  "'gpus: []' only: runs without a GPU" },
	{ "limits: {gpu_memory: 20GiB}",
	  "4:22: limits.gpu_memory: this version of autoexp does not have 'gpu_memory'; "
	  "it has no GPU support" },
	{ "limits: {mem: 1G}",
	  "4:10: limits: unknown key 'mem'; did you mean 'memory'?" },
	{ "limits: {wall: [5m]}", "4:16: limits.wall: a list; accepted is a duration "
				  "such as 500ms, 90s, 10m or 2h" },
	{ "proposer: {kind: llm, provider: anthropic, model: x}",
	  "4:18: proposer.kind: this version of autoexp does not have the proposer "
	  "'llm'; it has builtin, which changes numbers and swaps lines" },
	{ "proposer: {kind: agent, command: x}",
	  "4:18: proposer.kind: this version of autoexp does not have the proposer "
	  "'agent'; it has builtin, which changes numbers and swaps lines" },
	{ "proposer: {kind: foo}", "4:18: proposer.kind: 'foo'; accepted is builtin" },
	{ "proposer: {}",
	  "4:11: proposer: the key 'kind' is missing; accepted is builtin" },
	{ "proposer: builtin",
	  "4:11: proposer: 'builtin'; accepted is a mapping of keys to values" },
	{ "proposer: {kind: builtin, seed: -1}",
	  "4:33: proposer.seed: '-1'; accepted is a whole number from 0" },
	{ "proposer: {kind: builtin, sed: 1}",
	  "4:27: proposer: unknown key 'sed'; did you mean 'seed'?" },
	{ "proposer: {kind: builtin, numbers: \"(\"}",
	  "4:36: proposer.numbers: '(' is not a POSIX extended regular expression: "
	  "Unmatched ( or \\(" },
	{ "proposer: {kind: builtin, pool: []}",
	  "4:33: proposer.pool: a list; accepted is lists of lines that may stand in for "
	  "each other in the target, or one such list; a line is text that is not empty "
	  "and has no line break" },
	{ "proposer: {kind: builtin, pool: [a, [b, c]]}",
	  "4:33: proposer.pool: lines and lists are mixed; accepted is lists of lines "
	  "that may stand in for each other in the target, or one such list; a line is "
	  "text that is not empty and has no line break" },
	{ "proposer: {kind: builtin, pool: [[a]]}",
	  "4:34: proposer.pool[0]: a slot of the pool is a list of two lines or more, "
	  "which may stand in for each other" },
	{ "proposer: {kind: builtin, pool: [[a, a]]}",
	  "4:38: proposer.pool[0][1]: 'a' stands twice in its slot" },
	{ "proposer: {kind: builtin, pool: [[a, \"\"]]}",
	  "4:38: proposer.pool[0][1]: ''; accepted is lists of lines that may stand in "
	  "for each other in the target, or one such list; a line is text that is not "
	  "empty and has no line break" },
	{ "policy: a b", "4:9: policy: 'a b'; accepted is the name of a policy such as "
			 "default, or a path with a slash in it" },
	{ "policy: []", "4:9: policy: a list; accepted is the name of a policy such as "
			"default, or a path with a slash in it" },
	{ "policy: ./t.py",
	  "4:9: policy: the policy is the target; a run must not change its own rules" },
	{ "show: data", "4:7: show: 'data'; accepted is a list of paths the box may "
			"read: absolute, ~/... or below the configuration's directory" },
	{ "show: [/]",
	  "4:8: show[0]: '/' would show the whole host; accepted is a list of paths the "
	  "box may read: absolute, ~/... or below the configuration's directory" },
	{ "show: [/tmp]",
	  "4:8: show[0]: '/tmp' is where other programs keep their sockets; name what "
	  "you need below it; accepted is a list of paths the box may read: absolute, "
	  "~/... or below the configuration's directory" },
	{ "show: [/run/user/0]",
	  "4:8: show[0]: '/run/user/0' leads out of the box or is made by it; accepted "
	  "is a list of paths the box may read: absolute, ~/... or below the "
	  "configuration's directory" },
	{ "show: [../x]",
	  "4:8: show[0]: '../x' has a '..' part; accepted is a list of paths the box may "
	  "read: absolute, ~/... or below the configuration's directory" },
	{ "show: [~]", "4:8: show[0]: '~'; accepted is a list of paths the box may read: "
		       "absolute, ~/... or below the configuration's directory" },
	{ "show: [~bob/x]",
	  "4:8: show[0]: '~bob/x' names another user's home; write the absolute path; "
	  "accepted is a list of paths the box may read: absolute, ~/... or below the "
	  "configuration's directory" },
	{ "show: [.]", "4:8: show[0]: '.' is the directory itself, whose committed files "
		       "a run sees anyway; accepted is a list of paths the box may read: "
		       "absolute, ~/... or below the configuration's directory" },
	{ "show: [t.py]", "4:8: show[0]: '/r/t.py' and the target '/r/t.py' lie within "
			  "each other; they must be apart" },
	{ "show: [/r]", "4:8: show[0]: '/r' and the target '/r/t.py' lie within each "
			"other; they must be apart" },
	{ "show: [.git/x]", "4:8: show[0]: '.git/x' lies in .git or .autoexp, which no "
			    "run may see; accepted is a list of paths the box may read: "
			    "absolute, ~/... or below the configuration's directory" },
	{ "show: [a, a/b]", "4:11: show[1]: '/r/a/b' and the path above '/r/a' lie "
			    "within each other; they must be apart" },
	{ "scratch_paths: [/abs]",
	  "4:17: scratch_paths[0]: '/abs' is absolute; accepted is a list of directories "
	  "below the configuration's directory, such as build" },
	{ "scratch_paths: [a/../b]",
	  "4:17: scratch_paths[0]: 'a/../b' has a '..' part; accepted is a list of "
	  "directories below the configuration's directory, such as build" },
	{ "scratch_paths: [t.py/x]",
	  "4:17: scratch_paths[0]: '/r/t.py/x' and the target '/r/t.py' lie within each "
	  "other; they must be apart" },
	{ "show: [d]\nscratch_paths: [d/x]",
	  "5:17: scratch_paths[0]: '/r/d/x' and the show path '/r/d' lie within each "
	  "other; they must be apart" },
	{ "scratch_paths: [.]",
	  "4:17: scratch_paths[0]: '.' is the directory itself; accepted is a list of "
	  "directories below the configuration's directory, such as build" },
	{ "scratch_paths: build",
	  "4:16: scratch_paths: 'build'; accepted is a list of directories below the "
	  "configuration's directory, such as build" },
	{ "env: [A=b]", "4:7: env[0]: 'A=b'; accepted is a list of names of variables, "
			"without '=' and values" },
	{ "env: [HOME]", "4:7: env[0]: the box has its own 'HOME'" },
	{ "env: [AUTOEXP_X]",
	  "4:7: env[0]: names that begin with AUTOEXP_ are set by autoexp itself" },
	{ "env: [A, A]", "4:10: env[1]: 'A' stands here twice" },
	{ "env: A", "4:6: env: 'A'; accepted is a list of names of variables, without "
		    "'=' and values" },
	{ "network: allowlist",
	  "4:10: network: this version of autoexp does not have an allowlist of hosts; "
	  "it has none (only loopback inside the box) and host" },
	{ "network: {allowlist: [x]}",
	  "4:10: network: this version of autoexp does not have an allowlist of hosts; "
	  "it has none (only loopback inside the box) and host" },
	{ "network: hosts", "4:10: network: 'hosts'; accepted is none or host" },
	{ "network: [host]",
	  "4:10: network: this version of autoexp does not have an allowlist of hosts; "
	  "it has none (only loopback inside the box) and host" },
	{ "tag: a..b", "4:6: tag: 'a..b' cannot be a tag; accepted are up to 64 letters, "
		       "digits, '_', '-' and single '.' inside, such as speed-2" },
	{ "tag: -x", "4:6: tag: '-x' cannot be a tag; accepted are up to 64 letters, "
		     "digits, '_', '-' and single '.' inside, such as speed-2" },
	{ "tag: \"a b\"",
	  "4:6: tag: 'a b' cannot be a tag; accepted are up to 64 letters, digits, '_', "
	  "'-' and single '.' inside, such as speed-2" },
	{ "tag: x.lock",
	  "4:6: tag: 'x.lock' cannot be a tag; accepted are up to 64 letters, digits, "
	  "'_', '-' and single '.' inside, such as speed-2" },
	{ "tag:", "4:5: tag: nothing; accepted is a name such as speed-2" },
	{ "confirm: 3", "4:10: confirm: this version of autoexp does not have 'confirm'; "
			"it has repeat: N, the median of N runs" },
	{ "harness_cost: x",
	  "4:15: harness_cost: this version of autoexp does not have 'harness_cost'; it "
	  "has the cap max_cost_usd for what proposers cost" },
	{ "hooks: x",
	  "4:8: hooks: this version of autoexp does not have 'hooks'; it has no hooks" },
	{ "show_unchecked: [x]", "4:17: show_unchecked: this version of autoexp does not "
				 "have 'show_unchecked'; it has show, with its checks" },
	{ "target: x", "4:1: duplicate key 'target'; it stands in line 1 already" },
	{ "? [a]\n: b", "4:3: a list or mapping as a key; accepted is a word" },
	{ "&a x: 1",
	  "4:1: an anchor (&name); accepted are plain values, lists and mappings" },
	{ "x: *a", "4:4: an alias (*name); text that begins with * stands in quotes" },
	{ "x: !!str y",
	  "4:4: a tag (!name); accepted are plain values, lists and mappings" },
	{ "<<: {a: 1}", "4:1: unknown key '<<'; accepted are target, harness, metrics, "
			"rule, min_delta, repeat, caps, compute_usd_per_hour, "
			"budget_group, limits, proposer, policy, show, "
			"scratch_paths, env, network or tag" },
	{ ": 3", "4:1: did not find expected key (while parsing a block mapping that "
		 "begins in line 1)" },
	{ "---\na: 1", "4:1: a second document; one is accepted" },
	{ "\tx: 1", "4:1: a tab; YAML is indented with spaces" },
	{ "rule: primary: x", "4:14: mapping values are not allowed in this context" },
	{ "rule: \"unterminated", "5:1: found unexpected end of stream (while scanning a "
				  "quoted scalar that begins in line 4)" },
	{ "caps: {a", "5:1: did not find expected ',' or '}' (while parsing a flow "
		      "mapping that begins in line 4)" },
	{ "é: 1", "4:1: unknown key 'é'; accepted are target, harness, metrics, rule, "
		  "min_delta, repeat, caps, compute_usd_per_hour, budget_group, limits, "
		  "proposer, policy, show, "
		  "scratch_paths, env, network or tag" },
	{ "rule: \"\\0\"", "4:7: text with a NUL character inside" },
	{ "rule: @x", "4:7: text that begins with @, ` or % stands in quotes" },
};

static const struct wrong wrong_metrics[] = {
	{ "{name: m}", "3:10: metrics: a mapping; accepted is a list of one or two "
		       "metrics, each with name and goal" },
	{ "x", "3:10: metrics: 'x'; accepted is a list of one or two metrics, each with "
	       "name and goal" },
	{ "[]", "3:10: metrics: 0 metrics; accepted is a list of one or two metrics, "
		"each with name and goal" },
	{ "[{}]", "3:11: metrics[0]: the key 'name' is missing; accepted is up to 64 "
		  "letters, digits, '_', '.' and '-', beginning with a letter or '_'" },
	{ "[{name: a, goal: minimize},{name: b, goal: minimize},{name: c, goal: "
	  "minimize}]",
	  "3:10: metrics: 3 metrics; accepted is a list of one or two metrics, each with "
	  "name and goal" },
	{ "[{name: commit, goal: minimize}]",
	  "3:18: metrics[0].name: 'commit' is a column of results.tsv already; choose "
	  "another name" },
	{ "[{name: a b, goal: minimize}]",
	  "3:18: metrics[0].name: 'a b'; accepted is up to 64 letters, digits, '_', '.' "
	  "and '-', beginning with a letter or '_'" },
	{ "[{name: m, goal: min}]",
	  "3:27: metrics[0].goal: 'min'; accepted is minimize or maximize" },
	{ "[{name: m}]", "3:11: metrics[0]: the key 'goal' is missing; accepted is "
			 "minimize or maximize" },
	{ "[{name: m, goal: minimize, take: best}]",
	  "3:43: metrics[0].take: 'best'; accepted is only, last, first, min or max" },
	{ "[{name: m, goal: minimize, from: fd}]",
	  "3:43: metrics[0].from: this version of autoexp does not have 'from: fd'; it "
	  "has a regex with one group, json:PATH, @wall_ms, @cpu_ms or @peak_mb; without "
	  "'from' the harness prints 'name: value'" },
	{ "[{name: m, goal: minimize, from: @wall}]",
	  "3:43: text that begins with @, ` or % stands in quotes" },
	{ "[{name: m, goal: minimize, from: \"@wall\"}]",
	  "3:43: metrics[0].from: '@wall'; accepted is a regex with one group, "
	  "json:PATH, @wall_ms, @cpu_ms or @peak_mb; without 'from' the harness prints "
	  "'name: value'" },
	{ "[{name: m, goal: minimize, from: \"@wall_ms\", take: last}]",
	  "3:61: metrics[0].take: 'take' chooses among values that a harness prints, and "
	  "autoexp measures 'm' itself, once; leave it out" },
	{ "[{name: m, goal: minimize, from: \"x\"}]",
	  "3:43: metrics[0].from: the regex 'x' has 0 groups; accepted is exactly one "
	  "pair of parentheses, around the number" },
	{ "[{name: m, goal: minimize, from: \"(x)(y)\"}]",
	  "3:43: metrics[0].from: the regex '(x)(y)' has 2 groups; accepted is exactly "
	  "one pair of parentheses, around the number" },
	{ "[{name: m, goal: minimize, from: \"(x\"}]",
	  "3:43: metrics[0].from: '(x' is not a POSIX extended regular expression: "
	  "Unmatched ( or \\(" },
	{ "[{name: m, goal: minimize, from: \"json:\"}]",
	  "3:43: metrics[0].from: 'json:' is no path into a JSON document; accepted is a "
	  "path such as json:loss, json:result.loss or json:runs[0].ms" },
	{ "[{name: m, goal: minimize, from: \"json:a..b\"}]",
	  "3:43: metrics[0].from: 'json:a..b' is no path into a JSON document; accepted "
	  "is a path such as json:loss, json:result.loss or json:runs[0].ms" },
	{ "[{name: m, goal: minimize, max_regression: 1.1}]",
	  "3:53: metrics[0].max_regression: under 'rule: primary' the first metric has "
	  "to get better anyway; a bound belongs to the second one" },
	{ "[{name: m, goal: minimize, weight: 1}]",
	  "3:45: metrics[0].weight: a weight counts under 'rule: weighted' only, and the "
	  "rule is primary" },
	{ "[{name: m, goal: minimize},{name: m, goal: minimize, max_regression: 2}]",
	  "3:44: metrics[1].name: 'm' is the name of the first metric already" },
	{ "[{name: m, goal: minimize},{name: n, goal: minimize}]",
	  "3:37: metrics[1]: under 'rule: primary' the second metric is a constraint and "
	  "needs the key 'max_regression'; accepted is a ratio from 1 (1.05 = at most 5% "
	  "worse than the baseline), {abs: X} or unlimited" },
	{ "[{name: m, goal: minimize},{name: n, goal: minimize, max_regression: 0.05}]",
	  "3:79: metrics[1].max_regression: '0.05'; accepted is a ratio from 1 (1.05 = "
	  "at most 5% worse than the baseline), {abs: X} or unlimited" },
	{ "[{name: m, goal: minimize},{name: n, goal: minimize, max_regression: {abs: "
	  "-1}}]",
	  "3:85: metrics[1].max_regression.abs: '-1'; accepted is a number from 0, in "
	  "the unit of the metric" },
	{ "[{name: m, goal: minimize},{name: n, goal: minimize, max_regression: {rel: "
	  "1}}]",
	  "3:80: metrics[1].max_regression: unknown key 'rel'; accepted is abs" },
	{ "[{name: m, goal: minimize},{name: n, goal: minimize, max_regression: 5%}]",
	  "3:79: metrics[1].max_regression: '5%'; accepted is a ratio from 1 (1.05 = at "
	  "most 5% worse than the baseline), {abs: X} or unlimited" },
};

static const struct wrong wrong_files[] = {
	{ "[]", "1:1: a list; accepted is a mapping of keys to values" },
	{ "x", "1:1: 'x'; accepted is a mapping of keys to values" },
	{ "target: t.py", "1:1: the key 'harness' is missing; accepted is a command such "
			  "as 'python3 evaluate.py', or a list of its words" },
	{ "harness: x\ntarget: t.py",
	  "1:1: the key 'metrics' is missing; accepted is a list of one or two metrics, "
	  "each with name and goal" },
	{ "%YAML 1.1\n---\ntarget: x\n", "1:1: a directive (%); none is accepted" },
	{ "target: autoexp.yaml\nharness: x\nmetrics: [{name: a, goal: minimize}]",
	  "1:9: target: the target is this configuration; a run must not change its own "
	  "rules, so name another file" },
	{ "target: a/\nharness: x\nmetrics: [{name: a, goal: minimize}]",
	  "1:9: target: 'a/' is a directory; accepted is a file below the "
	  "configuration's directory, such as train.py" },
	{ "target: /a\nharness: x\nmetrics: [{name: a, goal: minimize}]",
	  "1:9: target: '/a' is absolute; accepted is a file below the configuration's "
	  "directory, such as train.py" },
	{ "target: t.py\nharness: python3 t.py\nmetrics: [{name: a, goal: minimize}]",
	  "2:10: harness: the harness is the target 't.py' itself, which could then "
	  "print any number; write a small script that runs it and measures" },
	{ "target: t.py\nharness: [./t.py]\nmetrics: [{name: a, goal: minimize}]",
	  "2:10: harness: the harness is the target 't.py' itself, which could then "
	  "print any number; write a small script that runs it and measures" },
	{ "target: t.py\nharness: []\nmetrics: [{name: a, goal: minimize}]",
	  "2:10: harness: a list; accepted is a command such as 'python3 evaluate.py', "
	  "or a list of its words" },
	{ "target: t.py\nharness: {run: x, eval: y}\nmetrics: [{name: a, goal: "
	  "minimize}]",
	  "2:10: harness: this version of autoexp does not have a harness in two stages "
	  "(run: and eval:); it has a command such as 'python3 evaluate.py', or a list "
	  "of its words" },
	{ "target: t.py\nharness: \"\"\nmetrics: [{name: a, goal: minimize}]",
	  "2:10: harness: ''; accepted is a command such as 'python3 evaluate.py', or a "
	  "list of its words" },
	{ "target: t.py\nharness: [a, []]\nmetrics: [{name: a, goal: minimize}]",
	  "2:14: harness[1]: a list; accepted is a command such as 'python3 "
	  "evaluate.py', or a list of its words" },
};

static void assert_wrong(const struct wrong *cases, size_t n, const char *before)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_free char *text = str_printf("%s%s\n", before, cases[i].text);
		cleanup_free char *want = str_printf("autoexp.yaml:%s", cases[i].want);
		struct config *c = NULL;
		struct sbx_err err = { 0 };

		assert_int_equal(parse(text, &c, &err), -EINVAL);
		assert_string_equal(err.msg, want);
		assert_null(c);
	}
}

static void wrong_configurations_are_explained(void **state attr_unused)
{
	setenv("HOME", "/home/me", 1);
	assert_wrong(wrong_keys, ARRAY_SIZE(wrong_keys), BASE);
	assert_wrong(wrong_metrics, ARRAY_SIZE(wrong_metrics),
		     "target: t.py\nharness: x\nmetrics: ");
	assert_wrong(wrong_files, ARRAY_SIZE(wrong_files), "");
}

static void home_and_session_matter_to_show(void **state attr_unused)
{
	struct config *c = NULL;
	struct sbx_err err = { 0 };

	unsetenv("HOME");
	assert_int_equal(parse(BASE "show: [~/x]\n", &c, &err), -EINVAL);
	assert_non_null(strstr(
		err.msg, "autoexp.yaml:4:8: show[0]: '~/x' needs the variable HOME"));
	setenv("HOME", "/home/me", 1);

	setenv("XDG_RUNTIME_DIR", "/srv/session", 1);
	err = (struct sbx_err){ 0 };
	assert_int_equal(parse(BASE "show: [/srv/session/bus]\n", &c, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "is the directory of this session's sockets"));
	unsetenv("XDG_RUNTIME_DIR");
	config_free(must_parse(BASE "show: [/srv/session/bus]\n"));
}

static char dir[] = "/tmp/autoexp-config-XXXXXX";

static int make_dir(void **state attr_unused)
{
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int drop_dir(void **state attr_unused)
{
	return chdir("/") < 0 ? -1 : dir_remove(AT_FDCWD, dir);
}

static void load_fails(const char *path, int code, const char *want)
{
	struct config *c = NULL;
	struct sbx_err err = { 0 };

	assert_int_equal(config_load(path, &c, &err), code);
	assert_string_equal(err.msg, want);
	assert_null(c);
}

static void missing_files_are_explained(void **state attr_unused)
{
	cleanup_free char *want = NULL;

	want = str_printf(
		"there is no autoexp.yaml (or autoexp.json) in %s; name one with "
		"--config, "
		"or begin with one such as: {target: train.py, harness: python3 "
		"evaluate.py, metrics: [{name: loss, goal: minimize}]}",
		dir);
	load_fails(NULL, -ENOENT, want);
	load_fails("other.yaml", -ENOENT,
		   "cannot read the configuration other.yaml: No such file or directory");
	load_fails(".", -EINVAL,
		   ". is no regular file; accepted is a text file such as autoexp.yaml");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	load_fails(
		"fifo", -EINVAL,
		"fifo is no regular file; accepted is a text file such as autoexp.yaml");
	/* The example in the message is a configuration. */
	config_free(must_parse(strchr(want, '{')));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_configurations_are_explained),
		cmocka_unit_test(home_and_session_matter_to_show),
		cmocka_unit_test(missing_files_are_explained),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
