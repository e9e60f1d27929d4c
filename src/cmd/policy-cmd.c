/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/policy-cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/escape.h"
#include "base/self.h"
#include "base/strv.h"
#include "filter-make.h"
#include "policy-load.h"

static const char help[] =
	"usage: autoexp policy list [--json]\n"
	"       autoexp policy show [--plain | --json] NAME|PATH\n"
	"       autoexp policy explain [--json] NAME|PATH\n"
	"       autoexp policy check [--json] NAME|PATH...\n"
	"\n"
	"Policies say what any run may do: what it sees, its limits, its system calls.\n"
	"\n"
	"  list      the policies that come with autoexp\n"
	"  show      the whole effective policy, each value with the file and line it "
	"came\n"
	"            from; with --plain without, as a file that can be used again\n"
	"  explain   what that means: what can be read, written and reached, which "
	"layer\n"
	"            holds each limit, which system calls are refused and why\n"
	"  check     contradictions and known holes, each with its place and a remedy\n"
	"\n"
	"  --json    print JSON\n"
	"  -h, --help  this text\n"
	"\n"
	"A name is that of a policy of list; a path has a slash in it, such as "
	"./mine.yaml.\n"
	"\n"
	"Exit status: 0 done, and check found nothing that needs a change (notes may be\n"
	"there); 1 check found errors or warnings; 2 usage, or a policy that cannot be "
	"read.\n"
	"\n"
	"Example: autoexp policy check ./ci/policy.yaml\n";

/* --- one policy --- */

/* As people write it; NULL where this installation has none. */
static char *policy_dir(void)
{
	cleanup_free char *path = NULL;

	if (self_path("../policies", "../share/autoexp/policies", &path, NULL) < 0)
		return NULL;
	return realpath(path, NULL);
}

int policy_open(const char *name, struct policy_view *ret, struct sbx_err *err)
{
	struct policy_view v = { .policy = NULL };
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *dir = policy_dir();
	int r;

	if (!dir && streq(name, "default"))
		r = policy_new(&v.policy) < 0 ? sbx_err_oom(err, "policy") : 0;
	else
		r = policy_load(name, dir, &v.policy, err);
	if (r == 0)
		r = filter_choose(v.policy, &v.filter, err);
	if (r == 0) {
		policy_dump(v.policy, false, &text);
		r = text.failed ? sbx_err_oom(err, "policy") : 0;
	}
	if (r < 0) {
		policy_close(&v);
		return r;
	}
	sha256_text(text.data, text.len, v.sha256);
	*ret = v;
	return 0;
}

void policy_close(struct policy_view *v)
{
	filter_done(&v->filter);
	policy_free(v->policy);
	v->policy = NULL;
}

bool policy_allows(const struct policy_view *v, const char *call)
{
	int nr = syscall_number(call);
	uint32_t action;
	bool depends;

	if (nr < 0)
		return false;
	action = filter_ask_call(&v->filter, nr, &depends) & SECCOMP_RET_ACTION_FULL;
	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

const char *policy_where(const struct policy_origin *where, char *out, size_t size)
{
	char file[400];

	if (!where->file)
		snprintf(out, size, "built in");
	else if (where->line)
		snprintf(out, size, "%s:%u", escape_str(file, sizeof(file), where->file),
			 where->line);
	else
		snprintf(out, size, "%s", escape_str(file, sizeof(file), where->file));
	return out;
}

json_t *policy_where_json(const struct policy_origin *where)
{
	char file[400];

	return json_pack("{s:s?, s:o}", "file",
			 where->file ? escape_str(file, sizeof(file), where->file) : NULL,
			 "line", where->line ? json_integer(where->line) : json_null());
}

json_t *policy_set_json(unsigned set, const char *const *names, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (set & 1U << i)
			json_array_append_new(list, json_string(names[i]));
	return list;
}

static int flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "autoexp policy: cannot write: %s\n", strerror(errno));
	return 1;
}

int policy_print(json_t *j)
{
	bool failed = !j || json_dumpf(j, stdout, JSON_INDENT(2)) < 0;

	json_decref(j);
	if (failed) {
		fprintf(stderr,
			"autoexp policy: out of memory, or nothing can be written\n");
		return 1;
	}
	putchar('\n');
	return flush();
}

/* --- list --- */

