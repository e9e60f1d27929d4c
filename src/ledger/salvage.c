/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order on disk: the new file whole and synced beside the old one, then the old one gets a
 * second name, then the new one takes its place by rename. A crash in between leaves the
 * damaged journal where it was.
 */
#include "ledger/salvage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ledger/chain.h"
#include "ledger/event.h"
#include "ledger/lines.h"

#define NEW_FILE JOURNAL_FILE ".salvaged~"
#define NAMES    100
#define CHUNK    ((size_t)256 * 1024)

/* One line, out of the reader's buffer: it is changed, and the next one is looked at. */
struct line {
	struct buf text;
	bool ended;
};

struct reading {
	struct salvage *s;
	struct chain chain;
	struct event_doc doc;
	struct lines in;
	struct line now, next;
	bool has_next;
	bool torn;      /* .now is the last line, cut short by a crash */
	int out_fd;     /* or -EBADF */
	struct buf out; /* not yet written */
	struct sbx_err *err;
};

static int fetch(struct reading *r)
{
	const char *text;
	size_t n;
	int got;

	buf_clear(&r->next.text);
	got = lines_next(&r->in, &text, &n, &r->next.ended);
	r->has_next = got > 0;
	if (got > 0)
		buf_add(&r->next.text, text, n);
	if (got == -EMSGSIZE)
		return sbx_err_set(r->err, -EBADMSG, "journal",
				   "line %" PRIu64 " has no end within 64 KiB",
				   r->s->lines + 1);
	if (r->next.text.failed)
		return sbx_err_oom(r->err, "journal");
	return got < 0 ? sbx_err_errno(r->err, got, "journal", "cannot read the journal")
		       : 0;
}

/* Return: 1 and the next line in .now; 0 at the end */
static int advance(struct reading *r)
{
	struct line done = r->now;
	int got;

	if (!r->has_next)
		return 0;
	r->now = r->next;
	r->next = done;
	r->s->lines++;
	got = fetch(r);
	return got < 0 ? got : 1;
}

static int put(struct reading *r, const char *data, size_t n)
{
	if (r->out_fd < 0)
		return 0;
	buf_add(&r->out, data, n);
	if (r->out.failed)
		return sbx_err_oom(r->err, "journal");
	return 0;
}

static int flush(struct reading *r)
{
	int got =
		r->out_fd < 0 ? 0 : fd_write_all(r->out_fd, buf_str(&r->out), r->out.len);

	buf_clear(&r->out);
	return got < 0 ? sbx_err_errno(r->err, got, "journal", "cannot write " NEW_FILE)
		       : 0;
}

/* A line that stays. */
static int keep(struct reading *r, uint64_t sum)
{
	int got;

	got = event_decode(buf_str(&r->now.text), r->now.text.len, &r->doc, r->err);
	if (got == 0 && r->doc.ev.seq != r->chain.seq + 1)
		got = sbx_err_set(r->err, -EBADMSG, "journal",
				  "a sequence number is missing");
	if (got == 0)
		got = campaign_apply(&r->s->at, &r->doc.ev, r->err);
	if (got < 0)
		return sbx_err_wrap(r->err, got, "line %" PRIu64, r->s->lines);
	r->chain = (struct chain){ sum, r->chain.seq + 1 };
	r->s->good++;
	got = put(r, r->now.text.data, r->now.text.len);
	if (got == 0)
		got = put(r, "\n", 1);
	return got == 0 && r->out.len > CHUNK ? flush(r) : got;
}

/* Return: 1 where the line stays, 0 where the record ends before it */
static int judge(struct reading *r)
{
	struct buf *text = &r->now.text;
	uint64_t sum;
	int got;

	if (r->now.ended && chain_follows(r->chain.sum, buf_str(text), text->len, &sum)) {
		got = keep(r, sum);
		return got < 0 ? got : 1;
	}
	/* Who opens the journal cuts it. */
	r->torn = !r->has_next && !chain_has_end_inside(buf_str(text), text->len);
	if (r->torn)
		return 0;
	if (!r->s->first_bad)
		r->s->first_bad = r->s->lines;
	if (!r->now.ended || !text->len ||
	    !chain_mend(r->chain.sum, text->data, text->len,
			r->has_next && r->next.ended ? buf_str(&r->next.text) : NULL,
			r->next.text.len) ||
	    !chain_follows(r->chain.sum, text->data, text->len, &sum))
		return 0;
	got = keep(r, sum);
	if (got < 0)
		return got;
	r->s->mended++;
	return 1;
}

static void use_time(struct campaign *use, uint64_t active_us, uint64_t compute_nano)
{
	struct journal_event ev[] = { { .kind = JOURNAL_HOURS },
				      { .kind = JOURNAL_COST } };

	ev[0].hours.active_us = active_us;
	ev[1].cost.what = COST_COMPUTE;
	ev[1].cost.nano = compute_nano;
	for (size_t i = 0; i < ARRAY_SIZE(ev); i++)
		campaign_apply(use, &ev[i], NULL);
}

/* What an event behind the damage had used; one that cannot be told apart is passed over. */
static void believe(struct campaign *use, struct journal_event *ev)
{
	struct campaign before = *use;

	if (ev->number >= use->next_number && ev->number < UINT_MAX)
		use->next_number = ev->number + 1;
	switch (ev->kind) {
	case JOURNAL_COST:
		if (ev->cost.what == COST_RESERVE && ev->cost.call > use->next_call)
			use->next_call = ev->cost.call;
		if (campaign_apply(use, ev, NULL) < 0)
			*use = before;
		break;
	case JOURNAL_OUTCOME:
		use_time(use, ev->outcome.active_us, ev->outcome.compute_nano);
		break;
	case JOURNAL_INTERRUPTED:
		use_time(use, ev->interrupted.active_us, ev->interrupted.compute_nano);
		break;
	case JOURNAL_HOURS:
		use_time(use, ev->hours.active_us, 0);
		break;
	default:
		break;
	}
}

