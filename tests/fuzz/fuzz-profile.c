/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A seccomp profile as Docker and OCI have it. What is accepted becomes a program that the
 * kernel takes: not too long, no jump out of it, an answer at its end, and the same program
 * every time.
 */

#include <linux/bpf_common.h>

#include "fuzz.h"
#include "profile.h"

static void check_jumps(const struct sock_filter *code, size_t n)
{
	HOLDS(n && BPF_CLASS(code[n - 1].code) == BPF_RET);
	for (size_t i = 0; i < n; i++) {
		size_t room = n - i - 1;

		if (BPF_CLASS(code[i].code) != BPF_JMP)
			continue;
		if (BPF_OP(code[i].code) == BPF_JA)
			HOLDS(code[i].k < room);
		else
			HOLDS(code[i].jt < room && code[i].jf < room);
	}
}

static void check_program(const struct filter_maker *m)
{
	cleanup_free struct sock_filter *code = NULL, *again = NULL;
	unsigned short n = 0, n_again = 0;
	struct sbx_err err = { 0 };
	int r = filter_maker_make(m, &code, &n, &err);

	if (r < 0) {
		HOLDS(r == -E2BIG);
		fuzz_check_err(r, &err);
		return;
	}
	HOLDS(n <= BPF_MAXINSNS);
	check_jumps(code, n);
	HOLDS(filter_maker_make(m, &again, &n_again, NULL) == 0);
	HOLDS(n == n_again && memcmp(code, again, n * sizeof(*code)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct filter_maker *m = NULL;
	struct sbx_err err = { 0 };
	char path[128];
	int r;

	fuzz_put("profile.json", data, size);
	snprintf(path, sizeof(path), "%s/profile.json", fuzz_dir_path());
	r = profile_load(path, &m, &err);
	if (r < 0) {
		HOLDS(!m);
		fuzz_check_err(r, &err);
		return 0;
	}
	check_program(m);
	filter_maker_free(m);
	return 0;
}
