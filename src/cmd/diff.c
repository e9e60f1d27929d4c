/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"
#include "cmd/command.h"
#include "cmd/view.h"
#include "repo/diff.h"
#include "ui/term.h"

static const char help[] =
	"usage: autoexp diff [--tag TAG] N\n"
	"\n"
	"What experiment N (7 or 0007) changed in the target, against the best at that "
	"time.\n"
	"\n"
	"  --tag TAG   the campaign; without it: `tag:` of autoexp.yaml, else the only "
	"one\n"
	"  -h, --help  this text\n"
	"\n"
	"On a terminal control characters are shown as \\xNN; into a file or pipe the "
	"diff goes\n"
	"as it is.\n"
	"\n"
	"Exit status: 0 done, 1 failed (there is no such experiment), 2 wrong usage.\n"
	"\n"
	"Example: autoexp diff 7\n";

static void print_line(const struct term *t, const char *p, size_t len)
{
	enum term_colour colour = *p == '+'   ? TERM_GREEN
				  : *p == '-' ? TERM_RED
					      : TERM_PLAIN;
	cleanup_buf struct buf shown = BUF_INIT;

	for (const char *end = p + len; p < end;) {
		const char *tab = memchr(p, '\t', (size_t)(end - p));

		escape_add(&shown, p, (size_t)((tab ? tab : end) - p));
		if (tab)
			buf_puts(&shown, "\t");
		p = tab ? tab + 1 : end;
	}
	printf("%s%s%s\n", term_colour(t, colour), buf_str(&shown),
	       term_colour(t, TERM_PLAIN));
}

static void print_diff(const struct buf *diff)
{
	const char *p = diff->data, *end = p + diff->len;
	struct term t;

	term_init(&t, stdout);
	if (!isatty(STDOUT_FILENO)) {
		fwrite(diff->data, 1, diff->len, stdout);
		return;
	}
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		print_line(&t, p, len);
		p += len + 1;
	}
}

static int run(const struct command *cmd, int argc, char **argv)
{
	cleanup_view struct view v = VIEW_INIT;
	cleanup_buf struct buf diff = BUF_INIT;
	struct view_row row = { 0 };
	struct sbx_err err = { 0 };
	const char *tag = NULL;
	const struct opt opts[] = { { "tag", 0, OPT_TEXT, &tag }, { 0 } };
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
	if (row.parent[0] && diff_commits(v.repo, row.parent, row.commit,
					  v.campaign.target, &diff, &err) < 0)
		return command_fail(cmd, &err);
	if (diff.len)
		print_diff(&diff);
	else
		fprintf(stderr, "experiment %04u changes nothing%s\n", row.wanted,
			row.wanted ? "" : ": it is the baseline");
	return command_flush(cmd);
}

const struct command command_diff = { "diff", "what one experiment changed", help, run };