/* The rest of the file: lines that follow their neighbour, whatever that is. */
static int read_lost(struct reading *r)
{
	uint64_t before = 0, sum;
	bool known = false;
	int got;

	do {
		const char *text = buf_str(&r->now.text);
		size_t n = r->now.text.len;

		if (known && chain_follows(before, text, n, &sum) &&
		    event_decode(text, n, &r->doc, NULL) == 0)
			believe(&r->s->use, &r->doc.ev);
		known = chain_claim(text, n, &before);
		got = advance(r);
	} while (got > 0);
	return got;
}

struct journal_event salvage_event(const struct campaign *use, uint64_t lost)
{
	struct journal_event ev = { .kind = JOURNAL_SALVAGE };

	ev.salvage.experiments = use->experiments;
	ev.salvage.nano = use->cost_nano;
	ev.salvage.active_us = use->active_us;
	ev.salvage.next_call = use->next_call;
	ev.salvage.lost = lost;
	return ev;
}

static int close_new(struct reading *r)
{
	struct journal_event ev = salvage_event(&r->s->use, r->s->lines - r->s->good);
	size_t start = r->out.len;
	int got;

	ev.seq = r->chain.seq + 1;
	journal_stamp(ev.time);
	got = campaign_apply(&r->s->use, &ev, r->err);
	if (got < 0 || r->out_fd < 0)
		return got;
	got = event_encode(&ev, &r->out, r->err);
	if (got == 0)
		chain_close(&r->chain, &r->out, start);
	return got;
}

/* Numbers are given one after the other, so the highest says how many were used. */
static void raise(struct campaign *use, const struct used *known)
{
	unsigned numbers = use->next_number ? use->next_number - 1 : 0;

	use->experiments = MAX(use->experiments, MAX(numbers, known->experiments));
	use->cost_nano = MAX(use->cost_nano, known->nano);
	use->active_us = MAX(use->active_us, known->active_us);
}

static int read_all(struct reading *r, const struct used *known)
{
	struct campaign *use = &r->s->use;
	int got;

	got = fetch(r);
	while (got == 0 && (got = advance(r)) > 0 && (got = judge(r)) > 0)
		got = 0;
	if (got < 0)
		return got;
	if (r->s->good == 0)
		return sbx_err_set(r->err, -EBADMSG, "journal",
				   "its first line, which says what the campaign is, is "
				   "lost: restore the file from a backup");
	*use = r->s->at;
	if (r->torn || r->s->lines == r->s->good)
		return flush(r);
	got = read_lost(r);
	if (got < 0)
		return got;
	raise(use, known);
	got = close_new(r);
	return got == 0 ? flush(r) : got;
}

static int read_journal(int dir_fd, const struct used *known, int out_fd,
			struct salvage *ret, struct sbx_err *err)
{
	cleanup_close int fd = -EBADF;
	struct reading r = {
		.s = ret, .chain = CHAIN_INIT, .out_fd = out_fd, .err = err
	};
	int got;

	*ret = (struct salvage){ 0 };
	fd = openat(dir_fd, JOURNAL_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "journal", "cannot open " JOURNAL_FILE);
	r.in.fd = fd;
	got = read_all(&r, known);
	lines_done(&r.in);
	event_doc_done(&r.doc);
	buf_done(&r.now.text);
	buf_done(&r.next.text);
	buf_done(&r.out);
	return got;
}

int salvage_examine(int dir_fd, const struct used *known, struct salvage *ret,
		    struct sbx_err *err)
{
	return read_journal(dir_fd, known, -EBADF, ret, err);
}

static int set_aside(int dir_fd, char *name, size_t size)
{
	for (int i = 1; i <= NAMES; i++) {
		if (i == 1)
			snprintf(name, size, "%s", SALVAGE_FILE);
		else
			snprintf(name, size, SALVAGE_FILE ".%d", i);
		if (linkat(dir_fd, JOURNAL_FILE, dir_fd, name, 0) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int salvage_repair(int dir_fd, const struct used *known, struct salvage *ret, char *name,
		   size_t size, struct sbx_err *err)
{
	cleanup_close int fd = -EBADF;
	int r;

	if (unlinkat(dir_fd, NEW_FILE, 0) < 0 && errno != ENOENT)
		return sbx_err_errno(err, -errno, "journal", "cannot remove " NEW_FILE);
	fd = openat(dir_fd, NEW_FILE,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "journal", "cannot create " NEW_FILE);
	r = read_journal(dir_fd, known, fd, ret, err);
	if (r == 0 && fsync(fd) < 0)
		r = sbx_err_errno(err, -errno, "journal", "cannot write " NEW_FILE);
	if (r == 0 && (r = set_aside(dir_fd, name, size)) < 0)
		sbx_err_errno(err, r, "journal", "cannot set the damaged file aside");
	if (r == 0 &&
	    (renameat(dir_fd, NEW_FILE, dir_fd, JOURNAL_FILE) < 0 || fsync(dir_fd) < 0))
		r = sbx_err_errno(err, -errno, "journal", "cannot replace " JOURNAL_FILE);
	if (r < 0)
		unlinkat(dir_fd, NEW_FILE, 0);
	return r;
}
