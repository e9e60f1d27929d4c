/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A line of standard output is a metric's value in one of these forms:
 *
 *	LINE   "METRIC name=1.5", "name: 1.5" or "name = 1.5" from the first column on;
 *	       blanks around "=" and ":" do not matter; the number ends at a blank or at
 *	       the end of the line, and what follows the blank (a unit, say) is ignored
 *	REGEX  the group of the first match in the line; the group is the whole number
 *	JSON   the line is one JSON object; the path ("result.loss", "runs[0].ms") leads
 *	       to a number in it. NaN and Infinity, which Python writes, are understood
 *
 * Numbers are decimal, in the C locale. NaN, infinities and what is too large for a
 * double are "not finite". Anything else in the place of a number ("0x10", "1,5", "n/a")
 * is not a value of the metric: it is ignored where a number comes too, and quoted where
 * none does.
 *
 * Lines end at "\n" or "\r\n"; the last one need not. A line of more than METRIC_LINE_MAX
 * bytes is not a metric. A line that lies whole in the fed bytes is read where it lies;
 * only one that is cut is copied. Per metric the first, last, smallest and largest value
 * are kept, and one that differs from the first: enough for every `take:`.
 *
 * Whoever controls standard output controls these numbers: the candidate too, where it
 * runs in the same box as the harness. This is no trusted channel and cannot become one.
 */

#include "measure/metric.h"

#include <math.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/parse.h"
#include "conf/config.h"

/* Longer than any sensible number; more digits are no number. */
#define NUMBER_MAX 512

/* Of a key in a path. */
#define KEY_MAX 256

/* How a value that was not finite looks after mend(): no document holds this by itself.
 */
#define NOT_FINITE_MARK '\x7f'

struct seen {
	const struct config_metric *metric;
	regex_t regex;
	bool has_regex;
	bool any;    /* a finite value was seen */
	bool differ; /* `other` is a second value */
	double first, last, min, max, other;
	bool infinite, first_infinite,
		last_infinite; /* not finite: at all, first, last */
	char infinite_text[48];
	char odd_text[96]; /* what stood last where a number should, escaped; "" = nothing
			    */
};

struct metric_stream {
	struct seen seen[METRICS_MAX];
	size_t n;
	bool wants_text; /* some metric is read from the output */
	bool no_memory;
	bool skipping; /* inside a line that is too long */
	size_t len;    /* of the line that is cut */
	char line[METRIC_LINE_MAX + 1];
	char mended[METRIC_LINE_MAX];
};

static int compile(const struct config_metric *m, struct seen *s, struct sbx_err *err)
{
	char text[128];
	int r;

	r = regcomp(&s->regex, m->pattern, CONFIG_REGEX_FLAGS);
	if (r == REG_ESPACE)
		return sbx_err_oom(err, "metric");
	if (r == 0)
		s->has_regex = true;
	if (r != 0 || s->regex.re_nsub != 1)
		return sbx_err_set(err, -EINVAL, "metric",
				   "metric %s: `from: %s` is not a regex with one group",
				   m->name, escape_str(text, sizeof(text), m->pattern));
	return 0;
}

int metric_stream_new(const struct config *c, struct metric_stream **ret,
		      struct sbx_err *err)
{
	cleanup_metric_stream struct metric_stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return sbx_err_oom(err, "metric");
	for (; s->n < c->n_metrics; s->n++) {
		const struct config_metric *m = &c->metrics[s->n];

		s->seen[s->n].metric = m;
		if (m->from <= METRIC_FROM_JSON)
			s->wants_text = true;
		r = 0;
		if (m->from == METRIC_FROM_REGEX)
			r = compile(m, &s->seen[s->n], err);
		else if (m->from == METRIC_FROM_JSON && strlen(m->pattern) >= KEY_MAX)
			r = sbx_err_set(
				err, -EINVAL, "metric",
				"metric %s: the path is longer than %d characters",
				m->name, KEY_MAX - 1);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(s);
	return 0;
}

void metric_stream_free(struct metric_stream *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(s->seen); i++)
		if (s->seen[i].has_regex)
			regfree(&s->seen[i].regex);
	free(s);
}

