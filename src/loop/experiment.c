/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/experiment.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/strv.h"
#include "judge/judge.h"
#include "measure/metric.h"
#include "policy-load.h"
#include "policy.h"
#include "run/trial.h"

void measurement_done(struct measurement *m)
{
	json_decref(m->box);
	json_decref(m->repeats);
	*m = (struct measurement){ 0 };
}

void bench_done(struct bench *b)
{
	free(TAKE_PTR(b->target));
	free(TAKE_PTR(b->policy));
	strv_free(TAKE_PTR(b->show));
	strv_free(TAKE_PTR(b->scratch));
	strv_free(TAKE_PTR(b->env));
}

static int add_below(char ***list, const char *dir, const char *path)
{
	return *path == '/' ? strv_add(list, path) : strv_addf(list, "%s/%s", dir, path);
}

static int collect_show(struct bench *b, struct sbx_err *err)
{
	const struct config *c = b->config;
	struct stat st;

	for (char **p = c->show; p && *p; p++) {
		if (add_below(&b->show, c->dir, *p) < 0)
			return sbx_err_oom(err, "loop");
		if (stat(b->show[strv_len(b->show) - 1], &st) < 0)
			return sbx_err_errno(err, -ENOENT, "loop",
					     "show: %s cannot be shown to the harness",
					     *p);
	}
	return 0;
}

/* Shipped policies lie beside the programs in a build folder, else below the prefix. */
static char *policy_dir(const char *exec_path)
{
	static const char *const places[] = { "../policies",
					      "../share/autoexp/policies" };
	const char *slash = strrchr(exec_path, '/');

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		cleanup_free char *dir = str_printf("%.*s/%s", (int)(slash - exec_path),
						    exec_path, places[i]);

		if (dir && access(dir, F_OK) == 0)
			return TAKE_PTR(dir);
	}
	return NULL;
}

static void cleanup_policy_p(struct sbx_policy **p)
{
	policy_free(*p);
}

/* What the configuration does not write, the policy says. */
static int take_policy(struct bench *b, struct sbx_err *err)
{
	cleanup(cleanup_policy_p) struct sbx_policy *policy = NULL;
	const struct config *c = b->config;
	cleanup_free char *dir = NULL;
	int r;

	memcpy(b->limits, c->limits, sizeof(b->limits));
	memcpy(b->cpuset, c->cpuset, sizeof(b->cpuset));
	b->policy = strchr(c->policy, '/') && c->policy[0] != '/'
			    ? str_printf("%s/%s", c->dir, c->policy)
			    : strdup(c->policy);
	if (!b->policy)
		return sbx_err_oom(err, "loop");
	if (streq(b->policy, "default"))
		return 0;
	dir = policy_dir(b->exec_path);
	r = policy_load(b->policy, dir, &policy, err);
	if (r < 0)
		return sbx_err_wrap(err, r, "policy");
	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		if (!c->limits_written[i])
			b->limits[i] = policy->limits[i];
	if (!*b->cpuset)
		memcpy(b->cpuset, policy->cpuset, sizeof(b->cpuset));
	return 0;
}

static int collect_scratch_and_env(struct bench *b, struct sbx_err *err)
{
	const struct config *c = b->config;

	for (char **p = c->scratch_paths; p && *p; p++)
		if (add_below(&b->scratch, c->dir, *p) < 0)
			return sbx_err_oom(err, "loop");
	for (char **p = c->env; p && *p; p++) {
		const char *value = getenv(*p);

		if (value && strv_addf(&b->env, "%s=%s", *p, value) < 0)
			return sbx_err_oom(err, "loop");
	}
	return 0;
}

int bench_init(struct bench *b, struct sbx_err *err)
{
	int r;

	if ((r = take_policy(b, err)) < 0 || (r = collect_show(b, err)) < 0)
		return r;
	return collect_scratch_and_env(b, err);
}

/* One run in flight. */
struct flight {
	struct metric_stream *metrics;
	const struct bench_events *events;
};

static void on_output(void *user, const char *data, size_t n)
{
	struct flight *f = user;

	metric_stream_feed(f->metrics, data, n);
}

static void on_progress(void *user, uint64_t wall_us, uint64_t memory_bytes)
{
	struct flight *f = user;

	if (f->events->progress)
		f->events->progress(f->events->user, wall_us, memory_bytes);
}

