/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What every source of edits looks like to the loop:
 *
 *	new -> learn(every earlier experiment, in order) -> { propose -> learn }* -> free
 *
 * A proposer has no memory of its own on disk: what it knows is what it was taught, so
 * that a campaign that continues after a restart proposes what it would have proposed
 * without.
 */

#include "base/cleanup.h"
#include "base/err.h"
#include "model.h"

struct config;
struct proposer;

/* Answers of proposer_propose() besides 0 and a negative errno. */
#define PROPOSE_EXHAUSTED 1 /* nothing is left to try; end the campaign */

struct proposal_request {
	unsigned number;     /* of this experiment, from 1 */
	const char *content; /* the target of the incumbent */
	size_t len;
	const double *incumbent; /* its metrics */
};

/* One experiment that is over. Everything is borrowed for the call. */
struct lesson {
	unsigned number;
	const char *description;
	const char *before; /* the target it was derived from */
	size_t before_len;
	const char *content; /* what was tried; NULL when there was no valid edit */
	size_t len;
	const double *incumbent;       /* metrics of @before; NULL when not known */
	const struct outcome *outcome; /* NULL where it was not run, a duplicate say */
	const struct decision *decision;
};

struct proposer_ops {
	int (*propose)(struct proposer *p, const struct proposal_request *req,
		       struct candidate *ret, struct sbx_err *err);
	int (*learn)(struct proposer *p, const struct lesson *l, struct sbx_err *err);
	void (*free)(struct proposer *p);
};

/* First member of every implementation. */
struct proposer {
	const struct proposer_ops *ops;
};

/**
 * proposer_new() - the proposer the configuration asks for
 * @c:    borrowed until proposer_free()
 *
 * Return: 0; -EINVAL where the configuration cannot be used; other negative errno
 */
int proposer_new(const struct config *c, struct proposer **ret, struct sbx_err *err);

/**
 * proposer_propose() - the next edit
 * @ret:  number, description, content and len are set; freed by candidate_done(). The
 *        content is NULL where a reply came that holds no valid edit: this uses an
 *        experiment all the same
 * @err:  also filled for PROPOSE_EXHAUSTED, with the sentence to show
 *
 * Return: 0; PROPOSE_EXHAUSTED; negative errno where no reply was to be had
 */
static inline int proposer_propose(struct proposer *p, const struct proposal_request *req,
				   struct candidate *ret, struct sbx_err *err)
{
	return p->ops->propose(p, req, ret, err);
}

/* Tell how an experiment ended. Interrupted ones are not over and are not told. */
static inline int proposer_learn(struct proposer *p, const struct lesson *l,
				 struct sbx_err *err)
{
	return p->ops->learn(p, l, err);
}

static inline void proposer_free(struct proposer *p)
{
	if (p)
		p->ops->free(p);
}

static inline void cleanup_proposer_p(struct proposer **p)
{
	proposer_free(*p);
}

#define cleanup_proposer cleanup(cleanup_proposer_p)
