/* SPDX-License-Identifier: Apache-2.0 */

/*
 * These files are read in pieces: a program with tens of thousands of mappings makes smaps tens
 * of megabytes long, and the reader decides how much of that it can afford.
 */
#include "smaps.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

struct reader {
	int fd;
	size_t begin, end;
	bool cut; /* what comes next is the rest of a line that was too long */
	char data[16384];
};

static bool refill(struct reader *r)
{
	ssize_t n;

	memmove(r->data, r->data + r->begin, r->end - r->begin);
	r->end -= r->begin;
	r->begin = 0;
	n = read(r->fd, r->data + r->end, sizeof(r->data) - r->end);
	if (n > 0)
		r->end += (size_t)n;
	return n > 0;
}

/*
 * The next line without its newline; NULL at the end. What is longer than a piece is cut, and
 * its rest is no line: a path of the command's choice may be so long.
 */
static char *next_line(struct reader *r)
{
	char *line, *nl;
	bool rest;
	size_t n;

	for (;;) {
		line = r->data + r->begin;
		n = r->end - r->begin;
		nl = memchr(line, '\n', n);
		if (!nl && n < sizeof(r->data)) {
			if (!refill(r))
				return NULL;
			continue;
		}
		rest = r->cut;
		r->cut = !nl;
		line[nl ? nl - line : (ptrdiff_t)n - 1] = '\0';
		r->begin = nl ? (size_t)(nl + 1 - r->data) : r->end;
		if (!rest)
			return line;
	}
}

static uint64_t kib(const char *s)
{
	return strtoull(s, NULL, 10) << 10;
}

int smaps_anon(int pid_fd, uint64_t *ret_bytes)
{
	struct reader r = { .begin = 0 };
	cleanup_close int fd = openat(pid_fd, "smaps_rollup", O_RDONLY | O_CLOEXEC);
	const char *rest;
	char *line;

	if (fd < 0)
		return -errno;
	r.fd = fd;
	while ((line = next_line(&r))) {
		rest = str_after(line, "Pss_Anon:");
		if (!rest)
			continue;
		*ret_bytes = kib(rest);
		return 0;
	}
	return -ENODATA;
}

/* "start-end perms offset major:minor inode path": other lines have no '-' in front. */
static bool is_mapping(const char *line, dev_t dev, uint64_t *inode,
		       char range[static 48])
{
	unsigned major, minor;
	char from[20], to[20];
	const char *name;

	if (sscanf(line, "%16[0-9a-f]-%16[0-9a-f] %*s %*s %x:%x %" SCNu64, from, to,
		   &major, &minor, inode) != 5)
		return false;
	/* System V memory is counted by its segments (soft.c), mapped or not. */
	name = strchr(line, '/');
	if (makedev(major, minor) != dev || (name && str_after(name, "/SYSV")))
		*inode = 0;
	/* The names in map_files have no leading zeros. */
	snprintf(range, 48, "%s-%s", from + strspn(from, "0"), to + strspn(to, "0"));
	return true;
}

int smaps_shared(int pid_fd, const char *file, dev_t dev, uint64_t deadline_us,
		 smaps_fn *fn, void *user)
{
	bool counts = streq(file, "smaps");
	struct reader r = { .begin = 0 };
	cleanup_close int fd = openat(pid_fd, file, O_RDONLY | O_CLOEXEC);
	char range[48];
	uint64_t inode = 0;
	const char *rest;
	char *line;

	if (fd < 0)
		return -errno;
	r.fd = fd;
	while ((line = next_line(&r))) {
		if (is_mapping(line, dev, &inode, range)) {
			if (inode && !counts)
				fn(user, inode, range, 0);
			if (now_us() > deadline_us)
				return -ETIMEDOUT;
			continue;
		}
		rest = inode && counts ? str_after(line, "Pss:") : NULL;
		if (rest)
			fn(user, inode, range, kib(rest));
	}
	return 0;
}
