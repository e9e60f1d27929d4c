/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/escape.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/view.h"
#include "ledger/lock.h"
#include "ui/report.h"

static const char help[] = "usage: autoexp status [--tag TAG] [--json]\n"
			   "\n"
			   "Where a campaign stands: whether a supervisor works on it, "
			   "what is used of the caps,\n"
			   "the baseline and the best so far.\n"
			   "\n"
			   "  --tag TAG   the campaign; without it: `tag:` of "
			   "autoexp.yaml, else the only one\n"
			   "  --json      one object\n"
			   "  -h, --help  this text\n"
			   "\n"
			   "Exit status: 0 done, 1 failed, 2 wrong usage.\n"
			   "\n"
			   "Example: autoexp status --json | jq .best\n";

static const char *const stage_names[] = {
	[PENDING_NONE] = "none",         [PENDING_PROPOSED] = "proposed",
	[PENDING_COMMITTED] = "waiting", [PENDING_RUNNING] = "running",
	[PENDING_MEASURED] = "measured",
};
static_assert(ARRAY_SIZE(stage_names) == _PENDING_MAX, "every stage has its word");

static json_t *mark_json(const struct view *v, const struct mark *m)
{
	json_t *metrics;

	if (!m->known)
		return json_null();
	metrics = json_object();
	for (unsigned i = 0; i < v->campaign.n_metrics; i++)
		json_object_set_new(metrics, v->campaign.metrics[i],
				    json_real(m->metrics[i]));
	return json_pack("{s:i, s:s, s:o}", "number", (int)m->number, "commit", m->commit,
			 "metrics", metrics);
}

static json_t *pending_json(const struct pending *p)
{
	if (p->stage == PENDING_NONE)
		return json_null();
	return json_pack("{s:i, s:s, s:s, s:s, s:i}", "number", (int)p->number, "stage",
			 stage_names[p->stage], "description", p->description, "commit",
			 p->commit, "attempts", (int)p->attempts);
}

static int print_json(const struct command *cmd, const struct view *v,
		      const struct lock_holder *holder)
{
	const struct campaign *c = &v->campaign;
	cleanup_json json_t *j = NULL;

	j = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o,"
		      " s:{s:i, s:f, s:f}, s:{s:i, s:i, s:i}, s:s, s:s}",
		      "tag", c->tag, "target", c->target, "base", c->base, "branch",
		      c->branch, "running",
		      holder ? json_pack("{s:i, s:s, s:s}", "pid", (int)holder->pid,
					 "host", holder->host, "since", holder->since)
			     : json_null(),
		      "baseline", mark_json(v, &c->baseline), "best",
		      mark_json(v, &c->incumbent), "pending", pending_json(&c->pending),
		      "used", cap_names[CAP_EXPERIMENTS], (int)c->experiments,
		      cap_names[CAP_COST_NANO], (double)c->cost_nano / 1e9,
		      cap_names[CAP_WALL_US], (double)c->active_us / 3600e6, "counts",
		      "keep", (int)c->counts[STATUS_KEEP], "discard",
		      (int)c->counts[STATUS_DISCARD], "crash",
		      (int)c->counts[STATUS_CRASH], "stopped", c->stopped, "last_event",
		      c->last_time);
	if (!j ||
	    json_object_set_new(j, "caps", command_caps_json(v->config->caps)) < 0) {
		fprintf(stderr, "autoexp status: out of memory\n");
		return EXIT_FAILED;
	}
	return command_print_json(cmd, j);
}

static int print_text(const struct command *cmd, const struct view *v,
		      const struct lock_holder *holder)
{
	const struct campaign *c = &v->campaign;
	struct report_end end = {
		.config = v->config,
		.campaign = c,
		.target = c->target,
		.workdir = repo_workdir(v->repo),
		.active_us = c->active_us,
	};
	char text[600];
	struct term t;

	term_init(&t, stdout);
	printf("%-10s%s, target %s, branch autoexp/%s\n", "campaign", c->tag,
	       escape_str(text, sizeof(text), c->target), c->tag);
	if (holder)
		printf("%-10spid %d on %s since %s\n", "running", (int)holder->pid,
		       escape_str(text, sizeof(text), holder->host), holder->since);
	else
		printf("%-10sno; %s\n", "running",
		       c->stopped[0] ? escape_str(text, sizeof(text), c->stopped)
				     : "it did not end in an orderly way; `autoexp run` "
				       "goes on");
	if (c->pending.stage != PENDING_NONE)
		printf("%-10sexperiment %04u, %s: %s\n", "in hand", c->pending.number,
		       !holder && c->pending.stage == PENDING_RUNNING
			       ? "interrupted"
			       : stage_names[c->pending.stage],
		       escape_str(text, sizeof(text), c->pending.description));
	report_end(&t, &end);
	return command_flush(cmd);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	cleanup_view struct view v = VIEW_INIT;
	struct lock_holder holder = { 0 };
	struct sbx_err err = { 0 };
	const char *tag = NULL;
	bool as_json = false;
	const struct opt opts[] = { { "tag", 0, OPT_TEXT, &tag },
				    { "json", 0, OPT_FLAG, &as_json },
				    { 0 } };
	int r;

	r = opts_parse(cmd, opts, argc, argv, NULL);
	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	r = view_open(&v, tag, &err);
	if (r == 0)
		r = lock_peek(v.dir_fd, &holder, &err);
	if (r < 0)
		return command_fail(cmd, &err);
	return as_json ? print_json(cmd, &v, r ? &holder : NULL)
		       : print_text(cmd, &v, r ? &holder : NULL);
}

const struct command command_status = { "status", "where a campaign stands", help, run };
