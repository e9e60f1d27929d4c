/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs a harness over the files of its corpus, without libFuzzer: every build has this,
 * and whatever compiler and sanitizers it has. Each input lies in a block of exactly its
 * size. After each one as many descriptors are open as after the first.
 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/file.h"
#include "fuzz.h"

/* For the handler: which input it was. */
static char current[4096];

static void name_input(int signal_number)
{
	static const char text[] = "while replaying ";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ||
	    write(STDERR_FILENO, current, strlen(current)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0)
		_exit(1);
	/* Installed for one time: now the signal does what it always does. */
	raise(signal_number);
}

static size_t open_descriptors(void)
{
	cleanup_closedir DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	HOLDS(d);
	while (readdir(d))
		n++;
	return n;
}

static void replay(int dir_fd, const char *name)
{
	cleanup_buf struct buf text = BUF_INIT;
	uint8_t *exact;

	snprintf(current, sizeof(current), "%s", name);
	HOLDS(file_read(dir_fd, name, 0, 64 << 20, &text) == 0);
	exact = malloc(text.len ? text.len : 1);
	HOLDS(exact);
	if (text.len)
		memcpy(exact, text.data, text.len);
	LLVMFuzzerTestOneInput(exact, text.len);
	free(exact);
}

static size_t replay_folder(const char *path)
{
	cleanup_closedir DIR *d = opendir(path);
	size_t n = 0, descriptors = 0;
	struct dirent *e;

	if (!d) {
		fprintf(stderr, "cannot open the folder %s\n", path);
		return 0;
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		replay(dirfd(d), e->d_name);
		if (n++ == 0)
			descriptors = open_descriptors();
		HOLDS(open_descriptors() == descriptors);
	}
	return n;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = name_input, .sa_flags = SA_RESETHAND };
	struct stat st;
	size_t n = 0, k;

	sigaction(SIGABRT, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && !S_ISDIR(st.st_mode)) {
			replay(AT_FDCWD, argv[i]);
			n++;
			continue;
		}
		k = replay_folder(argv[i]);
		if (!k)
			return 1;
		n += k;
	}
	printf("%zu inputs\n", n);
	return n ? 0 : 1;
}
