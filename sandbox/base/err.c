/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/escape.h"

/* Here the functions themselves are meant. */
#undef sbx_err_set
#undef sbx_err_errno
#undef sbx_err_wrap
#undef sbx_err_oom

/* Messages are one line: a newline or an escape from untrusted text must not forge another. */
static void flatten(struct sbx_err *err)
{
	char raw[sizeof(err->msg)];

	memcpy(raw, err->msg, sizeof(raw));
	escape_str(err->msg, sizeof(err->msg), raw);
}

static bool begin(struct sbx_err *err, int code, const char *stage, const char *fmt,
		  va_list ap) attr_printf(4, 0);

static bool begin(struct sbx_err *err, int code, const char *stage, const char *fmt,
		  va_list ap)
{
	assert(code < 0);
	if (!err || err->code)
		return false;

	err->code = code;
	snprintf(err->stage, sizeof(err->stage), "%s", stage);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	flatten(err);
	return true;
}

int sbx_err_set(struct sbx_err *err, int code, const char *stage, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(err, code, stage, fmt, ap);
	va_end(ap);
	return code;
}

int sbx_err_errno(struct sbx_err *err, int code, const char *stage, const char *fmt, ...)
{
	va_list ap;
	bool fresh;
	size_t n;

	va_start(ap, fmt);
	fresh = begin(err, code, stage, fmt, ap);
	va_end(ap);
	if (fresh) {
		n = strlen(err->msg);
		snprintf(err->msg + n, sizeof(err->msg) - n, ": %s",
			 strerrordesc_np(-code) ? strerrordesc_np(-code)
						: "unknown error");
	}
	return code;
}

int sbx_err_wrap(struct sbx_err *err, int code, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	va_list ap;
	size_t n;

	if (!err || !err->code)
		return code;

	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", old);
	flatten(err);
	return code;
}

int sbx_err_oom(struct sbx_err *err, const char *stage)
{
	return sbx_err_set(err, -ENOMEM, stage, "out of memory");
}
