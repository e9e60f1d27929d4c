/* SPDX-License-Identifier: Apache-2.0 */
#include "cpuset.h"

#include <unistd.h>

#include "base/buf.h"

#define ACCEPTS "a list of CPUs such as 0-3,6"

/* One number at *@s, which moves on behind it. Return: -1 where there is none */
static long number(const char **s)
{
	long n = 0;

	if (**s < '0' || **s > '9')
		return -1;
	for (; **s >= '0' && **s <= '9'; ++*s)
		n = n < CPU_SETSIZE ? n * 10 + (**s - '0') : n;
	return n;
}

int cpuset_read(const char *list, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	for (;;) {
		long from = number(&list), to = from;

		if (from >= 0 && *list == '-') {
			list++;
			to = number(&list);
		}
		if (from < 0 || to < from || (*list && *list != ','))
			return -EINVAL;
		if (to >= CPU_SETSIZE)
			return -ERANGE;
		for (; from <= to; from++)
			CPU_SET(from, ret);
		if (!*list++)
			return 0;
	}
}

static void write_list(const cpu_set_t *set, struct buf *b)
{
	for (int i = 0; i < CPU_SETSIZE; i++) {
		int from = i;

		if (!CPU_ISSET(i, set))
			continue;
		while (i + 1 < CPU_SETSIZE && CPU_ISSET(i + 1, set))
			i++;
		buf_printf(b, "%s%d", b->len ? "," : "", from);
		if (i > from)
			buf_printf(b, "-%d", i);
	}
}

int cpuset_parse(const char *text, char ret[static SBX_CPUSET_SIZE], struct sbx_err *err)
{
	cleanup_buf struct buf b = BUF_INIT;
	cpu_set_t set;
	int r = cpuset_read(text, &set);

	if (r == -ERANGE)
		return sbx_err_set(err, r, "limit",
				   "cpuset: '%s' names a CPU above %d, the last one",
				   text, CPU_SETSIZE - 1);
	if (r < 0)
		return sbx_err_set(err, r, "limit", "cpuset: '%s' is not " ACCEPTS, text);
	write_list(&set, &b);
	if (b.failed)
		return sbx_err_oom(err, "limit");
	if (b.len >= SBX_CPUSET_SIZE)
		return sbx_err_set(err, -E2BIG, "limit",
				   "cpuset: '%.60s...' has too many ranges", text);
	memcpy(ret, b.data, b.len + 1);
	return 0;
}

bool cpuset_same(const char *a, const char *b)
{
	cpu_set_t x, y;

	return cpuset_read(a, &x) == 0 && cpuset_read(b, &y) == 0 && CPU_EQUAL(&x, &y);
}

int cpuset_choose(const char *list, unsigned cpus, cpu_set_t *ret, struct sbx_err *err)
{
	cleanup_buf struct buf b = BUF_INIT;
	cpu_set_t have, from, both;
	unsigned start = (unsigned)getpid(), n, taken = 0;

	if (sched_getaffinity(0, sizeof(have), &have) < 0)
		return sbx_err_errno(err, -errno, "limit",
				     "cannot read the CPUs we may use");
	from = have;
	if (*list && cpuset_read(list, &from) < 0)
		return sbx_err_set(err, -EINVAL, "limit", "cpuset: '%s' is not " ACCEPTS,
				   list);
	CPU_AND(&both, &from, &have);
	write_list(&have, &b);
	if (!CPU_EQUAL(&both, &from))
		return sbx_err_set(err, -EINVAL, "limit",
				   "cpuset: not all of the CPUs %s are ours to use here; "
				   "these are: %.100s",
				   list, buf_str(&b));
	CPU_ZERO(ret);
	n = (unsigned)CPU_COUNT(&from);
	n = cpus && cpus < n ? cpus : n;
	for (unsigned i = 0; taken < n && i < CPU_SETSIZE; i++) {
		unsigned cpu = (start + i) % CPU_SETSIZE;

		if (!CPU_ISSET(cpu, &from))
			continue;
		CPU_SET(cpu, ret);
		taken++;
	}
	return 0;
}
