/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * policy + job -> the ordered list of operations that makes the box's root.
 *
 * Everything that needs memory or looks at the policy happens here, before the clone; the
 * child only walks the list (mount.c). All sources are opened as detached mounts before the
 * new root exists, so no operation can be led astray by what the box itself contains.
 */

#include "idmap.h"
#include "sandbox.h"

enum op_type {
	OP_TMPFS,   /* an empty tmpfs of its own, later sealed */
	OP_FILE,    /* a small file with text @arg */
	OP_SYMLINK, /* a link to @arg */
	OP_BIND,    /* the tree opened from @source */
	OP_PROC,    /* the new pid namespace's /proc */
	OP_WRITE,   /* @arg written to @dest, a setting of the box's own namespaces */
	OP_LOCK,    /* what is at @dest becomes a read-only mount of itself */
	OP_PTS,     /* private pseudo terminals */
	OP_SCRATCH, /* a fresh directory of the one scratch tmpfs */
	OP_OUT,     /* the tmpfs behind $AUTOEXP_OUT */
	OP_POINT,   /* a file to mount the target on */
	OP_SEAL,    /* the mount at @dest becomes read-only */
	OP_TARGET,  /* the private copy of the target */
	OP_LEAVE,   /* the old root goes away, and where scratch directories were made */
};

enum op_flag {
	OP_DEVICE = 1 << 0,       /* bind: keep device nodes usable */
	OP_OPTIONAL = 1 << 1,     /* bind: leave out where the source is missing */
	OP_OVERLAY = 1 << 2,      /* target: its whole directory is writable */
	OP_READONLY = 1 << 3,     /* target: not even the copy may be written */
	OP_UNRESTRICTED = 1 << 5, /* bind: this kernel restricts only what is attached */
	OP_OWNED = 1 << 4, /* bind: as root, the owner on disk becomes the box's user */
};

/* On scratch, which is the working directory while the root is made. */
#define PLAN_TARGET       "target"
#define PLAN_ROOT_OPTIONS "size=1M,nr_inodes=320,mode=755"

struct op {
	enum op_type type;
	unsigned flags;
	mode_t mode;
	dev_t rdev;   /* bind with OP_DEVICE: which device the source has to be */
	char *source; /* bind: what is shown; file, scratch, target: its path on scratch */
	char *dest;
	char *arg; /* text; of a tmpfs its options; of the target its directory */
	int fd;      /* bind: the detached mount, once opened */
	bool is_dir; /* bind: what the source is, once opened */
};

struct plan {
	struct op *ops;
	size_t n, room;
	char *scratch_options;
	int target_fd; /* borrowed from the job */
};

/**
 * plan_new() - work out the root of one box
 * @policy, @job:  borrowed; paths are checked here and named in messages
 * @ret:           freed by plan_free()
 *
 * Return: 0; -EINVAL for a path that cannot be shown; -ENOMEM
 */
int plan_new(const struct sbx_policy *policy, const struct sbx_job *job,
	     struct plan **ret, struct sbx_err *err);
void plan_free(struct plan *plan);

/**
 * plan_open() - open every source as a detached, read-only mount
 * @map:  with root the parent calls this in the host's mount namespace, so that a repository
 *        below a directory of mode 0700 works; otherwise the child does, in its own
 *
 * Source: open_tree(2), mount_setattr(2)
 */
int plan_open(struct plan *plan, const struct idmap *map, struct sbx_err *err);

/* Close what plan_open() opened. */
void plan_close(struct plan *plan);
