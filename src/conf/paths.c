/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/paths.h"

#include "base/buf.h"
#include "base/strv.h"

static const char *text_problem(const char *path)
{
	if (!*path)
		return "is empty";
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "has a control character";
	return NULL;
}

int path_normal(const char *path, char **ret, const char **ret_problem)
{
	cleanup_buf struct buf b = BUF_INIT;
	size_t n;

	*ret_problem = text_problem(path);
	if (*ret_problem)
		return -EINVAL;

	if (*path == '/')
		buf_puts(&b, "/");
	for (const char *p = path; *p; p += n) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && *p == '.'))
			continue;
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			*ret_problem = "has a '..' part";
			return -EINVAL;
		}
		if (b.len && b.data[b.len - 1] != '/')
			buf_puts(&b, "/");
		buf_add(&b, p, n);
	}
	if (!b.len)
		buf_puts(&b, ".");
	*ret = buf_steal(&b);
	return *ret ? 0 : -ENOMEM;
}

bool path_within(const char *path, const char *dir)
{
	const char *rest;

	if (streq(dir, "/") || streq(dir, "."))
		return (*path == '/') == (*dir == '/');
	rest = str_after(path, dir);
	return rest && (*rest == '\0' || *rest == '/');
}

char *path_join(const char *dir, const char *path)
{
	if (*path == '/')
		return strdup(path);
	if (streq(path, "."))
		return strdup(dir);
	return str_printf("%s/%s", streq(dir, "/") ? "" : dir, path);
}

bool path_has_part(const char *path, const char *name)
{
	size_t n;

	for (const char *p = path; *p; p += n) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == strlen(name) && strncmp(p, name, n) == 0)
			return true;
	}
	return false;
}
