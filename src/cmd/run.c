/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "cmd/command.h"
#include "cmd/place.h"
#include "cmd/trust.h"
#include "loop/loop.h"
#include "ui/report.h"
#include "ui/watch.h"

static const char help[] =
	"usage: autoexp run [OPTION]...\n"
	"\n"
	"Start a campaign, or go on with it where it stopped: propose an edit to the "
	"target,\n"
	"commit it on the branch autoexp/TAG, run the harness in a box, keep what is "
	"better, log,\n"
	"and repeat until a cap is reached. Your checkout, index and HEAD are never "
	"touched;\n"
	"what is measured is what is committed.\n"
	"\n"
	"  --config FILE         the configuration; without it autoexp.yaml, then "
	"autoexp.json\n"
	"  --tag TAG             the campaign; without it: `tag:` of the configuration, "
	"else the\n"
	"                        only campaign there is, else the target's name and the "
	"date\n"
	"  --max-experiments N   cap on experiments of the whole campaign, or "
	"`unlimited`\n"
	"  --max-cost USD        cap on dollars, likewise\n"
	"  --max-hours H         cap on hours of active time, likewise\n"
	"  --soft-limits         where this host cannot enforce a limit, accept a "
	"watchdog that\n"
	"                        samples and kills; `autoexp doctor` says what holds "
	"here\n"
	"  --until-logout        start although a logout ends this campaign, where it "
	"runs "
	"in a\n"
	"                        user's systemd and the user does not linger\n"
	"  --trust               accept what the configuration reaches outside the box\n"
	"  -h, --help            this text\n"
	"\n"
	"Ctrl-C once stops after this experiment, twice now: the run is then recorded "
	"as\n"
	"interrupted, not counted, and run again next time. SIGTERM and a terminal that "
	"closes\n"
	"mean now, too; under nohup it goes on. From elsewhere: `autoexp stop`.\n"
	"\n"
	"Exit status: 0 done (also at a cap, and says so), 1 failed, 2 usage or "
	"configuration.\n"
	"\n"
	"Example: autoexp run --max-experiments 20 --max-hours 0.5\n";

static int exit_status(const struct loop_result *result)
{
	switch (result->end) {
	case LOOP_BASELINE:
	case LOOP_SETUP:
	case LOOP_TAMPER:
		return EXIT_FAILED;
	default:
		return EXIT_DONE;
	}
}

static void print_end(const struct command *cmd, struct watch *w, const struct session *s,
		      const struct loop_result *result)
{
	const struct campaign *c = &s->ledger.campaign;
	struct report_end end = {
		.config = s->config,
		.campaign = c,
		.target = s->target,
		.workdir = repo_workdir(s->repo),
		.reason = result->reason,
		.active_us = session_active_us(s),
	};

	watch_clear(w);
	if (c->baseline.known) {
		fputc('\n', w->term.out);
		report_end(&w->term, &end);
	}
	if (exit_status(result) == EXIT_DONE)
		return;
	fprintf(stderr, "autoexp run: %s\n", result->reason);
	command_remedy(cmd, result->reason);
	if (result->end == LOOP_BASELINE)
		fprintf(stderr,
			"autoexp run: its whole output: "
			"%s/.autoexp/%s/runs/0000/output.log\n",
			repo_workdir(s->repo), s->tag);
}

struct run_options {
	struct session_options session;
	bool trust, until_logout;
};

static int campaign(const struct command *cmd, const struct run_options *o)
{
	cleanup_session struct session s = SESSION_INIT;
	struct loop_result result = { LOOP_ON };
	struct sbx_err err = { 0 };
	struct watch watch;

	watch_init(&watch, stdout, false);
	if (session_prepare(&s, &o->session, &watch.observer, &err) < 0 ||
	    place_campaign(o->session.soft, o->until_logout, &err) < 0 ||
	    trust_check(s.repo, s.config, o->trust, &err) < 0 ||
	    session_open(&s, &err) < 0 || loop_run(&s, &result, &err) < 0) {
		watch_clear(&watch);
		fflush(stdout);
		return command_fail(cmd, &err);
	}
	print_end(cmd, &watch, &s, &result);
	return exit_status(&result);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct run_options o = { 0 };
	const struct opt opts[] = {
		{ "config", 0, OPT_TEXT, &o.session.config },
		{ "tag", 0, OPT_TEXT, &o.session.tag },
		{ "max-experiments", 0, OPT_TEXT, &o.session.caps[CAP_EXPERIMENTS] },
		{ "max-cost", 0, OPT_TEXT, &o.session.caps[CAP_COST_NANO] },
		{ "max-hours", 0, OPT_TEXT, &o.session.caps[CAP_WALL_US] },
		{ "soft-limits", 0, OPT_FLAG, &o.session.soft },
		{ "until-logout", 0, OPT_FLAG, &o.until_logout },
		{ "trust", 0, OPT_FLAG, &o.trust },
		{ 0 },
	};
	int r;

	r = opts_parse(cmd, opts, argc, argv, NULL);
	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	/* A reader of our output that goes away must not end the campaign. */
	signal(SIGPIPE, SIG_IGN);
	return campaign(cmd, &o);
}

const struct command command_run = { "run", "start a campaign or go on with it", help,
				     run };