/* The names of the files in @dir, without ".yaml". */
static int find_names(const char *dir, char ***ret, struct sbx_err *err)
{
	cleanup_closedir DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return sbx_err_errno(err, -errno, "policy", "cannot read %s", dir);
	while ((e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (e->d_name[0] == '.' || n < 6 || !streq(e->d_name + n - 5, ".yaml"))
			continue;
		if (strv_addf(ret, "%.*s", (int)(n - 5), e->d_name) < 0)
			return sbx_err_oom(err, "policy");
	}
	strv_sort(*ret);
	return 0;
}

static int list_one(const char *name, const char *dir, json_t *all, struct sbx_err *err)
{
	struct sbx_policy *p = NULL;
	int r = policy_load(name, dir, &p, err);
	char text[400];

	if (r < 0)
		return r;
	escape_str(text, sizeof(text), p->description ? p->description : "");
	if (all)
		json_array_append_new(all,
				      json_pack("{s:s, s:s, s:o}", "name", name,
						"description", text, "path",
						json_sprintf("%s/%s.yaml", dir, name)));
	else
		printf("%-10s%s\n%-10s%s/%s.yaml\n", name, text, "", dir, name);
	policy_free(p);
	return 0;
}

static int run_list(bool json, struct sbx_err *err)
{
	cleanup_json json_t *all = json ? json_array() : NULL;
	cleanup_free char *dir = policy_dir();
	cleanup_strv char **names = NULL;
	int r;

	r = dir ? 0
		: sbx_err_set(
			  err, -ENOENT, "policy",
			  "the folder of the policies was not found beside this program");
	if (r == 0 && dir)
		r = find_names(dir, &names, err);
	for (size_t i = 0; r == 0 && names && names[i]; i++)
		r = list_one(names[i], dir, all, err);
	if (r < 0)
		return r;
	return json ? policy_print(TAKE_PTR(all)) : flush();
}

/* --- arguments --- */

struct arguments {
	const char *command;
	char **names;
	int n_names;
	bool json, plain;
};

static int usage(const char *what, const char *argument)
{
	if (what)
		fprintf(stderr, "autoexp policy: %s%s\n", what, argument);
	fprintf(stderr, "Try 'autoexp policy --help'.\n");
	return 2;
}

static int fail(const struct sbx_err *err)
{
	fprintf(stderr, "autoexp policy: %s\n", err->msg);
	return 2;
}

static int run_one(const struct arguments *a)
{
	struct policy_view v;
	struct sbx_err err = { 0 };
	int status;

	if (policy_open(a->names[0], &v, &err) < 0)
		return fail(&err);
	status = streq(a->command, "show") ? policy_show(&v, a->plain, a->json)
					   : policy_explain(&v, a->json);
	policy_close(&v);
	if (status == 0 && !a->json)
		status = flush();
	return status;
}

static int run_check(const struct arguments *a)
{
	json_t *all = a->json ? json_array() : NULL;
	struct sbx_err err = { 0 };
	struct policy_view v;
	int status = 0;

	for (int i = 0; i < a->n_names; i++) {
		if (policy_open(a->names[i], &v, &err) < 0) {
			json_decref(all);
			return fail(&err);
		}
		if (policy_check(&v, all))
			status = 1;
		policy_close(&v);
	}
	if ((a->json ? policy_print(all) : flush()) != 0)
		status = 1;
	return status;
}

static int dispatch(const struct arguments *a)
{
	struct sbx_err err = { 0 };
	int r;

	if (a->plain && (!streq(a->command, "show") || a->json))
		return usage("--plain belongs to show, and not beside --json", "");
	if (streq(a->command, "list")) {
		if (a->n_names)
			return usage("list takes no name: ", a->names[0]);
		r = run_list(a->json, &err);
		return r < 0 ? fail(&err) : r;
	}
	if (!streq(a->command, "show") && !streq(a->command, "explain") &&
	    !streq(a->command, "check"))
		return usage("accepted are list, show, explain and check, not ",
			     a->command);
	if (!a->n_names)
		return usage("give the name or the path of a policy to ", a->command);
	if (streq(a->command, "check"))
		return run_check(a);
	if (a->n_names > 1)
		return usage("one policy at a time, not also ", a->names[1]);
	return run_one(a);
}

int cmd_policy(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "plain", no_argument, NULL, 'p' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct arguments a = { 0 };
	int opt;

	argv[0] = (char *)"autoexp policy"; /* the name in getopt's messages */
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			a.json = true;
			break;
		case 'p':
			a.plain = true;
			break;
		case 'h':
			fputs(help, stdout);
			return flush();
		default:
			return usage(NULL, NULL);
		}
	}
	if (optind == argc)
		return usage("accepted are list, show, explain and check", "");
	a.command = argv[optind];
	a.names = argv + optind + 1;
	a.n_names = argc - optind - 1;
	return dispatch(&a);
}
