/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * seccomp profiles as Docker, Podman and the OCI runtime specification have them.
 *
 * What a runtime does with them is done here: rules may depend on arguments, on the
 * architecture and on the kernel's version. Rules for capabilities never hold, for a box has
 * none. Of several rules that hold for one call the strictest decides; runtimes leave that to
 * libseccomp, which never answers more strictly.
 */

#include "filter-make.h"

/**
 * profile_load() - the rules of a profile
 * @path:  a JSON file: a profile, or an OCI config.json that contains one
 * @ret:   freed by filter_maker_free()
 *
 * Source: OCI runtime specification, config-linux.md, "Seccomp"; moby profiles/seccomp
 * Return: 0; -EINVAL with file, line and column; other negative errno
 */
int profile_load(const char *path, struct filter_maker **ret, struct sbx_err *err);
