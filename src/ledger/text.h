/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Untrusted text, one code point at a time.
 */

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xfffdU

/**
 * utf8_next() - decode the code point at *@s and step behind it
 *
 * A byte that begins no valid sequence (overlong, surrogate, beyond U+10FFFF, cut off) is
 * UTF8_REPLACEMENT and one byte. Return: the code point; 0 at the end, without a step
 */
uint32_t utf8_next(const char **s);

/* Encode a valid @cp; no NUL is added. Return: bytes written, 1 to 4 */
size_t utf8_put(char out[static 4], uint32_t cp);

/**
 * utf8_copy() - a repaired copy that fits
 * @out:   gets at most @size - 1 bytes and a NUL, never half a code point
 * @s:     NULL is ""
 */
void utf8_copy(char *out, size_t size, const char *s);
