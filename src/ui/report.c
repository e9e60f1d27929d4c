/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/report.h"

#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/parse.h"
#include "ledger/budget.h"

static void line(const struct term *t, const char *label, const char *fmt, ...)
	attr_printf(3, 4);

static void line(const struct term *t, const char *label, const char *fmt, ...)
{
	va_list ap;

	fprintf(t->out, "%s%-10s%s", term_colour(t, TERM_BOLD), label,
		term_colour(t, TERM_PLAIN));
	va_start(ap, fmt);
	vfprintf(t->out, fmt, ap);
	va_end(ap);
	fputc('\n', t->out);
}

static void add_bound(struct buf *b, const struct config_metric *m)
{
	const char *worse = m->goal == GOAL_MINIMIZE ? "above" : "below";

	if (m->tolerance_kind == TOLERANCE_RATIO)
		buf_printf(b, ", never %s %s%g of the baseline", worse,
			   m->goal == GOAL_MINIMIZE ? "x " : "1/", m->tolerance);
	else if (m->tolerance_kind == TOLERANCE_ABS)
		buf_printf(b, ", never more than %g %s the baseline", m->tolerance,
			   worse);
}

static void plan_metrics(const struct term *t, const struct config *c)
{
	cleanup_buf struct buf b = BUF_INIT;

	for (size_t i = 0; i < c->n_metrics; i++) {
		const struct config_metric *m = &c->metrics[i];

		buf_printf(&b, "%s%s (%s", i ? ", " : "", m->name, goal_names[m->goal]);
		add_bound(&b, m);
		buf_puts(&b, ")");
	}
	buf_printf(&b, "; rule %s", rule_names[c->rule]);
	if (c->min_delta > 0)
		buf_printf(&b, ", better by more than %g%s", c->min_delta,
			   c->min_delta_percent ? "%" : "");
	if (c->repeat > 1)
		buf_printf(&b, ", median of %u runs", c->repeat);
	line(t, "metrics", "%s", buf_str(&b));
}

static void plan_caps(const struct term *t, const struct config *c)
{
	cleanup_buf struct buf b = BUF_INIT;
	size_t written = 0;
	char text[48];

	for (int i = 0; i < _CAP_MAX; i++) {
		buf_printf(&b, "%s%s%s", i ? ", " : "",
			   config_format_cap((enum cap)i, c->caps[i], text, sizeof(text)),
			   i == CAP_EXPERIMENTS ? " experiments" : "");
		written += c->caps_written[i];
	}
	if (written == 0) {
		line(t, "caps", "(defaults): %s", buf_str(&b));
		return;
	}
	if (written < _CAP_MAX)
		buf_puts(&b, "; by default:");
	for (int i = 0; i < _CAP_MAX; i++)
		if (!c->caps_written[i])
			buf_printf(&b, " %s", cap_names[i]);
	line(t, "caps", "%s", buf_str(&b));
}

static void plan_limits(const struct term *t, const struct report_plan *p)
{
	cleanup_buf struct buf b = BUF_INIT;
	char text[32];

	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		if (p->limits[i])
			buf_printf(&b, "%s%s %s", b.len ? ", " : "", limit_table[i].name,
				   limit_format((enum sbx_limit)i, p->limits[i], text,
						sizeof(text)));
	if (*p->cpuset)
		buf_printf(&b, ", cpuset %s", p->cpuset);
	line(t, "limits", "%s (each experiment)", buf_str(&b));
	if (*p->enforcement)
		line(t, "enforced", "%s%s",
		     streq(p->enforcement, "cgroup2") ? "by cgroup v2" : p->enforcement,
		     streq(p->enforcement, "soft") ? ": where this host cannot hold a "
						     "limit, a watchdog samples and kills"
						   : "");
}

static void plan_harness(const struct term *t, const struct config *c)
{
	cleanup_buf struct buf b = BUF_INIT;

	for (char **w = c->harness + (c->harness_shell ? 2 : 0); *w; w++) {
		buf_puts(&b, b.len ? " " : "");
		escape_add(&b, *w, strlen(*w));
	}
	line(t, "harness", "%s", buf_str(&b));
}

void report_plan(const struct term *t, const struct report_plan *p)
{
	const struct config *c = p->config;
	char target[400];

	line(t, "campaign", "%s, %s; branch autoexp/%s from %.12s", p->campaign->tag,
	     p->fresh ? "new" : "goes on", p->campaign->tag, p->campaign->base);
	line(t, "target", "%s", escape_str(target, sizeof(target), p->target));
	plan_harness(t, c);
	plan_metrics(t, c);
	plan_caps(t, c);
	plan_limits(t, p);
	line(t, "box", "repository read-only as committed, network %s",
	     c->network == SBX_NETWORK_NONE ? "none" : "of the host");
	if (p->proposes)
		line(t, "proposer", "builtin (no network, no cost)");
	fflush(t->out);
}

const char *report_metrics(char *out, size_t size, const struct config *c,
			   const double *metrics)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < c->n_metrics && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s %.6g", i ? ", " : "",
				      c->metrics[i].name, metrics[i]);
	return out;
}

