/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUM_KEY       ",\"sum\":\""
#define SUM_DIGITS    16
#define SUM_TAIL      (sizeof(SUM_KEY) - 1 + SUM_DIGITS + 2) /* with "} */
#define FNV_PRIME     0x100000001b3ULL
#define FNV_PRIME_INV 0xce965057aff6957bULL /* times FNV_PRIME it is 1 modulo 2^64 */

static_assert(FNV_PRIME * FNV_PRIME_INV == 1, "each step can be undone");

static uint64_t fnv1a(uint64_t h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * FNV_PRIME;
	return h;
}

static bool sum_at(const char *p)
{
	return strncmp(p, SUM_KEY, sizeof(SUM_KEY) - 1) == 0 &&
	       strspn(p + sizeof(SUM_KEY) - 1, "0123456789abcdef") >= SUM_DIGITS &&
	       strncmp(p + SUM_TAIL - 2, "\"}", 2) == 0;
}

bool chain_claim(const char *line, size_t n, uint64_t *ret_sum)
{
	char digits[SUM_DIGITS + 1] = "";

	if (n <= SUM_TAIL || !sum_at(line + n - SUM_TAIL))
		return false;
	/* A copy: the line is followed by much more text. */
	memcpy(digits, line + n - 2 - SUM_DIGITS, SUM_DIGITS);
	*ret_sum = strtoull(digits, NULL, 16);
	return true;
}

bool chain_follows(uint64_t before, const char *line, size_t n, uint64_t *ret_sum)
{
	uint64_t claim;

	if (!chain_claim(line, n, &claim))
		return false;
	*ret_sum = fnv1a(before, line, n - SUM_TAIL);
	return *ret_sum == claim;
}

/* Quotes inside strings are escaped, so a bare sum inside a line ends another line. */
bool chain_has_end_inside(const char *line, size_t n)
{
	for (size_t i = 0; n >= SUM_TAIL && i < n - SUM_TAIL; i++)
		if (line[i] == ',' && sum_at(line + i))
			return true;
	return false;
}

/* The sum's own bytes are wrong where the next line goes on from the right one. */
static bool mend_sum(uint64_t before, char *line, size_t n, const char *next,
		     size_t next_n)
{
	char tail[SUM_TAIL + 1];
	uint64_t sum, ignored;

	if (!next || n <= SUM_TAIL)
		return false;
	sum = fnv1a(before, line, n - SUM_TAIL);
	if (!chain_follows(sum, next, next_n, &ignored))
		return false;
	snprintf(tail, sizeof(tail), SUM_KEY "%016" PRIx64 "\"}", sum);
	memcpy(line + n - SUM_TAIL, tail, SUM_TAIL);
	return true;
}

bool chain_mend(uint64_t before, char *line, size_t n, const char *next, size_t next_n)
{
	uint64_t behind, want, byte;

	if (mend_sum(before, line, n, next, next_n))
		return true;
	if (!chain_claim(line, n, &want))
		return false;
	n -= SUM_TAIL;
	behind = fnv1a(before, line, n);
	for (size_t i = n; i-- > 0;) {
		/* Undo byte i on both ways: from what it is, and from what must be. */
		want *= FNV_PRIME_INV;
		behind = (behind * FNV_PRIME_INV) ^ (unsigned char)line[i];
		byte = behind ^ want;
		if (byte <= UINT8_MAX && byte != '\n') {
			line[i] = (char)byte;
			return true;
		}
		want ^= (unsigned char)line[i];
	}
	return false;
}

void chain_close(struct chain *c, struct buf *out, size_t start)
{
	out->len--; /* the closing brace comes behind the sum */
	c->sum = fnv1a(c->sum, out->data + start, out->len - start);
	c->seq++;
	buf_printf(out, SUM_KEY "%016" PRIx64 "\"}\n", c->sum);
}
