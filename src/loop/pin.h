/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a campaign keeps of its configuration, in its directory:
 *
 *	config.yaml or config.json   the file as it was when the campaign began; its name (of
 *	                             git's kind) stands in the journal's first event
 *	caps.json                    the caps of the last `run`, which bind `try`
 */

#include "conf/config.h"

/* Keep @c, durably. */
int pin_write(int dir_fd, const struct config *c, struct sbx_err *err);

/**
 * pin_read() - the configuration as it was kept
 * @hash:    what the journal says it is
 * @workdir, @target:  top of the working tree and the target's path in it: together they
 *           tell in which directory the configuration lay
 * @ret:     freed by config_free()
 *
 * Return: 0; -EBADMSG where it is not what the journal says; other negative errno
 */
int pin_read(int dir_fd, const char *hash, const char *workdir, const char *target,
	     struct config **ret, struct sbx_err *err);

/* The caps in force. Reading leaves @c alone where nothing was kept. */
int pin_write_caps(int dir_fd, const struct config *c, struct sbx_err *err);
int pin_read_caps(int dir_fd, struct config *c, struct sbx_err *err);
