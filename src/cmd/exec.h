/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * `autoexp exec`: one command in one box. People give options; the loop gives a spec (one JSON
 * object on a descriptor) and reads the record from another.
 */

#include "sandbox.h"

/* Everything one box needs, owned: what struct sbx_job only borrows. */
struct exec_request {
	struct sbx_policy *policy;
	char **argv, **env, **show, **scratch;
	char *cwd, *view_path, *view_source, *target_path, *target_source, *cgroup;
	char *json_path; /* --json FILE: the record for people */
	bool use_stdin;
	bool write_target;                  /* copy a changed target back (--target) */
	int record_fd, log_fd, lifeline_fd; /* of the loop; -EBADF */
};

#define EXEC_REQUEST_INIT                                                     \
	{                                                                     \
		.record_fd = -EBADF, .log_fd = -EBADF, .lifeline_fd = -EBADF, \
	}

void exec_request_done(struct exec_request *req);

/**
 * exec_read_spec() - fill a request from the loop's JSON
 * @fd:   read to its end
 * @req:  descriptors are left alone
 */
int exec_read_spec(int fd, struct exec_request *req, struct sbx_err *err);

/* Run it: record, messages, target, exit status (DESIGN, "Exit status"). */
int exec_run(const struct exec_request *req);

/**
 * exec_load_policy() - replace the request's policy by a named one
 * @name:  as --policy takes it: a shipped policy's name, or a path
 */
int exec_load_policy(struct exec_request *req, const char *name, struct sbx_err *err);

int cmd_exec(int argc, char **argv);
