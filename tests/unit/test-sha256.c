/* SPDX-License-Identifier: Apache-2.0 */

/* SHA-256 against the published examples, and around the block size. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/macro.h"
#include "base/sha256.h"

static void published_examples(void **state attr_unused)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "",
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc",
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
		  "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	};
	char out[SHA256_TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(
			sha256_text(cases[i].text, strlen(cases[i].text), out),
			cases[i].want);
}

/* sha256sum of as many "a": what fits in one last block and what does not. */
static void lengths_around_the_block(void **state attr_unused)
{
	static const struct {
		size_t n;
		const char *want;
	} cases[] = {
		{ 55,
		  "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
		{ 56,
		  "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a" },
		{ 64,
		  "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
		{ 65,
		  "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0" },
	};
	char text[65], out[SHA256_TEXT_SIZE];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(sha256_text(text, cases[i].n, out), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_examples),
		cmocka_unit_test(lengths_around_the_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
