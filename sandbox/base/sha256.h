/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * SHA-256, for fingerprints that people compare with those of other programs (sha256sum).
 */

#include <stddef.h>

#define SHA256_TEXT_SIZE 65

/**
 * sha256_text() - the digest of @n bytes in hexadecimal
 * @out:  64 digits and a NUL
 *
 * Source: FIPS 180-4
 * Return: @out
 */
const char *sha256_text(const void *data, size_t n, char out[SHA256_TEXT_SIZE]);
