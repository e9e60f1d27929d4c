/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The half of a session that only reads.
 */

#include <fcntl.h>

#include "base/strv.h"
#include "ledger/group.h"
#include "loop/check.h"
#include "loop/pin.h"
#include "loop/session.h"
#include "loop/tag.h"
#include "repo/branch.h"
#include "run/trial.h"

/*
 * Where the current directory has no configuration, a campaign that is there goes on with
 * its own. @err holds what config_load() said.
 */
static int find_without_file(struct session *s, struct sbx_err *err)
{
	struct sbx_err why = { 0 };

	if (repo_open(".", &s->repo, &why) < 0 ||
	    tag_choose(repo_common_dir(s->repo), s->options->tag, NULL, NULL, &s->tag,
		       &why) < 0)
		return -EINVAL;
	*err = (struct sbx_err){ 0 };
	s->pinned_only = true;
	return 0;
}

/* What else config_load() fails with is for the user to set right. */
static bool is_of_the_host(int r)
{
	return r == -ENOMEM || r == -EIO || r == -EMFILE || r == -ENFILE;
}

static int load_config(struct session *s, struct sbx_err *err)
{
	int r;

	r = config_load(s->options->config, &s->config, err);
	if (r == -ENOENT && !s->options->config)
		return find_without_file(s, err);
	if (r < 0)
		return is_of_the_host(r) ? r : (err->code = -EINVAL);
	r = repo_open(s->config->dir, &s->repo, err);
	if (r < 0)
		return r;
	return tag_choose(repo_common_dir(s->repo), s->options->tag, s->config->tag,
			  s->config->target, &s->tag, err);
}

static int set_paths(struct session *s, struct sbx_err *err)
{
	s->dir = str_printf("%s/autoexp/%s", repo_common_dir(s->repo), s->tag);
	if (!s->dir)
		return sbx_err_oom(err, "loop");
	s->checkout = str_printf("%s/checkout", s->dir);
	s->candidate_path = str_printf("%s/candidate", s->dir);
	if (!s->checkout || !s->candidate_path)
		return sbx_err_oom(err, "loop");
	return trial_find_exec(&s->exec_path, err);
}

/* A campaign asks one question: only caps and the proposer may differ from its own file. */
static int compare_with_pin(struct session *s, int dir_fd, const struct campaign *c,
			    struct sbx_err *err)
{
	cleanup_config struct config *pinned = NULL;
	const char *key = NULL;
	int r;

	r = pin_read(dir_fd, c->config, repo_workdir(s->repo), c->target, &pinned, err);
	if (r < 0)
		return r;
	if (s->pinned_only) {
		s->config = TAKE_PTR(pinned);
		return pin_read_caps(dir_fd, s->config, err);
	}
	if (!config_same_experiment(s->config, pinned, &key) && c->baseline.known)
		return sbx_err_set(
			err, -EINVAL, "loop",
			"%s: '%s' is not what it was when campaign %s began; only caps"
			" and the proposer may change. Put it back, or begin a new"
			" campaign with --tag NAME",
			s->config->path, key, s->tag);
	return s->options->is_try ? pin_read_caps(dir_fd, s->config, err) : 0;
}

static int look_at_campaign(struct session *s, struct campaign *c, struct sbx_err *err)
{
	cleanup_close int fd = -EBADF;
	int r;

	r = journal_dir_open(repo_common_dir(s->repo), s->tag, false, &fd, err);
	if (r == -ENOENT || (r == 0 && faccessat(fd, JOURNAL_FILE, F_OK, 0) < 0)) {
		*err = (struct sbx_err){ 0 };
		return s->pinned_only
			       ? sbx_err_set(
					 err, -EINVAL, "loop",
					 "there is no campaign %s, and no autoexp.yaml"
					 " to begin one with",
					 s->tag)
			       : 0;
	}
	if (r < 0)
		return r;
	r = campaign_load(fd, NULL, NULL, c, NULL, err);
	if (r < 0)
		return r;
	s->exists = c->baseline.known;
	return compare_with_pin(s, fd, c, err);
}

static int set_caps(struct session *s, struct sbx_err *err)
{
	int r;

	for (int i = 0; i < _CAP_MAX; i++) {
		if (!s->options->caps[i])
			continue;
		r = config_set_cap(s->config, (enum cap)i, s->options->caps[i], err);
		if (r < 0)
			return sbx_err_wrap(err, -EINVAL, "%s", cap_options[i]);
	}
	return 0;
}

/* Better to know before there is a campaign than after. */
static int check_group(const struct session *s, struct sbx_err *err)
{
	struct group_book b = { 0 };
	int r;

	if (!s->config->budget_group)
		return 0;
	r = group_read(s->config->budget_group, &b, err);
	group_book_done(&b);
	return r;
}

static int set_target(struct session *s, struct sbx_err *err)
{
	s->bench = (struct bench){
		.config = s->config,
		.exec_path = s->exec_path,
		.workdir = repo_workdir(s->repo),
		.checkout = s->checkout,
		.candidate = s->candidate_path,
		.soft = s->options->soft,
	};
	s->bench.target = str_printf("%s/%s", s->config->dir, s->config->target);
	if (!s->bench.target)
		return sbx_err_oom(err, "loop");
	return repo_relpath(s->repo, s->bench.target, &s->target, err);
}

int session_prepare(struct session *s, const struct session_options *options,
		    const struct loop_observer *observer, struct sbx_err *err)
{
	cleanup_free struct campaign *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return sbx_err_oom(err, "loop");
	s->options = options;
	s->observer = observer;
	if ((r = load_config(s, err)) < 0 || (r = set_paths(s, err)) < 0 ||
	    (r = look_at_campaign(s, c, err)) < 0 || (r = set_caps(s, err)) < 0 ||
	    (r = check_group(s, err)) < 0 || (r = set_target(s, err)) < 0 ||
	    (r = repo_head(s->repo, s->head, NULL, err)) < 0)
		return r;
	if (s->exists && !streq(s->target, c->target))
		return sbx_err_set(err, -EINVAL, "loop",
				   "campaign %s is about %s, not %s; begin a"
				   " new one with --tag NAME",
				   s->tag, c->target, s->target);
	r = check_repository(s, s->exists ? c->base : s->head, err);
	if (r < 0)
		return r;
	if (s->exists && !streq(c->base, s->head))
		session_note(
			s,
			"HEAD has moved since campaign %s began; it goes on from its own"
			" base %.12s",
			s->tag, c->base);
	return bench_init(&s->bench, err);
}
