/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cmd/command.h"
#include "cmd/place.h"
#include "cmd/trust.h"
#include "loop/loop.h"
#include "ui/report.h"
#include "ui/watch.h"

enum { EXIT_KEEP = 0, EXIT_CAP = 3, EXIT_DISCARD = 10, EXIT_CRASH = 11 };

static const char help[] =
	"usage: autoexp try [OPTION]...\n"
	"\n"
	"One experiment on the target as it stands in the working tree, for people and "
	"agents\n"
	"who edit by themselves: commit it beside the campaign's branch, measure it in a "
	"box,\n"
	"keep it if it is better. Everything but the target is measured as committed. "
	"The first\n"
	"one starts a campaign and measures the baseline.\n"
	"\n"
	"  -m, --message TEXT  what this edit tries: the description of its row\n"
	"  --file FILE         take the content from here; `-` is standard input\n"
	"  --sync              after a discard or a crash put the best content so far "
	"back into\n"
	"                      the working tree's target; nothing is written there "
	"otherwise\n"
	"  --config FILE       the configuration, as for `autoexp run`\n"
	"  --tag TAG           the campaign, as for `autoexp run`\n"
	"  --soft-limits       as for `autoexp run`\n"
	"  --trust             as for `autoexp run`\n"
	"  --json              the outcome as one object on stdout\n"
	"  -h, --help          this text\n"
	"\n"
	"The caps are those of the last `autoexp run`, else those of the configuration.\n"
	"\n"
	"Exit status: 0 kept, 10 discarded, 11 crashed, 3 a cap forbids to go on, 1 "
	"failed,\n"
	"2 usage or configuration.\n"
	"\n"
	"Example: autoexp try -m 'larger batches' --sync || echo 'not better'\n";

struct try_options {
	struct session_options session;
	const char *message, *file;
	bool sync, trust, json;
};

static int read_content(const struct session *s, const struct try_options *o,
			struct buf *ret, struct sbx_err *err)
{
	const bool input = o->file && streq(o->file, "-");
	const char *path = input ? "standard input" : o->file ? o->file : s->bench.target;
	struct stat st;
	int r;

	if (!o->file && lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return sbx_err_set(err, -ENXIO, "try",
				   "%s is not a regular file any more: put it back, or "
				   "name the content with --file",
				   path);
	r = input ? fd_read_all(STDIN_FILENO, TARGET_BYTES_MAX, ret)
		  : file_read(AT_FDCWD, path, o->file ? 0 : O_NOFOLLOW, TARGET_BYTES_MAX,
			      ret);
	if (r == -EFBIG)
		return sbx_err_set(err, r, "try",
				   "%s has more than the %u bytes that a target may have",
				   path, (unsigned)TARGET_BYTES_MAX);
	return r < 0 ? sbx_err_errno(err, r, "try", "cannot read %s", path) : 0;
}

/* The incumbent's content into the working tree, with the file's own mode. */
static int sync_target(const struct session *s, struct sbx_err *err)
{
	struct stat st;
	int r;

	if (lstat(s->bench.target, &st) < 0 || !S_ISREG(st.st_mode))
		return sbx_err_set(err, -EINVAL, "try",
				   "%s is not a regular file any more", s->bench.target);
	r = file_replace_theirs(AT_FDCWD, s->bench.target, buf_str(&s->incumbent),
				s->incumbent.len, &st);
	return r < 0 ? sbx_err_errno(err, r, "try", "cannot write %s", s->bench.target)
		     : 0;
}

static json_t *metrics_json(const struct session *s, const double *metrics)
{
	json_t *j = json_object();

	for (size_t i = 0; metrics && i < s->config->n_metrics; i++)
		json_object_set_new(j, s->config->metrics[i].name, json_real(metrics[i]));
	return j;
}

static int print_json(const struct command *cmd, const struct session *s,
		      const struct try_result *t)
{
	const struct campaign *c = &s->ledger.campaign;
	bool over = t->end.end == LOOP_ON || t->end.end == LOOP_TAMPER;
	bool measured = over && t->decision.status != STATUS_CRASH;
	cleanup_json json_t *j = NULL;

	j = json_pack("{s:s, s:o, s:s?, s:s?, s:s, s:o, s:o}", "tag", s->tag, "number",
		      over ? json_integer(t->number) : json_null(), "commit",
		      over ? c->pending.commit : NULL, "status",
		      over ? status_name(t->decision.status) : NULL, "reason",
		      over ? t->decision.reason : t->end.reason, "metrics",
		      metrics_json(s, measured ? session_metrics(s, t->number) : NULL),
		      "best",
		      metrics_json(s, c->incumbent.known ? c->incumbent.metrics : NULL));
	return command_print_json(cmd, j);
}

static int exit_status(const struct try_result *t)
{
	static const int of_status[] = { EXIT_KEEP, EXIT_DISCARD, EXIT_CRASH };

	if (t->end.end == LOOP_CAP)
		return EXIT_CAP;
	return t->end.end == LOOP_ON ? of_status[t->decision.status] : EXIT_FAILED;
}

static int experiment(const struct command *cmd, const struct try_options *o)
{
	cleanup_session struct session s = SESSION_INIT;
	cleanup_buf struct buf content = BUF_INIT;
	struct try_result result;
	struct sbx_err err = { 0 };
	struct watch watch;
	int r;

	watch_init(&watch, stdout, o->json);
	place_experiment();
	if (session_prepare(&s, &o->session, &watch.observer, &err) < 0 ||
	    read_content(&s, o, &content, &err) < 0 ||
	    trust_check(s.repo, s.config, o->trust, &err) < 0 ||
	    session_open(&s, &err) < 0 ||
	    loop_try(&s, buf_str(&content), content.len, o->message, &result, &err) < 0) {
		watch_clear(&watch);
		fflush(stdout);
		return command_fail(cmd, &err);
	}
	watch_clear(&watch);
	r = exit_status(&result);
	if (o->json && print_json(cmd, &s, &result) != EXIT_DONE)
		return EXIT_FAILED;
	if (result.end.end != LOOP_ON) {
		fprintf(stderr, "autoexp try: %s\n", result.end.reason);
		command_remedy(cmd, result.end.reason);
	}
	if (o->sync && (r == EXIT_DISCARD || r == EXIT_CRASH) &&
	    sync_target(&s, &err) < 0)
		return command_fail(cmd, &err);
	return r;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct try_options o = { .session.is_try = true, .message = "tried by hand" };
	const struct opt opts[] = {
		{ "message", 'm', OPT_TEXT, &o.message },
		{ "file", 0, OPT_TEXT, &o.file },
		{ "sync", 0, OPT_FLAG, &o.sync },
		{ "config", 0, OPT_TEXT, &o.session.config },
		{ "tag", 0, OPT_TEXT, &o.session.tag },
		{ "soft-limits", 0, OPT_FLAG, &o.session.soft },
		{ "trust", 0, OPT_FLAG, &o.trust },
		{ "json", 0, OPT_FLAG, &o.json },
		{ 0 },
	};
	int r;

	r = opts_parse(cmd, opts, argc, argv, NULL);
	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	signal(SIGPIPE, SIG_IGN);
	return experiment(cmd, &o);
}

const struct command command_try = { "try", "measure the target as it stands", help,
				     run };
