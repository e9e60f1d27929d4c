/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup-file.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/strv.h"

#define MAX_FILE (1 << 20)

const char *cgroup_read_text(int dir_fd, const char *name, struct buf *b)
{
	if (file_read(dir_fd, name, 0, MAX_FILE, b) < 0)
		buf_clear(b);
	return buf_str(b);
}

bool cgroup_has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p += n)
		if ((p == text || p[-1] == ' ' || p[-1] == '\n') &&
		    (p[n] == ' ' || p[n] == '\n' || !p[n]))
			return true;
	return false;
}

uint64_t cgroup_key(const char *text, const char *key)
{
	for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		const char *rest = str_after(p, key);

		if (rest && (*rest == ' ' || *rest == '='))
			return strtoull(rest + 1, NULL, 10);
	}
	return 0;
}

uint64_t cgroup_read_key(int dir_fd, const char *name, const char *key)
{
	cleanup_buf struct buf b = BUF_INIT;

	return cgroup_key(cgroup_read_text(dir_fd, name, &b), key);
}

uint64_t cgroup_read_number(int dir_fd, const char *name)
{
	cleanup_buf struct buf b = BUF_INIT;

	return strtoull(cgroup_read_text(dir_fd, name, &b), NULL, 10);
}

bool cgroup_has_file(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, 0) == 0;
}
