/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The files of a cgroup as text and numbers. Groups are directory descriptors, so a directory
 * with a few files in it will do for a test.
 */

#include "base/buf.h"

/* A file of a group as text, "" when it cannot be read. @b keeps it; the caller frees. */
const char *cgroup_read_text(int dir_fd, const char *name, struct buf *b);

/* Is @word one of the words of @text, between spaces or newlines? */
bool cgroup_has_word(const char *text, const char *word);

/* The number behind @key in the text of a flat keyed file, 0 when it is missing. */
uint64_t cgroup_key(const char *text, const char *key);

/* The same of a file of which no more is wanted. */
uint64_t cgroup_read_key(int dir_fd, const char *name, const char *key);

/* A file that is one number, 0 when it is missing. */
uint64_t cgroup_read_number(int dir_fd, const char *name);

/* Is there such a file? */
bool cgroup_has_file(int dir_fd, const char *name);
