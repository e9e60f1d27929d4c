/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/rundir.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strv.h"

#define RUN_SCHEMA 1
#define RUN_JSON   "run.json"

int rundir_open(int derived_fd, unsigned number, bool create, int *ret_fd,
		struct sbx_err *err)
{
	const char *parts[2] = { "runs" };
	cleanup_close int fd = -EBADF;
	char name[16];

	snprintf(name, sizeof(name), "%04u", number);
	parts[1] = name;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int dir = i ? fd : derived_fd, next;

		if (create && mkdirat(dir, parts[i], 0700) < 0 && errno != EEXIST)
			return sbx_err_errno(err, -errno, "loop", "cannot make runs/%s",
					     name);
		next = openat(dir, parts[i],
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (next < 0)
			return sbx_err_errno(err, -errno, "loop", "cannot open runs/%s",
					     name);
		fd_close(fd);
		fd = next;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/*
 * What an earlier process left, for a decision that is made after its end. One that somebody
 * damaged is begun anew. NULL: no memory
 */
static json_t *old_record(int dir_fd)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_json json_t *j = NULL;
	int r;

	r = file_read(dir_fd, RUN_JSON, O_NOFOLLOW, 16 << 20, &text);
	if (r == 0)
		r = json_parse(text.data, text.len, RUN_JSON, &j, NULL);
	if (r == -ENOMEM)
		return NULL;
	return json_is_object(j) ? TAKE_PTR(j) : json_object();
}

static json_t *metrics_json(const struct config *c, const struct row *row)
{
	cleanup_json json_t *j = json_object();

	for (unsigned i = 0; row->metrics && i < row->n_metrics; i++)
		if (json_object_set_new(j, c->metrics[i].name,
					json_real(row->metrics[i])) < 0)
			return NULL;
	return TAKE_PTR(j);
}

/* Descriptions may hold anything; what jansson will not take is left out. */
static json_t *trial_json(const struct config *c, const struct row *row)
{
	const struct decision *d = row->decision;
	json_t *description;

	errno = 0;
	description = json_string(row->description);
	if (!description && json_error_of(0) < 0)
		return NULL;
	return json_pack(
		"{s:I, s:s, s:s, s:o?, s:s?, s:o, s:s?, s:s?}", "number",
		(json_int_t)row->number, "commit", row->commit, "parent",
		row->parent ? row->parent : "", "description", description, "verdict",
		row->outcome ? verdict_name(row->outcome->verdict) : NULL, "metrics",
		metrics_json(c, row), "decision", d ? status_name(d->status) : NULL,
		"reason", d ? d->reason : NULL);
}

static int replace(int dir_fd, const char *text)
{
	cleanup_close int fd = -EBADF;
	int r;

	if (unlinkat(dir_fd, RUN_JSON "~", 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, RUN_JSON "~",
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, strlen(text));
	if (r == 0)
		r = fd_write_all(fd, "\n", 1);
	if (r < 0)
		return r;
	return renameat(dir_fd, RUN_JSON "~", dir_fd, RUN_JSON) < 0 ? -errno : 0;
}

int rundir_write(int dir_fd, const struct config *c, const struct row *row,
		 const struct measurement *m, struct sbx_err *err)
{
	cleanup_json json_t *j = m ? json_object() : old_record(dir_fd);
	cleanup_free char *text = NULL;
	int r;

	if (json_object_set_new(j, "schema", json_integer(RUN_SCHEMA)) < 0 ||
	    (m && json_object_set_new(j, "box",
				      m->box ? json_incref(m->box) : json_null()) < 0) ||
	    (m && m->repeats && json_object_set(j, "repeats", m->repeats) < 0) ||
	    json_object_set_new(j, "trial", trial_json(c, row)) < 0)
		return sbx_err_oom(err, "loop");
	text = json_text_indented(j);
	if (!text)
		return sbx_err_oom(err, "loop");
	r = replace(dir_fd, text);
	return r < 0 ? sbx_err_errno(err, r, "loop", "cannot write " RUN_JSON) : 0;
}

int rundir_tail(int dir_fd, size_t max, struct buf *ret)
{
	cleanup_close int fd = -EBADF;
	struct stat st;
	const char *nl;
	int r;

	fd = openat(dir_fd, "output.log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((size_t)st.st_size > max && lseek(fd, -(off_t)max, SEEK_END) < 0)
		return -errno;
	r = fd_read_all(fd, max + 4096, ret);
	if (r < 0 || (size_t)st.st_size <= max)
		return r;
	nl = memchr(ret->data, '\n', ret->len);
	if (nl)
		buf_drop(ret, (size_t)(nl - ret->data) + 1);
	return 0;
}
