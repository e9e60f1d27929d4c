/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside src/repo/ only: how new objects reach the disk.
 */

#include "repo/git.h"

/**
 * pack_finish() - write the objects gathered in memory as one pack, durably
 * @pb:  knows every one of them; what it knows beside that is written again, harmlessly
 *
 * On failure the objects in memory are forgotten: nothing of them was promised yet.
 */
int pack_finish(struct repo *repo, git_packbuilder *pb, struct sbx_err *err);

/**
 * pack_merge() - make one pack of the small ones that pack_finish() wrote
 *
 * Does nothing while they are few. The work is done in a child.
 */
int pack_merge(struct repo *repo, struct sbx_err *err);

/**
 * pack_recover() - remove what killed writers left among the packs a day ago or longer
 */
int pack_recover(struct repo *repo, struct sbx_err *err);