static void note_value(struct seen *s, double v)
{
	s->last_infinite = false;
	s->last = v;
	if (!s->any) {
		s->any = true;
		s->first = s->min = s->max = v;
		return;
	}
	if (v != s->first && !s->differ) {
		s->differ = true;
		s->other = v;
	}
	s->min = fmin(s->min, v);
	s->max = fmax(s->max, v);
}

static void note_infinite(struct seen *s, const char *text, size_t n)
{
	if (!s->any && !s->infinite)
		s->first_infinite = true;
	s->infinite = s->last_infinite = true;
	escape_text(s->infinite_text, sizeof(s->infinite_text), text, n);
}

static void note_odd(struct seen *s, const char *text, size_t n)
{
	escape_text(s->odd_text, sizeof(s->odd_text), text, n);
}

/* @text is what stands in the place of the number, nothing more. */
static void note_text(struct seen *s, const char *text, size_t n)
{
	char number[NUMBER_MAX];
	double v;
	int r = -EINVAL;

	if (n < sizeof(number) && !memchr(text, '\0', n)) {
		memcpy(number, text, n);
		number[n] = '\0';
		r = parse_finite(number, &v);
	}
	if (r == 0)
		note_value(s, v);
	else if (r == -ERANGE)
		note_infinite(s, text, n);
	else
		note_odd(s, text, n);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

/* The text behind @word, or NULL where [p, end) does not begin with it. */
static const char *behind(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

static void read_plain(struct seen *s, const char *line, size_t n)
{
	const char *end = line + n, *p, *value, *tail;
	bool tagged;

	p = behind(line, end, "METRIC");
	tagged = p && p < end && is_blank(*p);
	p = behind(tagged ? skip_blanks(p, end) : line, end, s->metric->name);
	if (!p)
		return;
	p = skip_blanks(p, end);
	if (p == end || (*p != '=' && (*p != ':' || tagged)))
		return;

	value = skip_blanks(p + 1, end);
	for (tail = value; tail < end && !is_blank(*tail);)
		tail++;
	note_text(s, value, (size_t)(tail - value));
}

static void read_regex(struct metric_stream *m, struct seen *s, const char *line,
		       size_t n)
{
	regmatch_t match[2] = { { .rm_so = 0, .rm_eo = (regoff_t)n } };
	int r;

	r = regexec(&s->regex, line, ARRAY_SIZE(match), match, REG_STARTEND);
	if (r == REG_ESPACE)
		m->no_memory = true;
	if (r == 0 && match[1].rm_so >= 0)
		note_text(s, line + match[1].rm_so,
			  (size_t)(match[1].rm_eo - match[1].rm_so));
}

/*
 * One step of a path: a key up to "." or "[", or an index "[7]". NULL: it leads nowhere.
 */
static const json_t *step(const json_t *j, const char **path)
{
	const char *p = **path == '.' ? *path + 1 : *path;
	size_t n = strcspn(p, ".["), index = 0;
	char key[KEY_MAX];

	if (*p == '[') {
		for (p++; *p >= '0' && *p <= '9' && index < METRIC_LINE_MAX; p++)
			index = index * 10 + (size_t)(*p - '0');
		*path = *p == ']' ? p + 1 : "";
		return *p == ']' ? json_array_get(j, index) : NULL;
	}
	*path = p + n;
	if (n >= sizeof(key))
		return NULL;
	memcpy(key, p, n);
	key[n] = '\0';
	return json_object_get(j, key);
}

static const json_t *walk(const json_t *j, const char *path)
{
	while (j && *path)
		j = step(j, &path);
	return j;
}

static bool is_word_char(char c)
{
	return c == '+' || c == '-' || c == '.' || (c >= '0' && c <= '9') ||
	       (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * What Python and friends write is no JSON where a number is not finite: NaN, Infinity,
 * 1e400. Each becomes a string of the same length that no genuine document has, so that
 * the rest of the line can be read.
 */
static bool mend(char *line, size_t n)
{
	bool in_string = false, mended = false;
	char number[NUMBER_MAX];
	size_t k;
	double v;

	for (size_t i = 0; i < n; i += k) {
		k = 1;
		if (line[i] == '"')
			in_string = !in_string;
		else if (in_string && line[i] == '\\')
			k = 2;
		if (in_string || !is_word_char(line[i]))
			continue;
		while (i + k < n && is_word_char(line[i + k]))
			k++;
		if (k < 3 || k >= sizeof(number))
			continue;
		memcpy(number, line + i, k);
		number[k] = '\0';
		if (parse_finite(number, &v) != -ERANGE)
			continue;
		memset(line + i, NOT_FINITE_MARK, k);
		line[i] = line[i + k - 1] = '"';
		mended = true;
	}
	return mended;
}

static void note_json(struct seen *s, const json_t *v)
{
	cleanup_free char *text = NULL;
	const char *str = json_string_value(v);

	if (json_is_number(v)) {
		note_value(s, json_number_value(v) + 0.0);
	} else if (str && *str == NOT_FINITE_MARK) {
		note_infinite(s, s->metric->pattern, strlen(s->metric->pattern));
	} else {
		text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		note_odd(s, text ? text : "", text ? strlen(text) : 0);
	}
}

static json_t *load(struct metric_stream *m, const char *line, size_t n, size_t flags)
{
	json_error_t e;
	json_t *j = json_loadb(line, n, flags, &e);

	if (!j && json_error_code(&e) == json_error_out_of_memory)
		m->no_memory = true;
	return j;
}

/* The line as one JSON object, read once for all metrics; or NULL. */
static json_t *parse_object(struct metric_stream *m, const char *line, size_t n)
{
	/* An integer of more than 64 bits is a fine metric. */
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL;
	const char *p = skip_blanks(line, line + n);
	json_t *j;

	if (p == line + n || *p != '{')
		return NULL;
	j = load(m, line, n, flags);
	if (j)
		return j;
	memcpy(m->mended, line, n);
	return mend(m->mended, n) ? load(m, m->mended, n, flags) : NULL;
}

static void read_line(struct metric_stream *m, const char *line, size_t n)
{
	cleanup_json json_t *j = NULL;
	const json_t *v;
	bool tried = false;

	if (n && line[n - 1] == '\r')
		n--;
	for (size_t i = 0; i < m->n; i++) {
		struct seen *s = &m->seen[i];

		if (s->metric->from == METRIC_FROM_LINE) {
			read_plain(s, line, n);
		} else if (s->metric->from == METRIC_FROM_REGEX) {
			read_regex(m, s, line, n);
		} else if (s->metric->from == METRIC_FROM_JSON) {
			if (!tried)
				j = parse_object(m, line, n);
			tried = true;
			v = walk(j, s->metric->pattern);
			if (v)
				note_json(s, v);
		}
	}
}

/* Keep the part of a line whose end is still to come. */
static void keep_part(struct metric_stream *m, const char *p, size_t n)
{
	if (n > METRIC_LINE_MAX - m->len) {
		m->skipping = true;
		m->len = 0;
		return;
	}
	memcpy(m->line + m->len, p, n);
	m->len += n;
}

void metric_stream_feed(struct metric_stream *m, const void *data, size_t n)
{
	const char *p = data, *end = p + n, *newline;

	if (!m->wants_text)
		return;
	for (; p < end; p = newline + 1) {
		newline = memchr(p, '\n', (size_t)(end - p));
		if (!newline) {
			if (!m->skipping)
				keep_part(m, p, (size_t)(end - p));
			return;
		}
		if (m->len) {
			keep_part(m, p, (size_t)(newline - p));
			if (!m->skipping)
				read_line(m, m->line, m->len);
		} else if (!m->skipping && newline - p <= METRIC_LINE_MAX) {
			read_line(m, p, (size_t)(newline - p));
		}
		m->len = 0;
		m->skipping = false;
	}
}

static void fail(struct outcome *io, enum verdict v, const char *fmt, ...)
	attr_printf(3, 4);

static void fail(struct outcome *io, enum verdict v, const char *fmt, ...)
{
	va_list ap;

	io->verdict = v;
	va_start(ap, fmt);
	vsnprintf(io->reason, sizeof(io->reason), fmt, ap);
	va_end(ap);
}

static void fail_missing(const struct seen *s, struct outcome *io)
{
	const struct config_metric *c = s->metric;
	char text[128] = "";

	if (c->pattern)
		escape_str(text, sizeof(text), c->pattern);
	if (*s->odd_text)
		fail(io, VERDICT_NO_METRIC,
		     "%s was printed as \"%s\", which is no decimal number", c->name,
		     s->odd_text);
	else if (c->from == METRIC_FROM_REGEX)
		fail(io, VERDICT_NO_METRIC,
		     "%s was not printed: no line of standard output matches \"%s\"",
		     c->name, text);
	else if (c->from == METRIC_FROM_JSON)
		fail(io, VERDICT_NO_METRIC,
		     "%s was not printed: no line of standard output is a JSON object "
		     "with %s",
		     c->name, text);
	else
		fail(io, VERDICT_NO_METRIC,
		     "%s was not printed: looked for lines \"METRIC %.64s=1.5\", "
		     "\"%.64s: 1.5\" or \"%.64s = 1.5\" on standard output",
		     c->name, c->name, c->name, c->name);
}

static void fail_ambiguous(const struct seen *s, struct outcome *io)
{
	char a[32], b[32];

	for (int digits = 6; digits <= 17; digits++) {
		snprintf(a, sizeof(a), "%.*g", digits, s->first);
		snprintf(b, sizeof(b), "%.*g", digits, s->other);
		if (!streq(a, b))
			break;
	}
	fail(io, VERDICT_AMBIGUOUS,
	     "%s was printed with different values (%s, %s): add `take: last` "
	     "(or first, min, max) to this metric",
	     s->metric->name, a, b);
}

/* Is a value that was not finite among those that count? */
static bool counts_infinite(const struct seen *s)
{
	if (s->metric->take == METRIC_TAKE_FIRST)
		return s->first_infinite;
	if (s->metric->take == METRIC_TAKE_LAST)
		return s->last_infinite;
	return s->infinite;
}

static void take_printed(const struct seen *s, double *ret, struct outcome *io)
{
	if (counts_infinite(s)) {
		fail(io, VERDICT_NOT_FINITE,
		     "%s was printed as a value that is not finite (%s)", s->metric->name,
		     s->infinite_text);
		return;
	}
	if (!s->any) {
		fail_missing(s, io);
		return;
	}
	if (s->metric->take == METRIC_TAKE_ONLY && s->differ) {
		fail_ambiguous(s, io);
		return;
	}
	*ret = s->metric->take == METRIC_TAKE_LAST  ? s->last
	       : s->metric->take == METRIC_TAKE_MIN ? s->min
	       : s->metric->take == METRIC_TAKE_MAX ? s->max
						    : s->first;
}

/* @peak_mb counts MiB. A box that measured no memory says 0, and that is not a value. */
static void take(const struct seen *s, double *ret, struct outcome *io)
{
	switch (s->metric->from) {
	case METRIC_FROM_WALL_MS:
		*ret = (double)io->wall_us / 1000;
		return;
	case METRIC_FROM_CPU_MS:
		*ret = (double)io->cpu_us / 1000;
		return;
	case METRIC_FROM_PEAK_MB:
		if (io->memory_peak_bytes == 0)
			fail(io, VERDICT_NO_METRIC,
			     "%s: memory could not be measured here", s->metric->name);
		*ret = (double)io->memory_peak_bytes / (1024 * 1024);
		return;
	default:
		take_printed(s, ret, io);
	}
}

int metric_stream_finish(struct metric_stream *m, struct outcome *io, struct sbx_err *err)
{
	double values[METRICS_MAX] = { 0 };

	if (m->len)
		read_line(m, m->line, m->len);
	m->len = 0;
	if (m->no_memory)
		return sbx_err_oom(err, "metric");
	for (size_t i = 0; i < m->n && io->verdict == VERDICT_OK; i++)
		take(&m->seen[i], &values[i], io);
	if (io->verdict == VERDICT_OK)
		memcpy(io->metrics, values, sizeof(values));
	return 0;
}
