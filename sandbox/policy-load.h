/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Policies from files. A policy file overrides the built-in defaults, or those of the policy
 * that it extends, key by key:
 *
 *	extends: NAME|PATH    start from that policy; a path is seen from this file
 *	description: TEXT     who should use it, and why
 *	limits: {…}           those of limit.h
 *	kill_on: [output, scratch]
 *	system: [/usr, …]     shown read-only; system+ adds to what is extended
 *	network: none|host
 *	target: bind|overlay|ro
 *	count_denials: true|false
 *	seccomp:
 *	  profile: PATH|none  an OCI or Docker profile in place of the built-in table
 *	  sockets: [unix, inet, inet6, netlink]
 *	  allow: [NAME, …]    against table or profile, above the floor; allow+ adds
 *	  deny: [NAME, …]     refused with EPERM; deny+ adds
 */

#include "limit.h"
#include "sandbox.h"
#include "yaml-tree.h"

/**
 * policy_load() - a policy by its name or its path
 * @name_or_path:  without a slash: policy_dir/NAME.yaml; else a file, YAML or JSON
 * @policy_dir:    where the shipped policies lie; may be NULL where a path is given
 * @ret:           freed by policy_free()
 *
 * Return: 0; -ENOENT where there is no such policy; -EINVAL where the file is wrong;
 * other negative errno
 */
int policy_load(const char *name_or_path, const char *policy_dir, struct sbx_policy **ret,
		struct sbx_err *err);

/**
 * limits_read() - a mapping of limits, as policies and configurations have it
 * @n:            any node; one that is no mapping is an error
 * @limits, @cpuset:  only those that are written are changed
 * @ret_written:  set to true for each limit that is written; may be NULL
 */
int limits_read(const struct yaml_node *n, uint64_t limits[_SBX_LIMIT_MAX],
		char cpuset[static SBX_CPUSET_SIZE], bool ret_written[_SBX_LIMIT_MAX], struct sbx_err *err);

/* network: none or host. A reader for a table (yaml-tree.h); the member is enum
 * sbx_network. */
int network_read(const struct yaml_node *n, const struct yaml_field *f, void *base,
		 struct sbx_err *err);

extern const char *const network_names[_SBX_NETWORK_MAX];
