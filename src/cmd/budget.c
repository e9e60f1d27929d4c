/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/escape.h"
#include "base/parse.h"
#include "cmd/command.h"
#include "ledger/group.h"

static const char help[] =
	"usage: autoexp budget [NAME] [--max-experiments N] [--max-cost USD] "
	"[--max-hours H]\n"
	"                      [--json]\n"
	"\n"
	"A budget that several campaigns share: those whose configuration has\n"
	"`budget_group: NAME`. With a cap the group is made, or its cap changed; without "
	"one "
	"it\n"
	"is shown with what each campaign used of it. Without NAME all groups are "
	"listed.\n"
	"\n"
	"Each campaign's own caps bind as well. While a campaign is at a call or a run, "
	"the "
	"most\n"
	"that this can take counts as used; so does what a campaign was at that was "
	"killed, "
	"until\n"
	"it goes on. The book is in $XDG_STATE_HOME/autoexp/groups, else in\n"
	"~/.local/state/autoexp/groups.\n"
	"\n"
	"  --max-experiments N   cap on experiments of all of them together, or "
	"`unlimited`\n"
	"  --max-cost USD        cap on dollars, likewise\n"
	"  --max-hours H         cap on hours of active time, likewise\n"
	"  --json                one object\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
	"\n"
	"Example: autoexp budget night --max-cost 20 --max-hours 12\n";

static json_t *used_json(const struct used *u)
{
	return json_pack("{s:i, s:f, s:f}", cap_names[CAP_EXPERIMENTS],
			 (int)u->experiments, cap_names[CAP_COST_NANO],
			 (double)u->nano / 1e9, cap_names[CAP_WALL_US],
			 (double)u->active_us / 3600e6);
}

static int print_json(const struct command *cmd, const char *name,
		      const struct group_book *b)
{
	cleanup_json json_t *j = NULL, *list = json_array();

	for (size_t i = 0; i < b->n; i++) {
		const struct group_member *m = &b->members[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:o}", "tag",
						m->tag, "repository", m->repository,
						"host", m->host, "updated", m->updated,
						"used", used_json(&m->claim)));
	}
	j = json_pack("{s:s, s:o, s:o, s:O}", "group", name, "caps",
		      command_caps_json(b->caps), "used", used_json(&b->sum), "campaigns",
		      list);
	if (!j) {
		fprintf(stderr, "autoexp budget: out of memory\n");
		return EXIT_FAILED;
	}
	return command_print_json(cmd, j);
}

static void print_used(const char *label, const struct used *u, const uint64_t *caps)
{
	char cost[40], hours[40], cap[_CAP_MAX][60] = { "", "", "" };

	for (int i = 0; caps && i < _CAP_MAX; i++) {
		memcpy(cap[i], " of ", 5);
		config_format_cap((enum cap)i, caps[i], cap[i] + 4, sizeof(cap[i]) - 4);
	}
	budget_dollars(cost, sizeof(cost), u->nano);
	format_duration(hours, sizeof(hours), u->active_us / USEC_PER_SEC * USEC_PER_SEC);
	printf("%-10s%u%s experiments, %s%s, %s%s", label, u->experiments,
	       cap[CAP_EXPERIMENTS], cost,
	       *cap[CAP_COST_NANO] ? cap[CAP_COST_NANO] : " USD",
	       u->active_us < USEC_PER_SEC ? "0s" : hours, cap[CAP_WALL_US]);
}

static int print_text(const struct command *cmd, const char *name,
		      const struct group_book *b)
{
	char shown[400];

	printf("%-10s%s\n", "group", name);
	print_used("used", &b->sum, b->caps);
	printf("\n");
	for (size_t i = 0; i < b->n; i++) {
		const struct group_member *m = &b->members[i];

		print_used(i ? "" : "campaigns", &m->claim, NULL);
		printf(": %s of ", escape_str(shown, sizeof(shown), m->tag));
		printf("%s on ", escape_str(shown, sizeof(shown), m->repository));
		printf("%s, %s\n", escape_str(shown, sizeof(shown), m->host), m->updated);
	}
	return command_flush(cmd);
}

static int show(const struct command *cmd, const char *name, bool as_json)
{
	struct group_book b = { 0 };
	struct sbx_err err = { 0 };
	int status;

	if (group_read(name, &b, &err) < 0)
		return command_fail(cmd, &err);
	status = as_json ? print_json(cmd, name, &b) : print_text(cmd, name, &b);
	group_book_done(&b);
	return status;
}

static int list(const struct command *cmd, bool as_json)
{
	cleanup_strv char **names = NULL;
	cleanup_json json_t *j = NULL, *all = json_array();
	struct sbx_err err = { 0 };

	if (group_list(&names, &err) < 0)
		return command_fail(cmd, &err);
	for (char **n = names; n && *n; n++) {
		json_array_append_new(all, json_string(*n));
		if (!as_json)
			printf("%s\n", *n);
	}
	if (!as_json && !names)
		printf("there is no budget group yet (autoexp budget --help)\n");
	if (!as_json)
		return command_flush(cmd);
	j = json_pack("{s:O}", "groups", all);
	return j ? command_print_json(cmd, j) : EXIT_FAILED;
}

/* The caps of the command line, read as those of `run` are. */
static int set_caps(const struct command *cmd, const char *name, const char *const *text)
{
	cleanup_config struct config *c = calloc(1, sizeof(*c));
	bool given[_CAP_MAX] = { false };
	struct sbx_err err = { 0 };
	int r = 0;

	if (!c)
		r = sbx_err_oom(&err, "budget");
	for (int i = 0; r == 0 && i < _CAP_MAX; i++) {
		given[i] = text[i];
		if (text[i] && (r = config_set_cap(c, (enum cap)i, text[i], &err)) < 0)
			sbx_err_wrap(&err, r, "%s", cap_options[i]);
	}
	if (r == 0)
		r = group_set_caps(name, c->caps, given, &err);
	return r < 0 ? command_fail(cmd, &err) : EXIT_DONE;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	const char *caps[_CAP_MAX] = { NULL };
	struct sbx_err err = { 0 };
	bool as_json = false, change;
	const struct opt opts[] = {
		{ "max-experiments", 0, OPT_TEXT, &caps[CAP_EXPERIMENTS] },
		{ "max-cost", 0, OPT_TEXT, &caps[CAP_COST_NANO] },
		{ "max-hours", 0, OPT_TEXT, &caps[CAP_WALL_US] },
		{ "json", 0, OPT_FLAG, &as_json },
		{ 0 },
	};
	int n = 0, r;

	r = opts_parse(cmd, opts, argc, argv, &n);
	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	change = caps[CAP_EXPERIMENTS] || caps[CAP_COST_NANO] || caps[CAP_WALL_US];
	if (n > 1)
		return command_usage(cmd, "one group at a time, not '%s' as well",
				     argv[1]);
	if (n == 0 && change)
		return command_usage(cmd, "whose caps? give the name of a group");
	if (n == 0)
		return list(cmd, as_json);
	if (group_check_name(argv[0], &err) < 0)
		return command_usage(cmd, "%s", err.msg);
	if (change && (r = set_caps(cmd, argv[0], caps)) != EXIT_DONE)
		return r;
	return show(cmd, argv[0], as_json);
}

const struct command command_budget = { "budget", "a budget that several campaigns share",
					help, run };
