/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The built-in proposer on any target, taught by any history. Each proposal differs from
 * the target and from every other one, and a second proposer that was taught the same
 * proposes the same.
 */

#include "base/hash.h"
#include "conf/config.h"
#include "fuzz.h"
#include "propose/builtin.h"

#define ROUNDS 6

static void teach(struct proposer *p, const struct proposal_request *req,
		  const struct candidate *c, unsigned how)
{
	const struct outcome outcome = {
		.verdict = how % 3 == 2 ? VERDICT_EXIT : VERDICT_OK,
		.metrics = { 1.0 / (1 + how) },
	};
	const struct decision decision = {
		.status = how % 3 == 2   ? STATUS_CRASH
			  : how % 3 == 1 ? STATUS_KEEP
					 : STATUS_DISCARD,
	};
	const struct lesson l = {
		.number = c->number,
		.description = c->description,
		.before = req->content,
		.before_len = req->len,
		.content = c->content,
		.len = c->len,
		.incumbent = req->incumbent,
		.outcome = how % 7 ? &outcome : NULL,
		.decision = &decision,
	};

	HOLDS(proposer_learn(p, &l, NULL) == 0);
}

static void check_candidate(const struct candidate *c, const struct proposal_request *req)
{
	HOLDS(c->number == req->number);
	HOLDS(c->description && *c->description && fuzz_is_line(c->description));
	HOLDS(c->content);
	HOLDS(c->len != req->len || memcmp(c->content, req->content, c->len) != 0);
}

/* A history that did not come from this proposer: another's edits, a try. */
static void teach_foreign(struct proposer *p[2], const struct proposal_request *req,
			  struct fuzz_input *in)
{
	cleanup_free char *text = fuzz_text(in, '\0');
	struct candidate c = { .number = 1,
			       .description = (char *)"by hand",
			       .content = text,
			       .len = strlen(text) };

	for (int i = 0; i < 2; i++)
		teach(p[i], req, &c, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *slot[] = { (char *)"x", (char *)"y = 2", (char *)"z", NULL };
	static char **pool[] = { slot, NULL };
	struct fuzz_input in = { data, size };
	unsigned how = fuzz_byte(&in);
	const struct config c = {
		.n_metrics = 1,
		.metrics = { { .name = (char *)"m", .weight = 1 } },
		.proposer = { .seed = fuzz_byte(&in), .pool = pool, .n_slots = 1 },
	};
	const double incumbent[METRICS_MAX] = { 0.5 };
	struct proposal_request req = { .incumbent = incumbent };
	struct digest_map seen = DIGEST_MAP_INIT;
	struct proposer *p[2];

	for (int i = 0; i < 2; i++)
		HOLDS(builtin_new(&c, &p[i], NULL) == 0);
	teach_foreign(p, &req, &in);
	req.content = (const char *)in.data;
	req.len = in.n;
	for (unsigned round = 0; round < ROUNDS; round++) {
		cleanup_candidate struct candidate a = { 0 }, b = { 0 };
		struct sbx_err err = { 0 };
		struct digest d;
		int r;

		req.number = 2 + round;
		r = proposer_propose(p[0], &req, &a, &err);
		HOLDS(r == proposer_propose(p[1], &req, &b, NULL));
		HOLDS(r == 0 || (r == PROPOSE_EXHAUSTED && *err.msg));
		if (r)
			break;
		check_candidate(&a, &req);
		HOLDS(a.len == b.len && memcmp(a.content, b.content, a.len) == 0);
		HOLDS(streq(a.description, b.description));
		d = digest_of(a.content, a.len);
		HOLDS(!digest_map_get(&seen, d));
		HOLDS(digest_map_add(&seen, d, round) == 0);
		teach(p[0], &req, &a, how + round);
		teach(p[1], &req, &a, how + round);
	}
	digest_map_done(&seen);
	proposer_free(p[0]);
	proposer_free(p[1]);
	return 0;
}
