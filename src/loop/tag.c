/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/tag.h"

#include <fcntl.h>
#include <time.h>

#include "base/strv.h"
#include "ledger/journal.h"
#include "repo/branch.h"

static bool has_journal(int dir_fd, const char *tag)
{
	cleanup_free char *path = str_printf("%s/" JOURNAL_FILE, tag);

	return path && faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int tag_list(const char *common_dir, char ***ret, struct sbx_err *err)
{
	cleanup_free char *path = str_printf("%s/autoexp", common_dir);
	cleanup_closedir DIR *d = NULL;
	cleanup_strv char **tags = NULL;
	struct dirent *e;

	if (!path)
		return sbx_err_oom(err, "loop");
	d = opendir(path);
	if (!d && errno != ENOENT)
		return sbx_err_errno(err, -errno, "loop", "cannot list %s", path);
	while (d && (errno = 0, e = readdir(d))) {
		if (e->d_name[0] == '.' || !has_journal(dirfd(d), e->d_name))
			continue;
		if (strv_add(&tags, e->d_name) < 0)
			return sbx_err_oom(err, "loop");
	}
	if (d && errno)
		return sbx_err_errno(err, -errno, "loop", "cannot list %s", path);
	strv_sort(tags);
	*ret = TAKE_PTR(tags);
	return 0;
}

/* "src/train.py" on the first of August 2026: "train-20260801". */
static char *tag_of_target(const char *target)
{
	const char *slash = strrchr(target, '/'), *base = slash ? slash + 1 : target;
	char name[41], date[16];
	time_t now = time(NULL);
	struct tm tm = { 0 };
	size_t n = 0;

	for (const char *p = base; *p && n < sizeof(name) - 1; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || *p == '_';

		if (*p == '.' && n > 0)
			break;
		if (plain)
			name[n++] = *p;
		else if (n > 0)
			name[n++] = '-';
	}
	name[n] = '\0';
	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y%m%d", &tm);
	return str_printf("%s-%s", n ? name : "target", date);
}

static int list_for_message(char **tags, struct sbx_err *err)
{
	char names[300] = "";
	size_t n = 0;

	for (char **t = tags; *t && n < sizeof(names) - 1; t++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, " %s", *t);
	return sbx_err_set(err, -ENOTUNIQ, "loop",
			   "there are several campaigns; name one with"
			   " --tag:%s",
			   names);
}

int tag_choose(const char *common_dir, const char *wanted, const char *written,
	       const char *target, char **ret, struct sbx_err *err)
{
	cleanup_strv char **tags = NULL;
	cleanup_free char *tag = NULL;
	int r;

	r = tag_list(common_dir, &tags, err);
	if (r < 0)
		return r;
	if (wanted)
		tag = strdup(wanted);
	else if (written)
		tag = strdup(written);
	else if (strv_len(tags) == 1)
		tag = strdup(tags[0]);
	else if (target)
		tag = tag_of_target(target);
	else if (!tags)
		return sbx_err_set(err, -ENOENT, "loop",
				   "there is no campaign in this"
				   " repository yet; `autoexp run` starts one");
	else
		return list_for_message(tags, err);
	if (!tag)
		return sbx_err_oom(err, "loop");
	r = tag_check(tag, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(tag);
	return 0;
}