/* Is there less time under the cap on hours than the run may take? */
static bool cut_short(const struct bench *b, uint64_t left_us)
{
	uint64_t wall = b->limits[SBX_LIMIT_WALL];

	return left_us != USEC_INFINITY && (wall == 0 || left_us < wall);
}

static void fill_job(const struct bench *b, int log_fd, uint64_t left_us,
		     struct trial_job *job)
{
	const struct config *c = b->config;

	*job = (struct trial_job){
		.exec_path = b->exec_path,
		.argv = c->harness,
		.cwd = c->dir,
		.view_path = b->workdir,
		.view_source = b->checkout,
		.target_path = b->target,
		.target_source = b->candidate,
		.show = b->show,
		.scratch = b->scratch,
		.env = b->env,
		.network = network_names[c->network],
		.policy = b->policy,
		.soft = b->soft,
		.cpuset = b->cpuset,
		.log_fd = log_fd,
	};
	memcpy(job->limits, b->limits, sizeof(job->limits));
	if (cut_short(b, left_us))
		job->limits[SBX_LIMIT_WALL] =
			MAX(left_us, limit_table[SBX_LIMIT_WALL].min);
}

static int wait_for_end(struct trial *t, struct stop *stop,
			const struct bench_events *events, struct sbx_err *err)
{
	struct pollfd fds[TRIAL_FDS + 1];
	int timeout, r;

	for (bool cancelled = false;;) {
		enum stop_wish before = stop->wish;

		if (stop_check(stop) != before && events->wish)
			events->wish(events->user, stop->wish);
		if (!cancelled && stop->wish == STOP_NOW) {
			trial_cancel(t);
			cancelled = true;
		}
		timeout = trial_poll(t, fds);
		fds[TRIAL_FDS] = (struct pollfd){ .fd = stop->fd, .events = POLLIN };
		if (poll(fds, ARRAY_SIZE(fds), timeout) < 0 && errno != EINTR)
			return sbx_err_errno(err, -errno, "loop",
					     "cannot wait for the run");
		r = trial_handle(t, err);
		if (r)
			return r;
	}
}

static void cleanup_trial_p(struct trial **t)
{
	trial_free(*t);
}

/*
 * At a logout or a shutdown systemd sends SIGTERM to everything at once, the command in the box
 * included: how that ended says nothing about the experiment.
 */
static void blame_the_stop(struct stop *stop, struct outcome *o)
{
	if (o->verdict == VERDICT_OK || o->verdict == VERDICT_INTERRUPTED ||
	    stop_check(stop) != STOP_NOW)
		return;
	o->verdict = VERDICT_INTERRUPTED;
	snprintf(o->reason, sizeof(o->reason), "it ended while everything was stopped");
}

/* One run. Where there is no record it is the host's failure, said in @err. */
static int run_once(const struct bench *b, int log_fd, uint64_t left_us,
		    struct stop *stop, const struct bench_events *events,
		    struct outcome *ret, json_t **ret_box, struct sbx_err *err)
{
	cleanup_metric_stream struct metric_stream *metrics = NULL;
	cleanup(cleanup_trial_p) struct trial *t = NULL;
	struct flight flight = { .events = events };
	struct trial_events te = { on_output, on_progress, &flight };
	struct trial_job job;
	int r;

	r = metric_stream_new(b->config, &metrics, err);
	if (r < 0)
		return r;
	flight.metrics = metrics;
	fill_job(b, log_fd, left_us, &job);
	r = trial_start(&job, &te, &t, err);
	if (r < 0)
		return r;
	r = wait_for_end(t, stop, events, err);
	if (r < 0)
		return r;
	if (trial_collect(t, ret, ret_box, stop->wish == STOP_NOW ? NULL : err) < 0) {
		/* Asked to end before it could hear us, it left no record: our doing. */
		*ret = (struct outcome){ .verdict = stop->wish == STOP_NOW
							    ? VERDICT_INTERRUPTED
							    : VERDICT_SETUP_ERROR };
		snprintf(ret->reason, sizeof(ret->reason), "%s",
			 stop->wish == STOP_NOW ? "stopped before it began" : "");
		return 0;
	}
	if (ret->verdict == VERDICT_SETUP_ERROR) {
		const char *reason = ret->reason;

		/* The record has the whole sentence, with the remedy at its end. */
		json_get_str(*ret_box, "reason", &reason, NULL);
		sbx_err_set(err, -EIO, "run", "%s", reason);
	}
	r = metric_stream_finish(metrics, ret, err);
	if (r == 0)
		blame_the_stop(stop, ret);
	return r;
}

