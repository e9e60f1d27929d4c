/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "base/file.h"
#include "cmd/exec.h"
#include "result.h"

/*
 * The directory of a target that is written back. Held from start to end, and reached without
 * links, which --target has resolved: in a directory of somebody else's a link could lead the
 * candidate's text to any file of the same name.
 */
static int open_target_dir(const char *path, struct sbx_err *err)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	cleanup_free char *dir = strdup(path);
	int fd;

	if (!dir)
		return sbx_err_oom(err, "target");
	strrchr(dir, '/')[1] = '\0';
	fd = (int)syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof(how));
	return fd < 0 ? sbx_err_errno(err, -errno, "target", "target %s", path) : fd;
}

static int open_target(int dir_fd, const char *path, struct sbx_err *err)
{
	const char *name = dir_fd < 0 ? path : strrchr(path, '/') + 1;
	cleanup_close int fd = openat(dir_fd < 0 ? AT_FDCWD : dir_fd, name,
				      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return sbx_err_set(err, -ELOOP, "target",
				   "target %s is a symbolic link; name the file itself",
				   path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return sbx_err_errno(err, -errno, "target", "target %s", path);
	if (!S_ISREG(st.st_mode))
		return sbx_err_set(err, -EINVAL, "target",
				   "target %s is not a regular file", path);
	return TAKE_FD(fd);
}

/* What an editor looks at before it writes over a file. */
static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/*
 * The target's new content in place of the old, all or nothing. Permissions stay those of the
 * file; owner bits alone are not enough to tell a script from data, so they are not taken.
 */
static int write_back(int dir_fd, const char *path, const struct stat *before,
		      const struct sbx_result *res, struct sbx_err *err)
{
	const char *name = strrchr(path, '/') + 1;
	struct stat st;
	int r;

	if (!res->target_data)
		return 0;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return sbx_err_errno(
			err, -errno, "target",
			"%s vanished while the command ran; its new content is lost",
			path);
	if (!is_unchanged(before, &st))
		return sbx_err_set(err, -ESTALE, "target",
				   "%s was changed by somebody else while the command "
				   "ran; that was left alone, and what the command made "
				   "of it is lost",
				   path);
	st.st_mode &= 0777;
	r = file_replace_theirs(dir_fd, name, res->target_data, res->target_len, &st);
	return r < 0 ? sbx_err_errno(err, r, "target", "cannot write %s back", path) : 0;
}

/* A regular file is replaced whole; what else has this name (/dev/null) must stay what it is. */
static int write_named(const char *path, const struct buf *text)
{
	cleanup_close int fd = -EBADF;
	struct stat st;

	if (streq(path, "-"))
		return fd_write_all(STDOUT_FILENO, text->data, text->len);
	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return file_replace(AT_FDCWD, path, text->data, text->len, 0644);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd_write_all(fd, text->data, text->len);
}

static int write_record(const struct exec_request *req, const struct sbx_result *res,
			struct sbx_err *err)
{
	cleanup_json json_t *record = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	char *line;
	int r = 0;

	if (req->record_fd < 0 && !req->json_path)
		return 0;
	record = result_json(res, req->policy->name);
	line = record ? json_text(record) : NULL;
	if (!line)
		return sbx_err_oom(err, "record");
	buf_printf(&text, "%s\n", line);
	free(line);
	if (text.failed)
		return sbx_err_oom(err, "record");
	if (req->record_fd >= 0)
		r = fd_write_all(req->record_fd, text.data, text.len);
	if (r == 0 && req->json_path)
		r = write_named(req->json_path, &text);
	if (r < 0)
		return sbx_err_errno(err, r, "record", "cannot write the record%s%s",
				     req->json_path ? " to " : "",
				     req->json_path ? req->json_path : "");
	return 0;
}

static void send_progress(void *user, uint64_t wall_us, uint64_t memory_bytes)
{
	const struct exec_request *req = user;
	struct pollfd room = { .fd = req->record_fd, .events = POLLOUT };
	char line[128];
	int n;

	n = snprintf(line, sizeof(line),
		     "{\"progress\":{\"wall_us\":%llu,\"memory_bytes\":%llu}}\n",
		     (unsigned long long)wall_us, (unsigned long long)memory_bytes);
	/*
	 * Only for show: where the pipe is full, because a stopped supervisor does not read, a
	 * line is lost. To wait would be to leave the limits unwatched.
	 */
	if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT) ||
	    write(req->record_fd, line, (size_t)n) < 0)
		return;
}

