/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/exec.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/strv.h"
#include "cpuset.h"
#include "limit.h"

static const char help[] =
	"usage: autoexp exec [OPTIONS] -- COMMAND [ARG...]\n"
	"\n"
	"Run one command in a box: own namespaces, own root, no network, hard limits, a "
	"system\n"
	"call filter, no capabilities. The box shows the system read-only and what is "
	"named\n"
	"here, nothing of the current directory by itself. /tmp, /dev/shm, $HOME and\n"
	"$AUTOEXP_OUT are empty and writable, and gone afterwards.\n"
	"\n"
	"  --target FILE       the one file the command may change; written back when it "
	"did\n"
	"  --show PATH         show a file or directory read-only (may be repeated)\n"
	"  --env NAME          pass on a variable (may be repeated)\n"
	"  --stdin             hand on standard input instead of /dev/null\n"
	"  --net none|host     network: only loopback (default), or the host's\n"
	"  --target-mode MODE  bind (default): written in place; overlay: any way of "
	"saving;\n"
	"                      ro: not at all\n"
	"\n"
	"Limits (in brackets: when the option is not given):\n"
	"  --wall TIME         elapsed time, such as 90s or 10m [10m]\n"
	"  --cpu-time TIME     CPU time of the whole tree [not limited]\n"
	"  --cpus N            CPUs at a time, such as 0.5 or 2 [not limited]\n"
	"  --cpuset LIST       CPUs to run on, such as 0-3,6 [any]\n"
	"  --io-read RATE      bytes a second from each disk, such as 64M [not limited]\n"
	"  --io-write RATE     bytes a second to each disk [not limited]\n"
	"  --memory SIZE       memory of the whole tree, such as 64M or 2G; swap is 0 "
	"[2GiB]\n"
	"  --pids N            processes and threads [256]\n"
	"  --scratch SIZE      bytes in /tmp, /dev/shm and $HOME together [512MiB]\n"
	"  --inodes N          files, directories and links there [one for 4 KiB of it]\n"
	"  --file-size SIZE    bytes of any single file [not limited]\n"
	"  --out SIZE          bytes in $AUTOEXP_OUT [1GiB]\n"
	"  --output SIZE       bytes of output handed on; the rest is dropped [16MiB]\n"
	"\n"
	"  --kill-on LIST      end the run at a limit of: output, scratch [nothing]\n"
	"  --soft-limits       accept a watchdog where this host cannot enforce a limit\n"
	"  --cgroup PATH       use this delegated cgroup v2 directory\n"
	"  --policy P          a policy by name or path [default]\n"
	"  --json FILE         write the record of the run to FILE, - for standard "
	"output\n"
	"  -h, --help          this text\n"
	"\n"
	"Exit status: the command's own; 128+n killed by signal n; 124 time-out or CPU "
	"time;\n"
	"137 out of memory; 123 another limit; 130 interrupted; 125 the box could not be "
	"set\n"
	"up; 126, 127 the command could not be executed or was not found; 2 usage.\n"
	"\n"
	"Example: autoexp exec --wall 10s --memory 256M -- python3 -c 'print(6 * 7)'\n";

enum {
	OPT_LIMIT = 256, /* + enum sbx_limit */
	OPT_TARGET = OPT_LIMIT + _SBX_LIMIT_MAX,
	OPT_TARGET_MODE,
	OPT_SHOW,
	OPT_ENV,
	OPT_STDIN,
	OPT_NET,
	OPT_KILL_ON,
	OPT_CPUSET,
	OPT_SOFT,
	OPT_CGROUP,
	OPT_POLICY,
	OPT_JSON,
	OPT_SPEC_FD,
	OPT_RECORD_FD,
	OPT_LOG_FD,
	OPT_LIFELINE_FD,
};

static const struct option options[] = {
	{ "wall", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_WALL },
	{ "cpu-time", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_CPU_TIME },
	{ "cpus", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_CPUS },
	{ "cpuset", required_argument, NULL, OPT_CPUSET },
	{ "io-read", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_IO_READ },
	{ "io-write", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_IO_WRITE },
	{ "memory", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_MEMORY },
	{ "pids", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_PIDS },
	{ "scratch", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_SCRATCH },
	{ "inodes", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_INODES },
	{ "file-size", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_FILE_SIZE },
	{ "out", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_OUT },
	{ "output", required_argument, NULL, OPT_LIMIT + SBX_LIMIT_OUTPUT },
	{ "target", required_argument, NULL, OPT_TARGET },
	{ "target-mode", required_argument, NULL, OPT_TARGET_MODE },
	{ "show", required_argument, NULL, OPT_SHOW },
	{ "env", required_argument, NULL, OPT_ENV },
	{ "stdin", no_argument, NULL, OPT_STDIN },
	{ "net", required_argument, NULL, OPT_NET },
	{ "kill-on", required_argument, NULL, OPT_KILL_ON },
	{ "soft-limits", no_argument, NULL, OPT_SOFT },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "json", required_argument, NULL, OPT_JSON },
	/* For the loop, and so not in the help text. */
	{ "spec-fd", required_argument, NULL, OPT_SPEC_FD },
	{ "record-fd", required_argument, NULL, OPT_RECORD_FD },
	{ "log-fd", required_argument, NULL, OPT_LOG_FD },
	{ "lifeline-fd", required_argument, NULL, OPT_LIFELINE_FD },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct parser {
	struct exec_request *req;
	int spec_fd;
	struct sbx_err err;
};

