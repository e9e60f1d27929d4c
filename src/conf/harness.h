/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the words of a harness command tell: which files of the repository it names, and
 * which program it starts. Private to this folder; config_harness_words() is the door.
 */

#include "conf/config.h"

/**
 * harness_runs() - does the harness start this file as its program
 * @argv:  of the harness
 * @path:  relative, without "." parts
 *
 * Sees through interpreters ("python3 train.py") and wrappers ("env X=1 uv run
 * train.py"). A file that is only an argument ("cc prog.c") is not started.
 */
bool harness_runs(char *const *argv, const char *path);
