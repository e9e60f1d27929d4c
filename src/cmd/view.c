/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/view.h"

#include "loop/pin.h"
#include "loop/tag.h"

void view_close(struct view *v)
{
	config_free(TAKE_PTR(v->config));
	repo_close(TAKE_PTR(v->repo));
	free(TAKE_PTR(v->tag));
	v->dir_fd = fd_close(v->dir_fd);
}

/* The tag that a configuration in the current directory names; a broken one names none. */
static char *written_tag(void)
{
	struct config *c = NULL;
	char *tag = NULL;

	if (config_load(NULL, &c, NULL) == 0)
		tag = TAKE_PTR(c->tag);
	config_free(c);
	return tag;
}

int view_choose(struct repo *repo, const char *tag, char **ret, int *ret_fd,
		struct sbx_err *err)
{
	cleanup_free char *written = tag ? NULL : written_tag(), *chosen = NULL;
	struct sbx_err why = { 0 };
	int r;

	r = tag_choose(repo_common_dir(repo), tag, written, NULL, &chosen, err);
	if (r < 0)
		return r;
	r = journal_dir_open(repo_common_dir(repo), chosen, false, ret_fd, &why);
	if (r == -ENOENT)
		return sbx_err_set(err, r, "cmd",
				   "there is no campaign %s in this repository", chosen);
	if (r < 0) {
		*err = why;
		return r;
	}
	*ret = TAKE_PTR(chosen);
	return 0;
}

int view_open(struct view *v, const char *tag, struct sbx_err *err)
{
	int r;

	r = repo_open(".", &v->repo, err);
	if (r == 0)
		r = view_choose(v->repo, tag, &v->tag, &v->dir_fd, err);
	if (r < 0)
		return r;
	r = campaign_load(v->dir_fd, NULL, NULL, &v->campaign, NULL, err);
	if (r == -ENOENT)
		return sbx_err_wrap(err, r, "campaign %s has no journal", v->tag);
	if (r < 0)
		return r;
	r = pin_read(v->dir_fd, v->campaign.config, repo_workdir(v->repo),
		     v->campaign.target, &v->config, err);
	return r < 0 ? r : pin_read_caps(v->dir_fd, v->config, err);
}

/* A second reading: only after the first are the names of the metrics known. */
int view_rows(struct view *v, campaign_row_fn fn, void *user, struct sbx_err *err)
{
	cleanup_free struct campaign *c = calloc(1, sizeof(*c));

	if (!c)
		return sbx_err_oom(err, "cmd");
	return campaign_load(v->dir_fd, fn, user, c, NULL, err);
}

static int take_row(const struct row *row, void *user, attr_unused struct sbx_err *err)
{
	struct view_row *v = user;

	if (row->number != v->wanted)
		return 0;
	v->found = true;
	snprintf(v->time, sizeof(v->time), "%s", row->time);
	snprintf(v->commit, sizeof(v->commit), "%s", row->commit);
	snprintf(v->parent, sizeof(v->parent), "%s", row->number ? row->parent : "");
	snprintf(v->description, sizeof(v->description), "%s", row->description);
	snprintf(v->proposer, sizeof(v->proposer), "%s", row->proposer);
	v->decision = *row->decision;
	v->has_outcome = row->outcome;
	if (row->outcome)
		v->outcome = *row->outcome;
	v->has_metrics = row->metrics && row->decision->status != STATUS_CRASH;
	if (v->has_metrics)
		memcpy(v->metrics, row->metrics, sizeof(v->metrics));
	v->has_incumbent = row->incumbent;
	if (row->incumbent)
		memcpy(v->incumbent, row->incumbent, sizeof(v->incumbent));
	return 0;
}

static int no_row(const struct view *v, unsigned number, struct sbx_err *err)
{
	const struct campaign *c = &v->campaign;

	if (c->pending.stage != PENDING_NONE && c->pending.number == number)
		return sbx_err_set(err, -ENOENT, "cmd", "experiment %04u is not over yet",
				   number);
	if (!c->baseline.known)
		return sbx_err_set(err, -ENOENT, "cmd",
				   "campaign %s has no experiment yet", v->tag);
	return sbx_err_set(err, -ENOENT, "cmd",
			   "there is no experiment %04u; the last one of"
			   " campaign %s is %04u",
			   number, v->tag, c->experiments);
}

int view_row(struct view *v, struct view_row *row, struct sbx_err *err)
{
	int r = view_rows(v, take_row, row, err);

	return r < 0 || row->found ? r : no_row(v, row->wanted, err);
}
