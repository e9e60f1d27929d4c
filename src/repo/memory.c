/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/memory.h"

/*
 * The exception to the rule that no library code prints or ends: there is nobody to return to.
 * Until 1.6 an allocator has a function for each way of asking; later ones have three.
 */

#include <git2.h>
#include <git2/sys/alloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"

static void *checked(void *p)
{
	static const char text[] = "autoexp: out of memory. Nothing recorded so far is "
				   "lost: end something that "
				   "uses memory, then start the same command again\n";

	if (p)
		return p;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
	_exit(1);
}

/* Some sizes are 0, for which malloc() may give nothing. */
static void *get(size_t n, const char *file attr_unused, int line attr_unused)
{
	return checked(malloc(MAX(n, (size_t)1)));
}

static void *resize(void *p, size_t n, const char *file attr_unused, int line attr_unused)
{
	return checked(realloc(p, MAX(n, (size_t)1)));
}

#ifdef HAVE_GIT_ALLOCATOR_GCALLOC
static void *get_zeroed(size_t n, size_t size, const char *file attr_unused,
			int line attr_unused)
{
	return checked(calloc(MAX(n, (size_t)1), MAX(size, (size_t)1)));
}

static void *resize_array(void *p, size_t n, size_t size, const char *file attr_unused,
			  int line attr_unused)
{
	return checked(reallocarray(p, MAX(n, (size_t)1), MAX(size, (size_t)1)));
}

static void *get_array(size_t n, size_t size, const char *file, int line)
{
	return resize_array(NULL, n, size, file, line);
}

static char *copy(const char *s, const char *file attr_unused, int line attr_unused)
{
	return checked(strdup(s));
}

static char *copy_exactly(const char *s, size_t n, const char *file, int line)
{
	char *p = get(n + 1, file, line);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

/* @s need not end where @n bytes do. */
static char *copy_at_most(const char *s, size_t n, const char *file, int line)
{
	return copy_exactly(s, strnlen(s, n), file, line);
}
#endif

int git_memory_init(void)
{
	git_allocator a = {
		.gmalloc = get,
		.grealloc = resize,
		.gfree = free,
#ifdef HAVE_GIT_ALLOCATOR_GCALLOC
		.gcalloc = get_zeroed,
		.greallocarray = resize_array,
		.gmallocarray = get_array,
		.gstrdup = copy,
		.gstrndup = copy_at_most,
		.gsubstrdup = copy_exactly,
#endif
	};

	return git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &a);
}
