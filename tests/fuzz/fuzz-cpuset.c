/* SPDX-License-Identifier: Apache-2.0 */

/* Lists of CPUs: what is accepted has one form, and that names the same CPUs. */

#include "cpuset.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	cleanup_free char *text = fuzz_rest(&in);
	char form[SBX_CPUSET_SIZE] = "", again[SBX_CPUSET_SIZE];
	struct sbx_err err = { 0 };
	cpu_set_t set;
	int r = cpuset_parse(text, form, &err);

	if (r < 0) {
		HOLDS(!*form);
		fuzz_check_err(r, &err);
		HOLDS(r == -E2BIG || !cpuset_same(text, text));
		return 0;
	}
	HOLDS(strspn(form, "0123456789,-") == strlen(form) && *form);
	HOLDS(cpuset_same(text, form));
	HOLDS(cpuset_parse(form, again, NULL) == 0 && streq(form, again));
	/* All that is chosen is among those of the list. */
	if (cpuset_choose(form, 1, &set, NULL) == 0)
		HOLDS(CPU_COUNT(&set) == 1);
	return 0;
}
