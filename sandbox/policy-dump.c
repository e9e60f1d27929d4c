/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A policy as text. Two policies that say the same have the same text, whatever files they
 * were put together from, and the text is a policy file itself: its SHA-256 names a policy in
 * records.
 */
#include <inttypes.h>

#include "base/escape.h"
#include "base/parse.h"
#include "base/strv.h"
#include "limit.h"
#include "policy-load.h"
#include "policy.h"

#define COMMENT_COLUMN 34

const char *policy_limit_text(enum sbx_limit limit, uint64_t value, char *out,
			      size_t size)
{
	const struct limit_info *info = &limit_table[limit];
	const char *unit = info->parse == parse_size       ? "B"
			   : info->parse == parse_duration ? "us"
							   : "";
	uint64_t back;

	limit_format(limit, value, out, size);
	if (info->parse(out, &back) == 0 && back == value)
		return out;
	if (info->parse == parse_milli)
		snprintf(out, size, "%" PRIu64 ".%03u", value / 1000,
			 (unsigned)(value % 1000));
	else
		snprintf(out, size, "%" PRIu64 "%s", value, unit);
	return out;
}

/* One line, from @begin on, with its origin behind it. */
static void end_line(struct buf *out, size_t begin, const struct policy_origin *where)
{
	size_t used = out->len - begin;
	char file[512];

	if (where) {
		buf_printf(out, "%*s# ",
			   used < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - used) : 1, "");
		if (where->line)
			buf_printf(out, "%s:%u",
				   escape_str(file, sizeof(file), where->file),
				   where->line);
		else if (where->file) /* JSON that libyaml reads in another way */
			buf_puts(out, escape_str(file, sizeof(file), where->file));
		else
			buf_puts(out, "built in");
	}
	buf_puts(out, "\n");
}

static attr_printf(3, 4) void line(struct buf *out, const struct policy_origin *where,
				   const char *fmt, ...)
{
	size_t begin = out->len;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		out->failed = true;
	else
		buf_puts(out, text);
	va_end(ap);
	free(text);
	end_line(out, begin, where);
}

/* In single quotes, where a plain word could be taken for something else. */
static char *quoted(const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
	cleanup_buf struct buf b = BUF_INIT;

	if (*text == '/' && !text[strspn(text, plain)])
		return strdup(text);
	buf_puts(&b, "'");
	for (; *text; text++)
		buf_printf(&b, "%s%c", *text == '\'' ? "'" : "", *text);
	buf_puts(&b, "'");
	return buf_steal(&b);
}

static void path_line(struct buf *out, const struct policy_origin *where,
		      const char *begin, const char *path)
{
	cleanup_free char *text = quoted(path);

	if (!text)
		out->failed = true;
	else
		line(out, where, "%s%s", begin, text);
}

static void names_line(struct buf *out, const struct policy_origin *where,
		       const char *key, unsigned set, const char *const *names, size_t n)
{
	cleanup_buf struct buf list = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		if (set & 1U << i)
			buf_printf(&list, "%s%s", list.len ? ", " : "", names[i]);
	line(out, where, "%s: [%s]", key, buf_str(&list));
}

static void dump_list(struct buf *out, const struct sbx_policy *p, bool origins,
		      const char *key, enum policy_list which)
{
	char **list = *policy_list((struct sbx_policy *)p, which);
	const char *indent = which == POLICY_SYSTEM ? "" : "  ";

	buf_printf(out, "%s%s:%s\n", indent, key, strv_len(list) ? "" : " []");
	for (size_t i = 0; list && list[i]; i++) {
		const struct policy_origin *where = &p->origins->lists[which][i];
		cleanup_free char *begin = str_printf("%s  - ", indent);

		if (!begin)
			out->failed = true;
		else if (which == POLICY_SYSTEM)
			path_line(out, origins ? where : NULL, begin, list[i]);
		else
			line(out, origins ? where : NULL, "%s%s", begin, list[i]);
	}
}

static const struct policy_origin *of_key(const struct sbx_policy *p, bool origins,
					  enum policy_key key)
{
	return origins ? &p->origins->keys[key] : NULL;
}

void policy_dump_filter(const struct sbx_policy *p, bool origins, struct buf *out)
{
	buf_puts(out, "seccomp:\n");
	if (p->profile)
		path_line(out, of_key(p, origins, POLICY_PROFILE),
			  "  profile: ", p->profile);
	names_line(out, of_key(p, origins, POLICY_SOCKETS), "  sockets", p->sockets,
		   family_names, _SBX_FAMILY_MAX);
	dump_list(out, p, origins, "allow", POLICY_ALLOW);
	dump_list(out, p, origins, "deny", POLICY_DENY);
}

static void dump_kill_on(const struct sbx_policy *p, bool origins, struct buf *out)
{
	const char *names[_SBX_LIMIT_MAX];

	for (size_t i = 0; i < _SBX_LIMIT_MAX; i++)
		names[i] = limit_table[i].name;
	names_line(out, of_key(p, origins, POLICY_KILL_ON), "kill_on", p->kill_on, names,
		   _SBX_LIMIT_MAX);
}

void policy_dump(const struct sbx_policy *p, bool origins, struct buf *out)
{
	char text[32];

	buf_puts(out, "limits:\n");
	for (int i = 0; i < _SBX_LIMIT_MAX; i++)
		if (p->limits[i])
			line(out, origins ? &p->origins->limits[i] : NULL, "  %s: %s",
			     limit_table[i].name,
			     policy_limit_text((enum sbx_limit)i, p->limits[i], text,
					       sizeof(text)));
	if (p->cpuset[0])
		line(out, of_key(p, origins, POLICY_CPUSET), "  cpuset: '%s'", p->cpuset);
	dump_kill_on(p, origins, out);
	dump_list(out, p, origins, "system", POLICY_SYSTEM);
	line(out, of_key(p, origins, POLICY_NETWORK), "network: %s",
	     network_names[p->network]);
	line(out, of_key(p, origins, POLICY_TARGET), "target: %s",
	     target_names[p->target]);
	line(out, of_key(p, origins, POLICY_COUNT_DENIALS), "count_denials: %s",
	     p->count_denials ? "true" : "false");
	policy_dump_filter(p, origins, out);
}