static int set_fd(const char *text, int *fd, struct sbx_err *err)
{
	uint64_t n;

	if (parse_u64(text, &n) < 0 || n > INT_MAX ||
	    fcntl((int)n, F_SETFD, FD_CLOEXEC) < 0)
		return sbx_err_set(err, -EINVAL, "usage",
				   "'%s' is not an open descriptor", text);
	*fd = (int)n;
	return 0;
}

static int set_string(char **to, const char *text, struct sbx_err *err)
{
	free(*to);
	*to = strdup(text);
	return *to ? 0 : sbx_err_oom(err, "usage");
}

static int add_show(struct exec_request *req, const char *path, struct sbx_err *err)
{
	cleanup_free char *real = realpath(path, NULL);

	if (!real)
		return sbx_err_errno(err, -errno, "usage", "--show %s", path);
	return strv_add(&req->show, real) < 0 ? sbx_err_oom(err, "usage") : 0;
}

/* A target has two names: where it really lies, and the same path inside. */
static int set_target(struct exec_request *req, const char *path, struct sbx_err *err)
{
	cleanup_free char *copy = strdup(path), *dir = NULL;
	char *slash = copy ? strrchr(copy, '/') : NULL;
	const char *name = slash ? slash + 1 : path;

	if (!copy)
		return sbx_err_oom(err, "usage");
	if (slash)
		*slash = '\0';
	dir = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (!dir)
		return sbx_err_errno(err, -errno, "usage", "--target %s", path);
	if (!*name || streq(name, ".") || streq(name, ".."))
		return sbx_err_set(err, -EISDIR, "usage",
				   "--target %s: names a directory, not a file", path);
	free(req->target_path);
	free(req->target_source);
	req->target_path = str_printf("%s/%s", streq(dir, "/") ? "" : dir, name);
	req->target_source = req->target_path ? strdup(req->target_path) : NULL;
	req->write_target = true;
	return req->target_source ? 0 : sbx_err_oom(err, "usage");
}

static int add_env(struct exec_request *req, const char *name, struct sbx_err *err)
{
	const char *value = getenv(name);

	if (!*name || strchr(name, '='))
		return sbx_err_set(err, -EINVAL, "usage",
				   "--env %s: give the name of a variable, without '='",
				   name);
	if (!value)
		return 0;
	return strv_addf(&req->env, "%s=%s", name, value) < 0 ? sbx_err_oom(err, "usage")
							      : 0;
}

static int set_net(struct exec_request *req, const char *text, struct sbx_err *err)
{
	if (streq(text, "none"))
		req->policy->network = SBX_NETWORK_NONE;
	else if (streq(text, "host"))
		req->policy->network = SBX_NETWORK_HOST;
	else
		return sbx_err_set(err, -EINVAL, "usage",
				   "--net %s: accepted are none and host", text);
	return 0;
}

static int set_target_mode(struct exec_request *req, const char *text,
			   struct sbx_err *err)
{
	if (streq(text, "bind"))
		req->policy->target = SBX_TARGET_BIND;
	else if (streq(text, "overlay"))
		req->policy->target = SBX_TARGET_OVERLAY;
	else if (streq(text, "ro"))
		req->policy->target = SBX_TARGET_RO;
	else
		return sbx_err_set(err, -EINVAL, "usage",
				   "--target-mode %s: accepted are bind, overlay and ro",
				   text);
	return 0;
}

/* A list of limits with commas; in policies it is a YAML list of the same names. */
static int set_kill_on(struct exec_request *req, const char *text, struct sbx_err *err)
{
	char name[16];
	size_t n;

	req->policy->kill_on = 0;
	for (const char *p = text; *p; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		snprintf(name, sizeof(name), "%.*s", (int)MIN(n, sizeof(name)), p);
		if (limit_add_kill_on(name, &req->policy->kill_on) < 0)
			return sbx_err_set(err, -EINVAL, "usage",
					   "--kill-on %s: accepted are output and "
					   "scratch, with a comma between them",
					   text);
	}
	return 0;
}

