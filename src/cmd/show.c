/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/escape.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "cmd/command.h"
#include "cmd/view.h"
#include "ledger/derived.h"
#include "loop/rundir.h"
#include "ui/report.h"

#define TAIL_BYTES 4096

static const char help[] =
	"usage: autoexp show [--tag TAG] [--json] N\n"
	"\n"
	"All about experiment N (7 or 0007; 0 is the baseline): what was tried, how it "
	"ended and\n"
	"why, what was measured and enforced, and the end of the harness's output.\n"
	"\n"
	"  --tag TAG   the campaign; without it: `tag:` of autoexp.yaml, else the only "
	"one\n"
	"  --json      the run's record, .autoexp/TAG/runs/NNNN/run.json\n"
	"  -h, --help  this text\n"
	"\n"
	"Output of the harness is untrusted: control characters are shown as \\xNN.\n"
	"\n"
	"Exit status: 0 done, 1 failed (there is no such experiment), 2 wrong usage.\n"
	"\n"
	"Example: autoexp show 7\n";

static int read_record(int dir_fd, json_t **ret, struct sbx_err *err)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	r = file_read(dir_fd, "run.json", O_NOFOLLOW, 16 << 20, &text);
	if (r < 0)
		return sbx_err_errno(err, r, "cmd",
				     "cannot read the run's record run.json");
	return json_parse(text.data, text.len, "run.json", ret, err);
}

static void print_metrics(const struct view *v, const struct view_row *row)
{
	for (unsigned i = 0; row->has_metrics && i < v->campaign.n_metrics; i++) {
		char change[32] = "", number[32];

		if (row->has_incumbent)
			report_change(change, sizeof(change), row->incumbent[i],
				      row->metrics[i]);
		printf("%-12s%s", v->campaign.metrics[i],
		       results_metric(number, sizeof(number), row->metrics[i]));
		if (row->has_incumbent)
			printf("  (against %s%s%s)",
			       results_metric(number, sizeof(number), row->incumbent[i]),
			       *change ? ", " : "", change);
		putchar('\n');
	}
}

static void print_row(const struct view *v, const struct view_row *row)
{
	char text[JOURNAL_TEXT_MAX * 4 + 1], wall[32], cpu[32], peak[32];
	const struct outcome *o = &row->outcome;

	printf("%-12s%04u of campaign %s, decided %s\n", "experiment", row->wanted,
	       v->tag, row->time);
	printf("%-12s%s\n", "tried", escape_str(text, sizeof(text), row->description));
	printf("%-12s%s: %s\n", "status", status_name(row->decision.status),
	       escape_str(text, sizeof(text), row->decision.reason));
	print_metrics(v, row);
	printf("%-12s%s", "commit", row->commit);
	if (row->parent[0])
		printf(" on %.12s", row->parent);
	putchar('\n');
	if (!row->has_outcome) {
		printf("%-12snot run\n", "run");
		return;
	}
	format_duration(wall, sizeof(wall), o->wall_us);
	format_duration(cpu, sizeof(cpu), o->cpu_us);
	format_size(peak, sizeof(peak), o->memory_peak_bytes);
	printf("%-12s%s: %s\n", "run", verdict_name(o->verdict),
	       escape_str(text, sizeof(text), o->reason));
	printf("%-12swall %s, CPU %s, memory at most %s\n", "took", wall, cpu, peak);
}

static void print_limits(const json_t *record)
{
	cleanup_buf struct buf line = BUF_INIT;

	report_enforcement(&line, record);
	if (line.len)
		printf("%-12s%s\n", "enforcement", buf_str(&line));
}

static void print_tail(const char *tail, size_t n)
{
	const char *p = tail, *end = tail + n;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);
		char shown[1000];

		printf("  | %s\n", escape_text(shown, sizeof(shown), p, len));
		p += len + 1;
	}
}

static void print_evidence(const struct view *v, const struct view_row *row)
{
	cleanup_close int derived = -EBADF, dir = -EBADF;
	cleanup_buf struct buf tail = BUF_INIT;
	cleanup_json json_t *record = NULL;
	const char *workdir = repo_workdir(v->repo);

	if (derived_dir_open(workdir, v->tag, false, &derived, NULL) < 0 ||
	    rundir_open(derived, row->wanted, false, &dir, NULL) < 0) {
		printf("%-12sthe run's files in .autoexp/%s/runs are gone\n", "files",
		       v->tag);
		return;
	}
	if (read_record(dir, &record, NULL) == 0)
		print_limits(record);
	printf("%-12s%s/.autoexp/%s/runs/%04u/\n", "files", workdir, v->tag, row->wanted);
	if (rundir_tail(dir, TAIL_BYTES, &tail) < 0 || !tail.len)
		return;
	printf("%-12s\n", "output ends");
	print_tail(tail.data, tail.len);
}

static int print_json(const struct command *cmd, const struct view *v,
		      const struct view_row *row, struct sbx_err *err)
{
	cleanup_close int derived = -EBADF, dir = -EBADF;
	cleanup_json json_t *record = NULL;

	if (derived_dir_open(repo_workdir(v->repo), v->tag, false, &derived, err) < 0 ||
	    rundir_open(derived, row->wanted, false, &dir, err) < 0 ||
	    read_record(dir, &record, err) < 0)
		return command_fail(cmd, err);
	return command_print_json(cmd, record);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	cleanup_view struct view v = VIEW_INIT;
	struct view_row row = { 0 };
	struct sbx_err err = { 0 };
	const char *tag = NULL;
	bool as_json = false;
	const struct opt opts[] = { { "tag", 0, OPT_TEXT, &tag },
				    { "json", 0, OPT_FLAG, &as_json },
				    { 0 } };
	int rest, r;

	r = opts_parse(cmd, opts, argc, argv, &rest);
	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	if (rest != 1)
		return command_usage(cmd, "give one experiment's number");
	if (command_number(argv[0], &row.wanted) < 0)
		return command_usage(cmd, "'%s' is not the number of an experiment",
				     argv[0]);
	if (view_open(&v, tag, &err) < 0 || view_row(&v, &row, &err) < 0)
		return command_fail(cmd, &err);
	if (as_json)
		return print_json(cmd, &v, &row, &err);
	print_row(&v, &row);
	print_evidence(&v, &row);
	return command_flush(cmd);
}

const struct command command_show = { "show", "all about one experiment", help, run };
