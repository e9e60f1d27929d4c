/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the harnesses share. A harness is one file with one LLVMFuzzerTestOneInput(): it
 * hands the bytes to a parser, the way untrusted bytes reach it, and then checks what the
 * parser promises about them with HOLDS(). Not crashing is the least of it.
 *
 * Each is linked twice: with libFuzzer, which makes up inputs (tests/fuzz/run), and with
 * replay.c, which reads the corpus that lies here.
 */

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property of the code under test. NDEBUG does not switch it off. */
#define HOLDS(property)                                             \
	do {                                                        \
		if (!(property))                                    \
			fuzz_broken(__FILE__, __LINE__, #property); \
	} while (0)

void fuzz_broken(const char *file, int line, const char *property) attr_noreturn;

/* Choices are taken from the front of an input, so that what is left is plain text. */
struct fuzz_input {
	const uint8_t *data;
	size_t n;
};

/* The next byte; 0 where there is none. */
unsigned fuzz_byte(struct fuzz_input *in);

/* Bytes up to the next @mark or the end, as a string the caller frees. NULs are left out. */
char *fuzz_text(struct fuzz_input *in, char mark);

/* All that is left, as a string the caller frees. NULs are left out. */
char *fuzz_rest(struct fuzz_input *in);

/* --- properties --- */

/* Well-formed UTF-8; decided without the code under test. */
bool fuzz_is_utf8(const char *s, size_t n);

/* One line for a terminal: neither controls nor DEL, and no C1 controls in UTF-8. */
bool fuzz_is_line(const char *s);

/* A relative path without empty, "." and ".." parts, "." for nothing, or such a path behind "/". */
bool fuzz_is_clean_path(const char *s);

/* A failure has its errno and a sentence, on one line. */
void fuzz_check_err(int r, const struct sbx_err *err);

/* --- files --- */

/* An empty directory of this process; removed at its end. The descriptor is borrowed. */
int fuzz_dir(void);

/* The path of fuzz_dir(). */
const char *fuzz_dir_path(void);

/* Put a file into fuzz_dir(), in place of one that is there. */
void fuzz_put(const char *name, const void *data, size_t n);

/* The whole file; the caller frees @ret. False where it is not there. */
bool fuzz_get(const char *name, struct buf *ret);
