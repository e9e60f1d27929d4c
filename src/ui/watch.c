/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/watch.h"

#include "base/clock.h"
#include "base/escape.h"
#include "base/parse.h"
#include "ui/report.h"

#define OUTPUT_LINES 15

void watch_clear(struct watch *w)
{
	if (w->line_shown)
		fputs("\r\033[K", w->term.out);
	w->line_shown = false;
}

static void on_note(void *user, const char *text)
{
	struct watch *w = user;
	char shown[700];

	watch_clear(w);
	fflush(w->term.out);
	fprintf(stderr, "autoexp: note: %s\n", escape_str(shown, sizeof(shown), text));
}

static void on_begin(void *user, const struct session *s)
{
	struct watch *w = user;
	struct report_plan plan = {
		.config = s->config,
		.campaign = &s->ledger.campaign,
		.target = s->target,
		.fresh = !s->exists,
		.limits = s->bench.limits,
		.cpuset = s->bench.cpuset,
		.enforcement = s->enforcement,
		.proposes = !s->options->is_try,
	};

	if (w->quiet)
		return;
	w->told_box = s->enforcement[0];
	report_plan(&w->term, &plan);
	fputc('\n', w->term.out);
	fflush(w->term.out);
}

/* Only as much as the line holds: a line that wraps cannot be taken back. */
static void draw(struct watch *w, const char *text)
{
	size_t n;

	term_measure(&w->term);
	n = term_fit(text, w->term.columns - 1);
	fprintf(w->term.out, "\r\033[K%s%.*s%s", term_colour(&w->term, TERM_DIM), (int)n,
		text, term_colour(&w->term, TERM_PLAIN));
	fflush(w->term.out);
	w->line_shown = true;
}

static void draw_run(struct watch *w, const struct session *s, uint64_t wall_us,
		     uint64_t memory_bytes)
{
	const struct campaign *c = &s->ledger.campaign;
	const struct config *cf = s->config;
	char wall[32], limit[32], mem[32], max[32], used[300], best[200] = "", text[1100];
	char what[300];

	if (w->quiet || !w->term.live)
		return;
	report_seconds(wall, sizeof(wall), wall_us);
	format_duration(limit, sizeof(limit), s->bench.limits[SBX_LIMIT_WALL]);
	/* Upwards: less than 1 MiB is not nothing. */
	format_size(mem, sizeof(mem), ((memory_bytes + (1 << 20) - 1) >> 20) << 20);
	format_size(max, sizeof(max), s->bench.limits[SBX_LIMIT_MEMORY]);
	if (c->incumbent.known)
		report_metrics(best, sizeof(best), cf, c->incumbent.metrics);
	snprintf(text, sizeof(text), "%04u %s of %s, %s of %s | %s%s%s%s | %s",
		 c->pending.number, wall, limit, mem, max, *best ? "best " : "", best,
		 *best ? " | " : "",
		 report_used(used, sizeof(used), cf, c, session_active_us(s)),
		 escape_str(what, sizeof(what), c->pending.description));
	draw(w, text);
}

static void on_run(void *user, const struct session *s)
{
	draw_run(user, s, 0, 0);
}

static void on_progress(void *user, const struct session *s, uint64_t wall_us,
			uint64_t memory_bytes)
{
	draw_run(user, s, wall_us, memory_bytes);
}

static void on_wish(void *user, enum stop_wish wish)
{
	struct watch *w = user;

	watch_clear(w);
	fflush(w->term.out);
	fputs(wish == STOP_NOW
		      ? "autoexp: stopping now; the run is interrupted and is run again"
			" next time\n"
		      : "autoexp: stopping after this experiment; once more stops now\n",
	      stderr);
}

static void told_box(struct watch *w, const struct session *s)
{
	if (w->told_box || !s->enforcement[0])
		return;
	w->told_box = true;
	fprintf(w->term.out, "      limits enforced by: %s\n", s->enforcement);
}

static void on_row(void *user, const struct session *s, const struct row *row)
{
	static const enum term_colour colours[] = { TERM_GREEN, TERM_PLAIN, TERM_RED };
	struct watch *w = user;
	const struct decision *d = row->decision;
	char metrics[200] = "-", what[300], why[300], wall[32] = "";

	if (w->quiet)
		return;
	watch_clear(w);
	if (row->metrics && d->status != STATUS_CRASH)
		report_metrics(metrics, sizeof(metrics), s->config, row->metrics);
	if (row->outcome)
		format_duration(wall, sizeof(wall), row->outcome->wall_us);
	escape_str(what, sizeof(what), row->description);
	escape_str(why, sizeof(why), d->reason);
	fprintf(w->term.out, "%04u  %s%-8s%s %s%s%s  %s%s%s%s\n", row->number,
		term_colour(&w->term, colours[d->status]), status_name(d->status),
		term_colour(&w->term, TERM_PLAIN), metrics, *wall ? "  " : "", wall, what,
		row->number ? " (" : "", row->number ? why : "", row->number ? ")" : "");
	told_box(w, s);
	fflush(w->term.out);
}

static void on_baseline_output(void *user, const char *tail, size_t n)
{
	struct watch *w = user;
	const char *p = tail + n;
	int lines = 0;

	watch_clear(w);
	fflush(w->term.out);
	while (p > tail && lines < OUTPUT_LINES)
		if (*--p == '\n' && p + 1 < tail + n && ++lines == OUTPUT_LINES)
			p++;
	fputs("autoexp: the end of the harness's output:\n", stderr);
	while (p < tail + n) {
		const char *nl = memchr(p, '\n', (size_t)(tail + n - p));
		size_t len = (size_t)((nl ? nl : tail + n) - p);
		char shown[400];

		if (len)
			fprintf(stderr, "  | %s\n",
				escape_text(shown, sizeof(shown), p, len));
		p += len + 1;
	}
}

void watch_init(struct watch *w, FILE *out, bool quiet)
{
	*w = (struct watch){ .quiet = quiet };
	term_init(&w->term, out);
	w->observer = (struct loop_observer){
		.note = on_note,
		.begin = on_begin,
		.run = on_run,
		.progress = on_progress,
		.wish = on_wish,
		.row = on_row,
		.baseline_output = on_baseline_output,
		.user = w,
	};
}