int bench_probe(const struct bench *b, struct stop *stop, char *enforcement, size_t size,
		struct sbx_err *err)
{
	cleanup(cleanup_trial_p) struct trial *t = NULL;
	static char *const nothing[] = { (char *)"true", NULL };
	const struct trial_events none = { 0 };
	const struct bench_events quiet = { 0 };
	cleanup_json json_t *box = NULL;
	struct trial_job job;
	struct outcome o;
	const char *text;
	int r;

	fill_job(b, -EBADF, USEC_INFINITY, &job);
	job.argv = nothing;
	job.target_path = job.target_source = NULL;
	r = trial_start(&job, &none, &t, err);
	if (r == 0)
		r = wait_for_end(t, stop, &quiet, err);
	if (r < 0 || (r = trial_collect(t, &o, &box, err)) < 0)
		return r;
	if (o.verdict == VERDICT_SETUP_ERROR) {
		if (json_get_str(box, "reason", &text, err) < 0)
			return -EIO;
		return sbx_err_set(err, -EIO, "run", "%s", text);
	}
	r = json_get_str_or(box, "enforcement", "", &text, err);
	if (r < 0)
		return r;
	snprintf(enforcement, size, "%s", text);
	return 0;
}

static int open_log(int dir_fd, unsigned run, int *ret, struct sbx_err *err)
{
	char name[32] = "output.log";
	int fd;

	if (run > 1)
		snprintf(name, sizeof(name), "output-%u.log", run);
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return sbx_err_errno(err, -errno, "loop", "cannot write %s", name);
	*ret = fd;
	return 0;
}

/*
 * A run that the cap on hours cut short says nothing about the candidate: what looks like
 * its time-out is our interruption.
 */
static void check_cap(const struct bench *b, uint64_t left_us, struct measurement *m)
{
	struct outcome *o = &m->outcome;

	if (o->verdict != VERDICT_TIMEOUT || !cut_short(b, left_us))
		return;
	o->verdict = VERDICT_INTERRUPTED;
	m->capped = true;
	snprintf(o->reason, sizeof(o->reason), "the cap on hours ended it");
}

static void take_medians(const struct config *c, double (*values)[METRICS_MAX],
			 unsigned n, struct outcome *o)
{
	double column[99];

	for (size_t m = 0; m < c->n_metrics; m++) {
		for (unsigned i = 0; i < n; i++)
			column[i] = values[i][m];
		o->metrics[m] = judge_median(column, n);
	}
}

static int keep_record(struct measurement *m, json_t *box, unsigned repeat)
{
	json_decref(m->box);
	m->box = box;
	if (repeat == 1)
		return 0;
	if (!m->repeats)
		m->repeats = json_array();
	return json_array_append(m->repeats, box ? box : json_null()) < 0 ? -ENOMEM : 0;
}

int bench_measure(const struct bench *b, int dir_fd, uint64_t left_us, struct stop *stop,
		  const struct bench_events *events, struct measurement *ret,
		  struct sbx_err *err)
{
	cleanup_measurement struct measurement m = { 0 };
	double values[99][METRICS_MAX];
	unsigned n = b->config->repeat;
	int r;

	assert(n >= 1 && n <= ARRAY_SIZE(values));
	for (unsigned i = 0; i < n; i++) {
		uint64_t left = left_us == USEC_INFINITY
					? left_us
					: left_us - MIN(left_us, m.spent_us);
		cleanup_close int log_fd = -EBADF;
		json_t *box = NULL;

		r = open_log(dir_fd, i + 1, &log_fd, err);
		if (r < 0)
			return r;
		r = run_once(b, log_fd, left, stop, events, &m.outcome, &box, err);
		if (r < 0)
			return r;
		m.spent_us += m.outcome.wall_us;
		if (keep_record(&m, box, n) < 0)
			return sbx_err_oom(err, "loop");
		check_cap(b, left, &m);
		if (m.outcome.verdict != VERDICT_OK)
			break;
		memcpy(values[i], m.outcome.metrics, sizeof(values[i]));
		if (i + 1 == n)
			take_medians(b->config, values, n, &m.outcome);
	}
	m.outcome.wall_us = m.spent_us;
	*ret = m;
	m = (struct measurement){ 0 };
	return 0;
}
