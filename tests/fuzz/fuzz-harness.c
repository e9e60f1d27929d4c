/* SPDX-License-Identifier: Apache-2.0 */

/* Words of a shell command: those taken for files are plain paths of the repository. */

#include "base/strv.h"
#include "conf/harness.h"
#include "fuzz.h"

static void check_word(const char *word)
{
	HOLDS(*word && fuzz_is_line(word));
	HOLDS(word[0] != '/' && fuzz_is_clean_path(word));
	HOLDS(!strpbrk(word, " \t\n\"'\\$`*?[]{}<>|&;()="));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	cleanup_free char *path = fuzz_text(&in, '\n'), *text = fuzz_rest(&in);
	char *shell[] = { (char *)"sh", (char *)"-c", text, NULL };
	char *words[] = { text, path, NULL };
	struct config c = { 0 };

	for (int list = 0; list < 2; list++) {
		cleanup_strv char **found = NULL;

		c.harness = list ? words : shell;
		HOLDS(config_harness_words(&c, &found) == 0);
		for (size_t i = 0; found && found[i]; i++) {
			check_word(found[i]);
			/* None is named twice. */
			for (size_t k = 0; k < i; k++)
				HOLDS(!streq(found[i], found[k]));
		}
		harness_runs(c.harness, path);
	}
	/* A program without an interpreter before it is what runs. */
	HOLDS(harness_runs((char *[]){ (char *)"./a.out", text, NULL }, "a.out"));
	return 0;
}
