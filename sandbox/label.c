/* SPDX-License-Identifier: Apache-2.0 */
#include "label.h"

#include <string.h>

#include "base/macro.h"

/* No phrase is longer than LABEL_CARRY. The longer ones come first: they say more. */
static const char *const phrases[] = {
	"JavaScript heap out of memory",
	"CUDA out of memory",
	"HIP out of memory",
	"CUDA_ERROR_OUT_OF_MEMORY",
	"CUBLAS_STATUS_ALLOC_FAILED",
	"torch.OutOfMemoryError",
	"java.lang.OutOfMemoryError",
	"OutOfMemoryError",
	"RESOURCE_EXHAUSTED",
	"Cannot allocate memory",
	"std::bad_alloc",
	"MemoryError",
};

/* Each phrase contains one of these, so a stream is searched for few words only. */
static const char *const cores[] = { "emory", "MEMORY", "ALLOC_FAILED", "EXHAUSTED",
				     "bad_alloc" };

static bool has_core(const char *data, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(cores); i++)
		if (memmem(data, n, cores[i], strlen(cores[i])))
			return true;
	return false;
}

static void search(struct label *l, const char *data, size_t n)
{
	if (l->found || !has_core(data, n))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(phrases); i++)
		if (memmem(data, n, phrases[i], strlen(phrases[i]))) {
			l->found = phrases[i];
			return;
		}
}

static void keep_end(struct label *l, const char *data, size_t n)
{
	size_t keep;

	if (n >= LABEL_CARRY) {
		memcpy(l->carry, data + n - LABEL_CARRY, LABEL_CARRY);
		l->n_carry = LABEL_CARRY;
		return;
	}
	keep = MIN(l->n_carry, LABEL_CARRY - n);
	memmove(l->carry, l->carry + l->n_carry - keep, keep);
	memcpy(l->carry + keep, data, n);
	l->n_carry = keep + n;
}

void label_feed(struct label *l, const char *data, size_t n)
{
	char seam[2 * LABEL_CARRY];
	size_t head = MIN(n, (size_t)LABEL_CARRY);

	if (l->found || !n)
		return;
	if (l->n_carry) {
		memcpy(seam, l->carry, l->n_carry);
		memcpy(seam + l->n_carry, data, head);
		search(l, seam, l->n_carry + head);
	}
	search(l, data, n);
	keep_end(l, data, n);
}
