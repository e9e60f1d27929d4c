/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Text to numbers, strictly: the whole text must be used, in the C locale, and what does not
 * fit is an error and never a wrapped or saturated value.
 */

#include <stdint.h>

#include "base/macro.h"

/* Decimal digits only. Return: 0; -EINVAL; -ERANGE */
int parse_u64(const char *s, uint64_t *ret);

/**
 * parse_size() - "64M", "2GiB", "1.5G", "4096"
 * @ret_bytes:  units are powers of 1024: K M G T in either case, with "i", "B" or "iB" behind
 *              or nothing
 *
 * Return: 0; -EINVAL for anything else; -ERANGE when it does not fit
 */
int parse_size(const char *s, uint64_t *ret_bytes);

/**
 * parse_duration() - "90s", "2.5m", "8h", "500ms", "1d"
 * @ret_us:  microseconds; a number without a unit is refused, for nobody knows what it means
 */
int parse_duration(const char *s, uint64_t *ret_us);

/* "2", "0.5": CPUs in thousandths, at most three decimals. */
int parse_milli(const char *s, uint64_t *ret_milli);

/* "10", "2.50": billionths, at most nine digits on either side of the point. */
int parse_nano(const char *s, uint64_t *ret_nano);

/**
 * parse_finite() - a decimal floating-point number, as metrics are written
 * @s:    sign, digits, point, exponent; no hexadecimal, no infinities, no thousands marks
 * @ret:  always finite; "-0" becomes 0
 *
 * Return: 0; -EINVAL where it is no number; -ERANGE where it is NaN, infinite or too large
 */
int parse_finite(const char *s, double *ret);

/* Write @bytes or @us as people write them ("64MiB", "1.5s"); @size of at least 32. */
const char *format_size(char *out, size_t size, uint64_t bytes);
const char *format_duration(char *out, size_t size, uint64_t us);
