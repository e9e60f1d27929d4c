/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"
#include "cmd/command.h"
#include "cmd/view.h"
#include "loop/fsck.h"

static const char help[] =
	"usage: autoexp fsck [--repair] [--tag TAG] [--json]\n"
	"\n"
	"Does everything that is kept of a campaign agree: the journal with its "
	"checksums, "
	"each\n"
	"experiment's commit and reference, the branch, results.tsv and budget.log? "
	"Nothing "
	"is\n"
	"changed without --repair, and nobody may be running the campaign meanwhile.\n"
	"\n"
	"  --repair    mend what can be mended. A line of the journal in which one byte "
	"is "
	"wrong\n"
	"              is put right. Where more is lost the journal ends there; the old "
	"file "
	"is\n"
	"              set aside, the experiments keep their numbers and commits, and "
	"what "
	"was\n"
	"              used of the caps stays used. References, branch, results.tsv and\n"
	"              budget.log are made again from the journal\n"
	"  --tag TAG   the campaign; without it: `tag:` of autoexp.yaml, else the only "
	"one\n"
	"  --json      one object\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0 all is well, or is now; 1 something is not, or failed; 2 wrong "
	"usage.\n"
	"\n"
	"Example: autoexp fsck --repair\n";

static const char *const kind_names[] = {
	[FSCK_NOTE] = "note",
	[FSCK_FAULT] = "fault",
	[FSCK_MENDED] = "mended",
};
static_assert(ARRAY_SIZE(kind_names) == _FSCK_MAX, "every kind has its word");

struct findings {
	json_t *list; /* NULL: print them */
	bool failed;
};

static void on_finding(enum fsck_kind kind, const char *text, void *user)
{
	struct findings *f = user;
	char shown[1200];

	escape_str(shown, sizeof(shown), text);
	if (!f->list)
		printf("%-8s%s\n", kind_names[kind], shown);
	else if (json_array_append_new(f->list,
				       json_pack("{s:s, s:s}", "kind", kind_names[kind],
						 "text", shown)) < 0)
		f->failed = true;
}

static void print_sum(const char *tag, const struct fsck_result *r)
{
	printf("campaign %s: %u events, %u experiments; ", tag, r->events,
	       r->experiments);
	if (r->faults)
		printf("%u faults", r->faults);
	else
		printf("%s", r->mended ? "mended" : "all is well");
	if (r->faults && r->mended)
		printf(", %u mended", r->mended);
	printf("\n");
}

static int report(const struct command *cmd, const char *tag, struct findings *f,
		  const struct fsck_result *r)
{
	cleanup_json json_t *j = NULL;
	int status;

	if (!f->list) {
		print_sum(tag, r);
		status = command_flush(cmd);
	} else {
		j = json_pack("{s:s, s:i, s:i, s:i, s:i, s:O}", "tag", tag, "events",
			      (int)r->events, "experiments", (int)r->experiments,
			      "faults", (int)r->faults, "mended", (int)r->mended,
			      "findings", f->list);
		if (!j || f->failed) {
			fprintf(stderr, "autoexp fsck: out of memory\n");
			return EXIT_FAILED;
		}
		status = command_print_json(cmd, j);
	}
	return status == EXIT_DONE && r->faults ? EXIT_FAILED : status;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	cleanup_repo struct repo *repo = NULL;
	cleanup_json json_t *list = NULL;
	cleanup_free char *tag = NULL;
	cleanup_close int dir_fd = -EBADF;
	struct findings f = { 0 };
	struct fsck_result result;
	struct sbx_err err = { 0 };
	const char *wanted = NULL;
	bool repair = false, as_json = false;
	const struct opt opts[] = { { "repair", 0, OPT_FLAG, &repair },
				    { "tag", 0, OPT_TEXT, &wanted },
				    { "json", 0, OPT_FLAG, &as_json },
				    { 0 } };
	int r;

	r = opts_parse(cmd, opts, argc, argv, NULL);
	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	f.list = list = as_json ? json_array() : NULL;
	if (as_json && !list)
		return EXIT_FAILED;
	r = repo_open(".", &repo, &err);
	if (r == 0)
		r = view_choose(repo, wanted, &tag, &dir_fd, &err);
	if (r == 0)
		r = fsck_campaign(repo, tag, repair, on_finding, &f, &result, &err);
	if (r != 0) {
		fflush(stdout);
		return command_fail(cmd, &err);
	}
	return report(cmd, tag, &f, &result);
}

const struct command command_fsck = { "fsck",
				      "check what is kept of a campaign, and mend it",
				      help, run };
