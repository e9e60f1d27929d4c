/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reading and executing is allowed everywhere in the box: what must not be read is not there.
 * Writing is allowed below the scratch directories, $AUTOEXP_OUT and the target, to devices,
 * and to /proc, where programs set their own names and only their own processes are.
 *
 * Network rules are left out on purpose: without a network the namespace has loopback only,
 * and harnesses talk to themselves over it; with the host's network nothing is restricted.
 */
#include "landlock.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/syscall.h>

#include <linux/landlock.h>

#include "base/cleanup.h"

/* Younger than the headers that this may be built with. */
#define FS_TRUNCATE        (1ULL << 14) /* ABI 3, Linux 6.2 */
#define FS_IOCTL_DEV       (1ULL << 15) /* ABI 5, Linux 6.10 */
#define SCOPE_ABSTRACT     (1ULL << 0)  /* ABI 6, Linux 6.12 */
#define SCOPE_SIGNAL       (1ULL << 1)
#define LOG_SUBDOMAINS_OFF (1U << 2) /* ABI 7, Linux 6.15 */

#define FS_READ                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_FILE                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* The kernel's struct of ABI 6; older kernels accept it while the rest is zero. */
struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

static uint64_t known_access(int abi)
{
	uint64_t all = (1ULL << 14) - 1; /* ABI 2: EXECUTE to REFER */

	if (abi >= 3)
		all |= FS_TRUNCATE;
	if (abi >= 5)
		all |= FS_IOCTL_DEV;
	return all;
}

static int allow(int ruleset, const char *path, uint64_t access, struct sbx_err *err)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	struct landlock_path_beneath_attr rule = {
		.allowed_access = access,
		.parent_fd = fd,
	};

	if (fd < 0)
		return sbx_err_errno(err, -errno, "landlock", "cannot open %s in the box",
				     path);
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule,
		    0) < 0)
		return sbx_err_errno(err, -errno, "landlock", "cannot make a rule for %s",
				     path);
	return 0;
}

/* What an operation of the plan made writable. */
static int allow_op(int ruleset, const struct op *op, uint64_t access,
		    struct sbx_err *err)
{
	if (op->type == OP_SCRATCH || op->type == OP_OUT || op->type == OP_PROC)
		return allow(ruleset, op->dest, access, err);
	if (op->type != OP_TARGET || op->flags & OP_READONLY)
		return 0;
	if (!(op->flags & OP_OVERLAY))
		return allow(ruleset, op->dest, access & FS_FILE, err);
	return allow(ruleset, op->arg, access, err);
}

int landlock_enter(const struct plan *plan, int *ret_abi, struct sbx_err *err)
{
	struct ruleset_attr attr = { 0 };
	cleanup_close int ruleset = -EBADF;
	uint64_t all;
	int abi, r;

	abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	/* Version 1 cannot allow a rename from one directory to another, not even in /tmp. */
	*ret_abi = abi >= 2 ? abi : 0;
	if (abi < 2)
		return 0;
	all = attr.fs = known_access(abi);
	if (abi >= 6)
		attr.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
			       abi >= 6 ? sizeof(attr) : sizeof(attr.fs), 0);
	if (ruleset < 0)
		return sbx_err_errno(err, -errno, "landlock", "cannot make a ruleset");

	r = allow(ruleset, "/", FS_READ & all, err);
	if (r == 0)
		r = allow(ruleset, "/dev", all, err);
	for (size_t i = 0; r == 0 && i < plan->n; i++)
		r = allow_op(ruleset, &plan->ops[i], all, err);
	/* Rulesets that the candidate makes itself must not fill the host's audit log. */
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset,
			      abi >= 7 ? LOG_SUBDOMAINS_OFF : 0) < 0)
		r = sbx_err_errno(err, -errno, "landlock", "cannot enter the ruleset");
	return r;
}
