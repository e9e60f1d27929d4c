/* SPDX-License-Identifier: Apache-2.0 */
#include "remount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"

static const struct {
	const char *name;
	unsigned long flag;
} options[] = {
	{ "ro", MS_RDONLY },
	{ "nosuid", MS_NOSUID },
	{ "nodev", MS_NODEV },
	{ "noexec", MS_NOEXEC },
};

int remount(const char *path, unsigned long flags)
{
	/* Without a word about access times the kernel keeps what the mount has. */
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

/* The start of field @n of a line, counted from 0; fields are parted by one blank. */
static const char *field(const char *line, unsigned n)
{
	for (; n; n--) {
		line = strchr(line, ' ');
		if (!line)
			return "";
		line++;
	}
	return line;
}

static unsigned long flags_of(const char *opts)
{
	unsigned long flags = 0;
	size_t n;

	for (; *opts && *opts != ' '; opts += n + (opts[n] == ',')) {
		n = strcspn(opts, ", ");
		for (size_t i = 0; i < ARRAY_SIZE(options); i++)
			if (n == strlen(options[i].name) &&
			    strncmp(opts, options[i].name, n) == 0)
				flags |= options[i].flag;
	}
	return flags;
}

/* Blank, tab, newline and backslash are written as "\040" and the like. */
static void unescape(const char *from, char to[static PATH_MAX])
{
	size_t n = 0;

	for (; *from && *from != ' ' && n < PATH_MAX - 1; from++) {
		if (from[0] == '\\' && from[1] && from[2] && from[3]) {
			to[n++] = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
					 (from[3] - '0'));
			from += 3;
		} else {
			to[n++] = *from;
		}
	}
	to[n] = '\0';
}

/* "36 35 98:0 /root /mount/point ro,nosuid shared:1 - type ...", see proc_pid_mountinfo(5) */
static int look_at(const char *line, const char *path, unsigned long flags)
{
	char point[PATH_MAX];
	const char *rest;

	unescape(field(line, 4), point);
	rest = str_after(point, path);
	if (!rest || (*rest && *rest != '/'))
		return 0;
	/* One that is covered by another cannot be reached, by nobody. */
	if (remount(point, flags | flags_of(field(line, 5))) < 0 && errno != ENOENT)
		return -1;
	return 0;
}

/* Handle the whole lines of @buf. Return: bytes of them; -1 with errno */
static ssize_t look_at_lines(char *buf, size_t n, const char *path, unsigned long flags)
{
	char *line = buf, *end;

	while ((end = memchr(line, '\n', n - (size_t)(line - buf)))) {
		*end = '\0';
		if (look_at(line, path, flags) < 0)
			return -1;
		line = end + 1;
	}
	return line - buf;
}

int remount_tree(const char *path, unsigned long flags)
{
	cleanup_close int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char buf[4 * PATH_MAX];
	size_t have = 0;
	ssize_t n, done;

	if (fd < 0 || mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	while ((n = read(fd, buf + have, sizeof(buf) - have)) > 0) {
		have += (size_t)n;
		done = look_at_lines(buf, have, path, flags);
		if (done < 0)
			return -1;
		have -= (size_t)done;
		memmove(buf, buf + done, have);
		if (have == sizeof(buf)) {
			errno = ENAMETOOLONG;
			return -1;
		}
	}
	return n < 0 ? -1 : 0;
}
