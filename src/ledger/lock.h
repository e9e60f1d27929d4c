/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One supervisor a campaign. The kernel holds the lock, on an open file: it is gone when
 * its process is, however that ended, so there is no stale lock to judge. What the file
 * says about its holder is for people (and `autoexp stop`).
 */

#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"

#define LOCK_FILE    "lock"
#define BOOT_ID_SIZE 37

struct lock_holder {
	pid_t pid; /* 0 where the holder has not written it yet */
	char host[256];
	char boot_id[BOOT_ID_SIZE];
	char since[32]; /* UTC */
};

/**
 * lock_take() - become the supervisor of a campaign
 * @dir_fd:  the campaign's directory (journal_dir_open())
 * @tag:     for the message
 * @ret_fd:  the lock is held until this is closed
 *
 * Return: 0; -EBUSY with who holds it; other negative errno
 */
int lock_take(int dir_fd, const char *tag, int *ret_fd, struct sbx_err *err);

/**
 * lock_peek() - who is the supervisor?
 * @ret:  the holder
 *
 * Return: 1 and the holder; 0 where there is none; negative errno
 */
int lock_peek(int dir_fd, struct lock_holder *ret, struct sbx_err *err);

/* Whether the holder's pid can be signalled from here: same host and boot. */
bool lock_holder_is_local(const struct lock_holder *h);

/* This boot of this machine, "" where the kernel does not say. */
void host_boot_id(char ret[static BOOT_ID_SIZE]);

/* The name of this machine, "unknown" where it has none. */
void host_name(char ret[static 256]);
