/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Content and commit of an experiment. The candidate file is synced before the number is
 * used, so that a kill between the two loses nothing; once there is a commit, the file is
 * only a copy.
 */

#include "loop/attempt.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strv.h"
#include "loop/purse.h"
#include "repo/blob.h"
#include "repo/commit.h"

void attempt_done(struct attempt *a)
{
	buf_done(&a->content);
	measurement_done(&a->m);
}

struct journal_event *attempt_event(struct attempt *a, enum journal_kind kind)
{
	struct journal_event *ev = &a->ev[a->n_ev++];

	assert(a->n_ev <= ARRAY_SIZE(a->ev));
	*ev = (struct journal_event){ .kind = kind, .number = a->c->pending.number };
	return ev;
}

int attempt_flush(struct attempt *a, struct sbx_err *err)
{
	int r = a->n_ev ? ledger_append(&a->s->ledger, a->ev, a->n_ev, err) : 0;

	a->n_ev = 0;
	return r;
}

static int open_candidate(struct session *s)
{
	const int flags = O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(s->ledger.dir_fd, "candidate", flags);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	fd = openat(s->ledger.dir_fd, "candidate", flags | O_CREAT | O_EXCL, 0600);
	/* Its name, too, has to outlast a power cut. */
	if (fd < 0 || fsync(s->ledger.dir_fd) < 0) {
		int r = -errno;

		fd_close(fd);
		return r;
	}
	return fd;
}

/* Written in place: a torn one is told by its name, and it can be made again from git. */
static int write_candidate(struct session *s, const char *content, size_t len,
			   struct sbx_err *err)
{
	cleanup_free char *shown = str_printf("%s/%s", s->checkout, s->target);
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r;

	if (!shown)
		return sbx_err_oom(err, "loop");
	fd = open_candidate(s);
	r = fd < 0 ? fd : fd_write_all(fd, content, len);
	/* As executable as it is in the commit. */
	if (r == 0 && (lstat(shown, &st) < 0 || fchmod(fd, st.st_mode & 0777) < 0 ||
		       fdatasync(fd) < 0))
		r = -errno;
	return r < 0 ? sbx_err_errno(err, r, "loop", "cannot write the candidate") : 0;
}

int step_propose(struct session *s, const struct candidate *c, const char *proposer,
		 struct sbx_err *err)
{
	struct journal_event ev = { .kind = JOURNAL_PROPOSE, .number = c->number };
	char name[COMMIT_HEX + 1] = "";
	int r;

	if (c->content) {
		if ((r = blob_name(c->content, c->len, name, err)) < 0 ||
		    (r = write_candidate(s, c->content, c->len, err)) < 0)
			return r;
	}
	ev.propose.description = c->description;
	ev.propose.content = name;
	ev.propose.proposer = proposer;
	return ledger_append(&s->ledger, &ev, 1, err);
}

int step_baseline(struct session *s, struct sbx_err *err)
{
	struct candidate c = {
		.number = 0,
		.description = (char *)"baseline",
		.content = (char *)buf_str(&s->incumbent),
		.len = s->incumbent.len,
	};

	return step_propose(s, &c, "baseline", err);
}

static int check_name(struct attempt *a, const char *where, struct sbx_err *err)
{
	char name[COMMIT_HEX + 1];
	int r;

	r = blob_name(buf_str(&a->content), a->content.len, name, err);
	if (r < 0)
		return r;
	if (!streq(name, a->c->pending.content))
		return sbx_err_set(err, -EBADMSG, "loop",
				   "%s does not hold what the journal says"
				   " of experiment %04u",
				   where, a->c->pending.number);
	return 0;
}

/*
 * The content of the experiment in hand: from its commit, and then the candidate file is
 * made again from it; else from the candidate file.
 */
