/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The end of a budget.log, which anybody may have edited: what is read from it are sums, or
 * nothing.
 */

#include "fuzz.h"
#include "ledger/budget.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sbx_err err = { 0 };
	struct used used;

	fuzz_put(BUDGET_FILE, data, size);
	HOLDS(budget_log_last(fuzz_dir(), &used, &err) == 0);
	HOLDS(used.experiments <= INT32_MAX);
	return 0;
}