static int run_box(const struct exec_request *req, int target_fd, struct sbx_result **ret,
		   struct sbx_err *err)
{
	struct sbx_job job = {
		.argv = req->argv,
		.env = req->env,
		.cwd = req->cwd,
		.view_path = req->view_path,
		.view_source = req->view_source,
		.target_path = req->target_path,
		.target_fd = target_fd,
		.show = req->show,
		.scratch = req->scratch,
		.cgroup = req->cgroup,
		.stdin_fd = req->use_stdin ? STDIN_FILENO : -EBADF,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = req->log_fd >= 0 ? -EBADF : STDERR_FILENO,
		.log_fd = req->log_fd,
		.lifeline_fd = req->lifeline_fd,
		.progress = req->record_fd >= 0 ? send_progress : NULL,
		.progress_user = (void *)req,
	};

	return sbx_run(req->policy, &job, ret, err);
}

/* A directory handed in would be a way past the box's root: "..", down to the host's. */
static int check_stdin(struct sbx_err *err)
{
	struct stat st;

	int flags = fcntl(STDIN_FILENO, F_GETFL);

	/* One that was closed is taken, but not for reading: see main.c. */
	if (flags >= 0 && (flags & O_ACCMODE) == O_WRONLY)
		return sbx_err_errno(err, -EBADF, "stdin", "--stdin");
	if (flags < 0 || fstat(STDIN_FILENO, &st) < 0)
		return sbx_err_errno(err, -errno, "stdin", "--stdin");
	if (S_ISDIR(st.st_mode))
		return sbx_err_set(
			err, -EISDIR, "stdin",
			"--stdin: standard input is a directory; name it with --show");
	return 0;
}

/* What fails before there is a box has a record like any other failure of set-up. */
static struct sbx_result *never_started(const char *why)
{
	struct sbx_result *res = calloc(1, sizeof(*res));

	if (!res)
		return NULL;
	res->verdict = SBX_SETUP_ERROR;
	res->exit_code = -1;
	snprintf(res->reason, sizeof(res->reason), "%s", why);
	return res;
}

int exec_run(const struct exec_request *req)
{
	cleanup_close int target_fd = -EBADF, dir_fd = -EBADF;
	struct sbx_result *res = NULL;
	struct sbx_err err = { 0 };
	struct stat before = { 0 };
	int status, r = 0;

	if (req->use_stdin)
		r = check_stdin(&err);
	if (r == 0 && req->write_target) {
		dir_fd = open_target_dir(req->target_source, &err);
		r = MIN(dir_fd, 0);
	}
	if (r == 0 && req->target_path) {
		target_fd = open_target(dir_fd, req->target_source, &err);
		r = MIN(target_fd, 0);
	}
	if (r == 0 && target_fd >= 0 && fstat(target_fd, &before) < 0)
		r = sbx_err_errno(&err, -errno, "target", "target %s",
				  req->target_source);
	if (r == 0)
		r = run_box(req, target_fd, &res, &err);
	if (!res && !(res = never_started(err.msg))) {
		fprintf(stderr, "autoexp exec: %s\n", err.msg);
		return 125;
	}

	status = result_exit_status(res);
	if (res->verdict != SBX_OK && res->verdict != SBX_EXIT)
		fprintf(stderr, "autoexp exec: %s: %s\n", verdict_text(res->verdict),
			res->reason);
	if (res->soft)
		fprintf(stderr,
			"autoexp exec: enforcement was soft: a watchdog, not the kernel, "
			"held the limits\n");
	err = (struct sbx_err){ 0 };
	if (r == 0 && req->write_target && res->target_error[0])
		sbx_err_set(&err, -EINVAL, "target",
			    "%s: %s; the file was left as it was", req->target_source,
			    res->target_error);
	else if (r == 0 && req->write_target)
		write_back(dir_fd, req->target_source, &before, res, &err);
	if (write_record(req, res, &err) < 0 || err.code) {
		fprintf(stderr, "autoexp exec: %s\n", err.msg);
		status = status ? status : 1;
	}
	sbx_result_free(res);
	return status;
}