static int load_content(struct attempt *a, struct sbx_err *err)
{
	struct session *s = a->s;
	int r;

	a->has_content = a->c->pending.content[0];
	if (!a->has_content)
		return 0;
	if (a->commit[0]) {
		r = repo_read(s->repo, a->commit, s->target, TARGET_BYTES_MAX,
			      &a->content, err);
		if (r == 0)
			r = check_name(a, "its commit", err);
		return r < 0 ? r
			     : write_candidate(s, a->content.data, a->content.len, err);
	}
	r = file_read(s->ledger.dir_fd, "candidate", O_NOFOLLOW, TARGET_BYTES_MAX,
		      &a->content);
	if (r < 0)
		return sbx_err_errno(err, r, "loop", "cannot read the candidate");
	return check_name(a, "the candidate file", err);
}

/*
 * A candidate file that somebody removed or changed before it was committed: the
 * experiment is used up, and ends as one without a valid edit.
 */
static int propose_without(struct attempt *a, struct sbx_err *err)
{
	char description[JOURNAL_TEXT_MAX + 1], proposer[sizeof(a->c->pending.proposer)];
	struct journal_event *ev = attempt_event(a, JOURNAL_PROPOSE);

	snprintf(description, sizeof(description), "%s", a->c->pending.description);
	snprintf(proposer, sizeof(proposer), "%s", a->c->pending.proposer);
	ev->propose.description = description;
	ev->propose.content = "";
	ev->propose.proposer = proposer;
	a->has_content = false;
	session_note(a->s,
		     "the candidate of experiment %04u was lost before it was committed",
		     a->c->pending.number);
	return attempt_flush(a, err);
}

/* The commit the journal knows, or one made before its word came to the journal. */
static int find_commit(struct attempt *a, struct sbx_err *err)
{
	const struct pending *p = &a->c->pending;
	struct sbx_err why = { 0 };
	int r;

	if (p->commit[0] || p->number == 0) {
		snprintf(a->commit, sizeof(a->commit), "%s",
			 p->commit[0] ? p->commit : a->c->base);
		return 0;
	}
	r = commit_lookup(a->s->repo, a->s->tag, p->number, a->commit, &why);
	if (r >= 0 || r == -ENOENT)
		return 0;
	*err = why;
	return r;
}

static int make_commit(struct attempt *a, struct sbx_err *err)
{
	const struct pending *p = &a->c->pending;
	struct commit_spec spec = {
		.tag = a->s->tag,
		.number = p->number,
		.parent = p->parent.commit,
		.path = a->s->target,
		.content = a->has_content ? buf_str(&a->content) : NULL,
		.len = a->content.len,
		.message = p->description,
	};
	int r;

	if (!a->commit[0]) {
		r = commit_experiment(a->s->repo, &spec, a->commit, err);
		if (r < 0)
			return r;
	}
	attempt_event(a, JOURNAL_COMMIT)->commit.commit = a->commit;
	return 0;
}

int attempt_take_up(struct attempt *a, struct sbx_err *err)
{
	const struct pending *p = &a->c->pending;
	struct sbx_err lost = { 0 };
	struct journal_event *ev;
	int r;

	r = find_commit(a, err);
	if (r < 0)
		return r;
	r = load_content(a, &lost);
	if (r < 0 && (a->commit[0] || (r != -ENOENT && r != -EBADMSG))) {
		*err = lost;
		return r;
	}
	if (r < 0 && (r = propose_without(a, err)) < 0)
		return r;
	if (p->stage == PENDING_PROPOSED)
		return make_commit(a, err);
	if (p->stage == PENDING_MEASURED) {
		a->outcome = p->outcome;
		a->has_outcome = true;
		a->metrics = p->has_metrics ? p->metrics : NULL;
		return 0;
	}
	if (p->stage != PENDING_RUNNING)
		return 0;
	ev = attempt_event(a, JOURNAL_INTERRUPTED);
	ev->interrupted.attempt = p->attempts;
	ev->interrupted.reason = "the supervisor ended while it ran";
	ev->interrupted.active_us = session_active_us(a->s);
	ev->interrupted.compute_nano = purse_book(a->s);
	return attempt_flush(a, err);
}
