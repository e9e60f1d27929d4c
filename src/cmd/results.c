/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/view.h"
#include "ui/term.h"

static const char help[] =
	"usage: autoexp results [--tag TAG] [--json]\n"
	"\n"
	"Print every experiment of a campaign that is over, the baseline (0000) first.\n"
	"\n"
	"  --tag TAG   the campaign; without it: `tag:` of autoexp.yaml, else the only "
	"one\n"
	"  --json      one array with an object for each experiment\n"
	"  -h, --help  this text\n"
	"\n"
	"The same as a table for other programs: .autoexp/TAG/results.tsv. A crash has "
	"no\n"
	"metrics; the table shows 0.0000 there, so filter by status.\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
	"\n"
	"Example: autoexp results --json | jq '.[] | select(.status == \"keep\")'\n";

struct table {
	json_t *json; /* NULL: print lines */
	struct term term;
	bool header;
	struct view *view;
};

static json_t *row_json(const struct campaign *c, const struct row *row)
{
	json_t *metrics = json_object();
	bool crash = row->decision->status == STATUS_CRASH;

	for (unsigned i = 0; row->metrics && !crash && i < row->n_metrics; i++)
		json_object_set_new(metrics, c->metrics[i], json_real(row->metrics[i]));
	return json_pack(
		"{s:i, s:s, s:s, s:o, s:s, s:s, s:s?, s:s, s:s, s:I, s:s}", "number",
		(int)row->number, "commit", row->commit, "parent",
		row->number ? row->parent : "", "metrics", metrics, "status",
		status_name(row->decision->status), "description", row->description,
		"verdict", row->outcome ? verdict_name(row->outcome->verdict) : NULL,
		"reason", row->decision->reason, "proposer", row->proposer, "wall_us",
		(json_int_t)(row->outcome ? row->outcome->wall_us : 0), "time",
		row->time);
}

static void print_header(struct table *t)
{
	const struct campaign *c = &t->view->campaign;

	printf("%s%-5s %-12s", term_colour(&t->term, TERM_BOLD), "N", "commit");
	for (unsigned i = 0; i < c->n_metrics; i++)
		printf(" %14s", c->metrics[i]);
	printf("  %-8s description%s\n", "status", term_colour(&t->term, TERM_PLAIN));
}

static void print_row(struct table *t, const struct row *row)
{
	static const enum term_colour colours[] = { TERM_GREEN, TERM_PLAIN, TERM_RED };
	enum status status = row->decision->status;
	char text[RESULTS_TEXT_MAX + 1], shown[RESULTS_TEXT_MAX * 4 + 1];

	printf("%04u  %.12s", row->number, row->commit);
	for (unsigned i = 0; i < row->n_metrics; i++) {
		if (row->metrics && status != STATUS_CRASH)
			printf(" %14.6g", row->metrics[i]);
		else
			printf(" %14s", "-");
	}
	results_describe(text, sizeof(text), row);
	printf("  %s%-8s%s %s\n", term_colour(&t->term, colours[status]),
	       status_name(status), term_colour(&t->term, TERM_PLAIN),
	       escape_str(shown, sizeof(shown), text));
}

static int on_row(const struct row *row, void *user, struct sbx_err *err)
{
	struct table *t = user;

	if (t->json)
		return json_array_append_new(t->json, row_json(&t->view->campaign, row)) <
				       0
			       ? sbx_err_oom(err, "cmd")
			       : 0;
	if (!t->header)
		print_header(t);
	t->header = true;
	print_row(t, row);
	return 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	cleanup_view struct view v = VIEW_INIT;
	cleanup_json json_t *json = NULL;
	struct table table = { .view = &v };
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
	if (as_json)
		table.json = json = json_array();
	term_init(&table.term, stdout);
	if (view_open(&v, tag, &err) < 0 || view_rows(&v, on_row, &table, &err) < 0)
		return command_fail(cmd, &err);
	if (as_json)
		return command_print_json(cmd, json);
	if (!table.header)
		printf("campaign %s has no experiment yet\n", v.tag);
	return command_flush(cmd);
}

const struct command command_results = { "results", "list the experiments of a campaign",
					 help, run };