const char *report_seconds(char *out, size_t size, uint64_t us)
{
	if (us < USEC_PER_SEC)
		snprintf(out, size, "0s");
	else
		format_duration(out, size, us / USEC_PER_SEC * USEC_PER_SEC);
	return out;
}

const char *report_used(char *out, size_t size, const struct config *c,
			const struct campaign *cam, uint64_t active_us)
{
	char cap[_CAP_MAX][48], cost[32], hours[32];

	for (int i = 0; i < _CAP_MAX; i++)
		config_format_cap((enum cap)i, c->caps[i], cap[i], sizeof(cap[i]));
	budget_dollars(cost, sizeof(cost), cam->cost_nano);
	report_seconds(hours, sizeof(hours), active_us);
	snprintf(out, size, "%u of %s experiments, %s of %s, %s of %s", cam->experiments,
		 cap[CAP_EXPERIMENTS], cost, cap[CAP_COST_NANO], hours, cap[CAP_WALL_US]);
	return out;
}

const char *report_change(char *out, size_t size, double from, double to)
{
	out[0] = '\0';
	if (from > 0 && isfinite(to / from))
		snprintf(out, size, "%+.1f %%", (to / from - 1) * 100);
	return out;
}

static void end_metrics(const struct term *t, const struct report_end *e)
{
	const struct campaign *cam = e->campaign;
	char change[32];

	if (!cam->baseline.known)
		return;
	if (cam->incumbent.number == 0) {
		char text[200];

		line(t, "best", "the baseline: %s; nothing better was found",
		     report_metrics(text, sizeof(text), e->config,
				    cam->baseline.metrics));
		return;
	}
	for (size_t i = 0; i < e->config->n_metrics; i++) {
		double from = cam->baseline.metrics[i], to = cam->incumbent.metrics[i];

		report_change(change, sizeof(change), from, to);
		line(t, i ? "" : "best", "%s %.6g -> %.6g%s%s%s",
		     e->config->metrics[i].name, from, to, *change ? " (" : "", change,
		     *change ? ")" : "");
	}
	line(t, "", "experiment %04u, commit %.12s", cam->incumbent.number,
	     cam->incumbent.commit);
}

static bool is_current_dir(const char *path)
{
	struct stat here, there;

	return stat(".", &here) == 0 && stat(path, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* The target as git and the shell take it from here: this line is there to be copied. */
static void add_pathspec(struct buf *b, const struct report_end *e)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./+,@%=";

	if (is_current_dir(e->workdir) && !e->target[strspn(e->target, plain)]) {
		buf_puts(b, e->target);
		return;
	}
	buf_puts(b, "':(top,literal)");
	for (const char *p = e->target; *p;) {
		size_t n = strcspn(p, "'");

		escape_add(b, p, n);
		p += n;
		if (*p) {
			buf_puts(b, "'\\''");
			p++;
		}
	}
	buf_puts(b, "'");
}

void report_end(const struct term *t, const struct report_end *e)
{
	const struct campaign *cam = e->campaign;
	cleanup_buf struct buf target = BUF_INIT;
	char used[300], workdir[400];

	add_pathspec(&target, e);
	escape_str(workdir, sizeof(workdir), e->workdir);
	if (e->reason)
		line(t, "ended", "%s", e->reason);
	line(t, "used", "%s",
	     report_used(used, sizeof(used), e->config, cam, e->active_us));
	line(t, "outcome", "%u keep, %u discard, %u crash", cam->counts[STATUS_KEEP],
	     cam->counts[STATUS_DISCARD], cam->counts[STATUS_CRASH]);
	end_metrics(t, e);
	line(t, "results", "%s/.autoexp/%s/results.tsv", workdir, cam->tag);
	line(t, "each run",
	     "%s/.autoexp/%s/runs/NNNN/ (`autoexp show N`, `autoexp diff N`)", workdir,
	     cam->tag);
	if (cam->incumbent.known && cam->incumbent.number > 0)
		line(t, "take it",
		     "git merge autoexp/%s   or   git checkout autoexp/%s -- %s",
		     cam->tag, cam->tag, buf_str(&target));
	fflush(t->out);
}

/* The record lies where its user can write: what stands there is text of anybody. */
static void add_text(struct buf *b, const char *before, const char *text)
{
	buf_puts(b, before);
	escape_add(b, text, strlen(text));
}

void report_enforcement(struct buf *ret, const json_t *record)
{
	const json_t *box = json_object_get(record, "box");
	const char *enforcement, *by, *name;
	json_t *limit;
	bool hit;

	if (json_get_str_or(box, "enforcement", "", &enforcement, NULL) < 0 ||
	    !*enforcement)
		return;
	add_text(ret, "", enforcement);
	json_object_foreach(json_object_get(box, "limits"), name, limit) {
		if (json_get_str_or(limit, "enforced_by", "", &by, NULL) < 0 ||
		    json_get_bool_or(limit, "hit", false, &hit, NULL) < 0)
			continue;
		add_text(ret, ", ", name);
		add_text(ret, " ", by);
		buf_puts(ret, hit ? " (hit)" : "");
	}
}
