/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Paths of a job, one a line: view, target, then scratch paths. The plan is asked under
 * every name a path has: no detour may lead to what is never shown.
 */

#include "base/strv.h"
#include "fuzz.h"
#include "plan.h"
#include "policy.h"

/* What the kernel would walk to if nothing on the way were a link. */
static char *resolved(const char *path)
{
	struct buf b = BUF_INIT;
	size_t n;

	for (const char *p = path; *p; p += n) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && *p == '.'))
			continue;
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (b.len && b.data[b.len - 1] != '/')
				b.len--;
			b.len -= b.len ? 1 : 0;
			continue;
		}
		buf_puts(&b, "/");
		buf_add(&b, p, n);
	}
	if (b.data)
		b.data[b.len] = '\0';
	if (!b.len)
		buf_puts(&b, "/");
	return buf_steal(&b);
}

/* Places of the host whose sockets and devices lead out, and what would show everything. */
static bool is_forbidden(const char *path)
{
	static const char *const below[] = { "/run", "/var/run", "/proc", "/sys",
					     "/dev" };
	cleanup_free char *real = resolved(path);
	const char *rest;

	HOLDS(real);
	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		rest = str_after(real, below[i]);
		if (rest && (!*rest || *rest == '/'))
			return true;
	}
	return streq(real, "/") || streq(real, "/tmp");
}

/* The operations that come from the job, told apart by what they do. */
static void check_plan(const struct plan *plan, const struct sbx_job *job)
{
	bool target = false;

	for (size_t i = 0; i < plan->n; i++) {
		const struct op *op = &plan->ops[i];

		HOLDS(op->dest && op->dest[0] == '/');
		HOLDS(op->fd < 0);
		HOLDS(!strstr(op->dest, "/../") && !strstr(op->dest, "//"));
		if (op->type == OP_TARGET) {
			HOLDS(streq(op->dest, job->target_path));
			target = true;
		}
	}
	HOLDS(target == (job->target_path != NULL));
	HOLDS(plan->n && plan->ops[plan->n - 1].type == OP_SEAL);
	HOLDS(streq(plan->ops[plan->n - 1].dest, "/"));
}

static char *line_or_null(struct fuzz_input *in)
{
	char *s = fuzz_text(in, '\n');

	if (!*s) {
		free(s);
		return NULL;
	}
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	cleanup_free char *view = line_or_null(&in), *target = line_or_null(&in);
	cleanup_strv char **scratch = NULL;
	struct sbx_policy *policy = NULL;
	struct sbx_err err = { 0 };
	struct plan *plan = NULL;
	int r;

	for (size_t i = 0; in.n && i < 8; i++) {
		cleanup_free char *s = fuzz_text(&in, '\n');

		HOLDS(strv_add(&scratch, s) == 0);
	}
	HOLDS(policy_new(&policy) == 0);
	r = plan_new(policy,
		     &(struct sbx_job){ .view_path = view,
					.view_source = view,
					.target_path = target,
					.target_fd = -EBADF,
					.scratch = scratch },
		     &plan, &err);
	if (r < 0) {
		fuzz_check_err(r, &err);
	} else {
		HOLDS(!view || !is_forbidden(view));
		HOLDS(!target || !is_forbidden(target));
		for (size_t i = 0; scratch && scratch[i]; i++)
			HOLDS(!is_forbidden(scratch[i]));
		check_plan(plan, &(struct sbx_job){ .target_path = target });
	}
	plan_free(plan);
	policy_free(policy);
	return 0;
}