static int take_option(struct parser *p, int opt, const char *arg)
{
	struct exec_request *req = p->req;
	struct sbx_err *err = &p->err;

	if (opt >= OPT_LIMIT && opt < OPT_LIMIT + _SBX_LIMIT_MAX) {
		enum sbx_limit limit = (enum sbx_limit)(opt - OPT_LIMIT);

		return limit_parse(limit, arg, &req->policy->limits[limit], err);
	}
	switch (opt) {
	case OPT_TARGET:
		return set_target(req, arg, err);
	case OPT_TARGET_MODE:
		return set_target_mode(req, arg, err);
	case OPT_SHOW:
		return add_show(req, arg, err);
	case OPT_ENV:
		return add_env(req, arg, err);
	case OPT_STDIN:
		req->use_stdin = true;
		return 0;
	case OPT_NET:
		return set_net(req, arg, err);
	case OPT_KILL_ON:
		return set_kill_on(req, arg, err);
	case OPT_CPUSET:
		return cpuset_parse(arg, req->policy->cpuset, err);
	case OPT_SOFT:
		req->policy->soft = true;
		return 0;
	case OPT_POLICY:
		return 0; /* taken first, see take_policy() */
	case OPT_CGROUP:
		return set_string(&req->cgroup, arg, err);
	case OPT_JSON:
		return set_string(&req->json_path, arg, err);
	case OPT_SPEC_FD:
		return set_fd(arg, &p->spec_fd, err);
	case OPT_RECORD_FD:
		return set_fd(arg, &req->record_fd, err);
	case OPT_LOG_FD:
		return set_fd(arg, &req->log_fd, err);
	case OPT_LIFELINE_FD:
		return set_fd(arg, &req->lifeline_fd, err);
	default:
		return sbx_err_set(err, -EINVAL, "usage", "unknown option");
	}
}

static int usage_error(const char *msg)
{
	if (*msg)
		fprintf(stderr, "autoexp exec: %s\n", msg);
	fprintf(stderr, "Try 'autoexp exec --help'.\n");
	return 2;
}

/* The command and what belongs to it; a spec brings its own. */
static int take_command(struct parser *p, char *const *argv)
{
	if (p->spec_fd >= 0)
		return *argv ? sbx_err_set(&p->err, -EINVAL, "usage",
					   "a command beside --spec-fd")
			     : exec_read_spec(p->spec_fd, p->req, &p->err);
	if (!*argv)
		return sbx_err_set(&p->err, -EINVAL, "usage", "no command given");
	if (!**argv)
		return sbx_err_set(&p->err, -EINVAL, "usage",
				   "the command's name is empty");
	return strv_copy(argv, &p->req->argv) < 0 ? sbx_err_oom(&p->err, "usage") : 0;
}

/* The policy comes first wherever it stands: every other option changes what it says. */
static int take_policy(struct parser *p, int argc, char **argv)
{
	int opt, r = exec_load_policy(p->req, "default", &p->err);

	opterr = 0;
	while (r == 0 && (opt = getopt_long(argc, argv, "+h", options, NULL)) != -1)
		if (opt == OPT_POLICY)
			r = exec_load_policy(p->req, optarg, &p->err);
	opterr = 1;
	optind = 1;
	return r;
}

static int parse(struct parser *p, int argc, char **argv)
{
	int opt;

	if (take_policy(p, argc, argv) < 0)
		return p->err.code;
	while ((opt = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (opt == 'h') {
			fputs(help, stdout);
			return 1;
		}
		if (opt == '?')
			return -EINVAL; /* getopt has said what is wrong */
		if (take_option(p, opt, optarg) < 0)
			return p->err.code;
	}
	return take_command(p, argv + optind);
}

int cmd_exec(int argc, char **argv)
{
	struct exec_request req = EXEC_REQUEST_INIT;
	struct parser p = { .req = &req, .spec_fd = -EBADF };
	int r, status;

	argv[0] = (char *)"autoexp exec"; /* the name in getopt's messages */
	r = parse(&p, argc, argv);
	if (r > 0)
		status = 0;
	else if (r < 0)
		status = p.spec_fd >= 0 ? 125 : usage_error(p.err.msg);
	else
		status = exec_run(&req);
	if (r < 0 && p.spec_fd >= 0)
		fprintf(stderr, "autoexp exec: %s\n", p.err.msg);
	exec_request_done(&req);
	return status;
}
