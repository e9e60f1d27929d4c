/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock is on a file of its own that is never removed, an open file description lock as
 * in lock.c; the book is replaced by rename under it. A reader needs no lock.
 */
#include "ledger/group.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/state.h"
#include "base/strv.h"
#include "base/table.h"

#define FORMAT     1
#define SUFFIX     ".json"
#define BOOK_BYTES (16 << 20)

struct group {
	char name[GROUP_NAME_MAX + 1];
	struct group_member me;
};

/* The folder, and the files of one group in it. */
struct place {
	int dir_fd;
	int lock_fd;
	char book[GROUP_NAME_MAX + sizeof(SUFFIX)];
	char path[400]; /* for messages */
};

#define PLACE_INIT                                  \
	{                                           \
		.dir_fd = -EBADF, .lock_fd = -EBADF \
	}

static void place_done(struct place *p)
{
	p->lock_fd = fd_close(p->lock_fd);
	p->dir_fd = fd_close(p->dir_fd);
}

#define cleanup_place cleanup(place_done)

static void member_done(struct group_member *m)
{
	free(m->id);
	free(m->tag);
	free(m->repository);
	free(m->host);
}

void group_book_done(struct group_book *b)
{
	for (size_t i = 0; i < b->n; i++)
		member_done(&b->members[i]);
	free(b->members);
	*b = (struct group_book){ 0 };
}

#define cleanup_book cleanup(group_book_done)

int group_check_name(const char *name, struct sbx_err *err)
{
	size_t n = strlen(name);

	if (n >= 1 && n <= GROUP_NAME_MAX && *name != '.' && *name != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789._-") == n)
		return 0;
	return sbx_err_set(
		err, -EINVAL, "group",
		"'%.70s' cannot name a budget group; accepted are 1 to %d letters, "
		"digits, '.', '_' and '-', not beginning with a dot or dash",
		name, GROUP_NAME_MAX);
}

/* --- where it is --- */

/* Return: 0; -ENOENT where there is no folder yet, @err left alone; negative errno */
static int open_folder(bool create, int *ret_fd, char *path, size_t size,
		       struct sbx_err *err)
{
	cleanup_free char *dir = state_path("groups");
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r;

	if (!dir)
		return sbx_err_set(err, -ENXIO, "group",
				   "there is no place for budget groups: set HOME or "
				   "XDG_STATE_HOME");
	snprintf(path, size, "%s", dir);
	r = create ? dir_make(AT_FDCWD, dir, 0700) : 0;
	if (r < 0)
		return sbx_err_errno(err, r, "group", "cannot make %s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0)
		return sbx_err_errno(err, -errno, "group", "cannot open %s", dir);
	if (st.st_uid != geteuid())
		return sbx_err_set(err, -EPERM, "group",
				   "%s belongs to user %u, not to you", dir, st.st_uid);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int no_group(const char *name, struct sbx_err *err)
{
	return sbx_err_set(
		err, -ENOENT, "group",
		"there is no budget group %s; make it with the caps it shall have: "
		"autoexp budget %s --max-experiments N --max-cost USD --max-hours H",
		name, name);
}

/* @lock: nobody else changes the group until place_done() */
static int place_open(const char *name, bool create, bool lock, struct place *p,
		      struct sbx_err *err)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char folder[300], file[sizeof(p->book) + 8];
	int r;

	r = group_check_name(name, err);
	if (r == 0)
		r = open_folder(create, &p->dir_fd, folder, sizeof(folder), err);
	if (r == -ENOENT)
		return no_group(name, err);
	if (r < 0)
		return r;
	snprintf(p->book, sizeof(p->book), "%s" SUFFIX, name);
	snprintf(p->path, sizeof(p->path), "%s/%s", folder, p->book);
	if (!lock)
		return 0;
	snprintf(file, sizeof(file), "%s.lock", name);
	p->lock_fd =
		openat(p->dir_fd, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->lock_fd < 0)
		return sbx_err_errno(err, -errno, "group", "cannot open %s/%s", folder,
				     file);
	while (fcntl(p->lock_fd, F_OFD_SETLKW, &whole) < 0)
		if (errno != EINTR)
			return sbx_err_errno(err, -errno, "group", "cannot lock %s/%s",
					     folder, file);
	return 0;
}

/* --- what is in it --- */

static int read_caps(const json_t *doc, uint64_t *caps, struct sbx_err *err)
{
	const json_t *j = json_object_get(doc, "caps");
	int r;

	for (int i = 0; i < _CAP_MAX; i++) {
		caps[i] = CONFIG_UNLIMITED;
		if (json_is_string(json_object_get(j, cap_names[i])))
			continue;
		r = json_get_u64(j, cap_names[i], &caps[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int copy_text(const json_t *j, const char *key, char **ret, struct sbx_err *err)
{
	const char *text;
	int r;

	r = json_get_str(j, key, &text, err);
	if (r < 0)
		return r;
	*ret = strdup(text);
	return *ret ? 0 : sbx_err_oom(err, "group");
}

static int read_member(const json_t *j, struct group_member *m, struct sbx_err *err)
{
	uint64_t experiments = 0;
	const char *updated = "";
	int r;

	if ((r = copy_text(j, "id", &m->id, err)) < 0 ||
	    (r = copy_text(j, "tag", &m->tag, err)) < 0 ||
	    (r = copy_text(j, "repository", &m->repository, err)) < 0 ||
	    (r = copy_text(j, "host", &m->host, err)) < 0 ||
	    (r = json_get_u64(j, "experiments", &experiments, err)) < 0 ||
	    (r = json_get_u64(j, "nano", &m->claim.nano, err)) < 0 ||
	    (r = json_get_u64(j, "active_us", &m->claim.active_us, err)) < 0 ||
	    (r = json_get_str(j, "updated", &updated, err)) < 0)
		return r;
	m->claim.experiments = (unsigned)MIN(experiments, (uint64_t)INT32_MAX);
	snprintf(m->updated, sizeof(m->updated), "%s", updated);
	return 0;
}

/* Amounts stop at what a JSON integer holds. */
static uint64_t add(uint64_t a, uint64_t b)
{
	a = MIN(a, (uint64_t)INT64_MAX);
	b = MIN(b, (uint64_t)INT64_MAX);
	return MIN(a + b, (uint64_t)INT64_MAX);
}

static void add_used(struct used *sum, const struct used *u)
{
	sum->experiments = (unsigned)MIN((uint64_t)sum->experiments + u->experiments,
					 (uint64_t)INT32_MAX);
	sum->nano = add(sum->nano, u->nano);
	sum->active_us = add(sum->active_us, u->active_us);
}

static int read_members(const json_t *doc, struct group_book *b, struct sbx_err *err)
{
	const json_t *list = json_object_get(doc, "members");
	int r;

	if (!json_is_array(list))
		return sbx_err_set(err, -EBADMSG, "group", "\"members\" is missing");
	b->members = calloc(json_array_size(list) + 1, sizeof(*b->members));
	if (!b->members)
		return sbx_err_oom(err, "group");
	for (size_t i = 0; i < json_array_size(list); i++) {
		r = read_member(json_array_get(list, i), &b->members[b->n++], err);
		if (r < 0)
			return r;
		add_used(&b->sum, &b->members[i].claim);
	}
	return 0;
}

static int parse_book(const char *text, size_t n, const char *path, struct group_book *b,
		      struct sbx_err *err)
{
	cleanup_json json_t *doc = NULL;
	uint64_t format;
	int r;

	r = json_parse(text, n, path, &doc, err);
	if (r == 0)
		r = json_get_u64(doc, "format", &format, err);
	if (r == 0 && format != FORMAT)
		return sbx_err_set(err, -EPROTONOSUPPORT, "group",
				   "%s has format %" PRIu64
				   ", made by another version of autoexp; use that one",
				   path, format);
	if (r == 0)
		r = read_caps(doc, b->caps, err);
	if (r == 0)
		r = read_members(doc, b, err);
	if (r == 0 || r == -ENOMEM)
		return r;
	return sbx_err_wrap(err, -EBADMSG,
			    "%s is damaged (put it right by hand, or remove it and make "
			    "the group again with what is left of its caps)",
			    path);
}

static int load(const struct place *p, const char *name, struct group_book *b,
		struct sbx_err *err)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	r = file_read(p->dir_fd, p->book, O_NOFOLLOW, BOOK_BYTES, &text);
	if (r == -ENOENT)
		return no_group(name, err);
	if (r < 0)
		return sbx_err_errno(err, r, "group", "cannot read %s", p->path);
	return parse_book(buf_str(&text), text.len, p->path, b, err);
}

static json_t *member_json(const struct group_member *m)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:s}", "id", m->id, "tag", m->tag,
			 "repository", m->repository, "host", m->host, "experiments",
			 (json_int_t)m->claim.experiments, "nano",
			 (json_int_t)m->claim.nano, "active_us",
			 (json_int_t)m->claim.active_us, "updated", m->updated);
}

static int save(const struct place *p, const struct group_book *b, struct sbx_err *err)
{
	cleanup_json json_t *doc = NULL, *caps = json_object(), *list = json_array();
	cleanup_free char *text = NULL;
	int r = 0;

	for (int i = 0; i < _CAP_MAX; i++)
		r |= json_object_set_new(caps, cap_names[i],
					 b->caps[i] == CONFIG_UNLIMITED
						 ? json_string("unlimited")
						 : json_integer((json_int_t)b->caps[i]));
	for (size_t i = 0; i < b->n; i++)
		r |= json_array_append_new(list, member_json(&b->members[i]));
	doc = json_pack("{s:i,s:O,s:O}", "format", FORMAT, "caps", caps, "members", list);
	text = r == 0 && doc ? json_text(doc) : NULL;
	if (!text)
		return sbx_err_oom(err, "group");
	r = file_replace(p->dir_fd, p->book, text, strlen(text), 0600);
	return r < 0 ? sbx_err_errno(err, r, "group", "cannot write %s", p->path) : 0;
}

/* --- for people --- */

int group_list(char ***ret, struct sbx_err *err)
{
	cleanup_strv char **names = NULL;
	cleanup_closedir DIR *d = NULL;
	struct dirent *e;
	char path[300];
	int fd = -EBADF, r;

	r = open_folder(false, &fd, path, sizeof(path), err);
	if (r < 0 && r != -ENOENT)
		return r;
	d = r == 0 ? fdopendir(fd) : NULL;
	if (r == 0 && !d)
		fd_close(fd);
	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name), k = strlen(SUFFIX);

		if (n > k && streq(e->d_name + n - k, SUFFIX) &&
		    strv_addf(&names, "%.*s", (int)(n - k), e->d_name) < 0)
			return sbx_err_oom(err, "group");
	}
	strv_sort(names);
	*ret = TAKE_PTR(names);
	return 0;
}

int group_read(const char *name, struct group_book *ret, struct sbx_err *err)
{
	cleanup_place struct place p = PLACE_INIT;
	cleanup_book struct group_book b = { 0 };
	int r;

	r = place_open(name, false, false, &p, err);
	if (r == 0)
		r = load(&p, name, &b, err);
	if (r < 0)
		return r;
	*ret = b;
	b = (struct group_book){ 0 };
	return 0;
}

int group_set_caps(const char *name, const uint64_t caps[static _CAP_MAX],
		   const bool given[static _CAP_MAX], struct sbx_err *err)
{
	cleanup_place struct place p = PLACE_INIT;
	cleanup_book struct group_book b = { 0 };
	struct sbx_err why = { 0 };
	int r;

	r = place_open(name, true, true, &p, err);
	if (r < 0)
		return r;
	r = load(&p, name, &b, &why);
	if (r < 0 && r != -ENOENT) {
		if (err)
			*err = why;
		return r;
	}
	for (int i = 0; i < _CAP_MAX; i++) {
		if (given[i])
			b.caps[i] = caps[i];
		else if (r == -ENOENT)
			b.caps[i] = CONFIG_UNLIMITED;
	}
	return save(&p, &b, err);
}

/* --- for a member --- */

/* Where @me stands in the book, added where it is new. Return: NULL: no memory */
static struct group_member *find_me(struct group_book *b, const struct group_member *me)
{
	struct group_member *m, *grown;

	for (size_t i = 0; i < b->n; i++)
		if (streq(b->members[i].id, me->id))
			return &b->members[i];
	grown = reallocarray(b->members, b->n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	b->members = grown;
	m = &b->members[b->n++];
	*m = (struct group_member){ .id = strdup(me->id),
				    .tag = strdup(me->tag),
				    .repository = strdup(me->repository),
				    .host = strdup(me->host) };
	return m->id && m->tag && m->repository && m->host ? m : NULL;
}

static struct used sum_of_others(const struct group_book *b,
				 const struct group_member *me)
{
	struct used sum = { 0 };

	for (size_t i = 0; i < b->n; i++)
		if (&b->members[i] != me)
			add_used(&sum, &b->members[i].claim);
	return sum;
}

/* The group's book with us in it, locked. */
static int open_book(const struct group *g, struct place *p, struct group_book *b,
		     struct group_member **ret_me, struct sbx_err *err)
{
	int r;

	r = place_open(g->name, false, true, p, err);
	if (r == 0)
		r = load(p, g->name, b, err);
	if (r < 0)
		return r;
	*ret_me = find_me(b, &g->me);
	return *ret_me ? 0 : sbx_err_oom(err, "group");
}

void group_leave(struct group *g)
{
	if (!g)
		return;
	member_done(&g->me);
	free(g);
}

static void cleanup_group_p(struct group **g)
{
	group_leave(*g);
}

int group_join(const char *name, const struct group_identity *who, struct group **ret,
	       struct sbx_err *err)
{
	cleanup(cleanup_group_p) struct group *g = calloc(1, sizeof(*g));
	cleanup_book struct group_book b = { 0 };
	int r;

	if (!g)
		return sbx_err_oom(err, "group");
	r = group_read(name, &b, err);
	if (r < 0)
		return r;
	snprintf(g->name, sizeof(g->name), "%s", name);
	g->me.id = str_printf("%s %s %s", who->created, who->tag, who->repository);
	g->me.tag = strdup(who->tag);
	g->me.repository = strdup(who->repository);
	g->me.host = strdup(who->host);
	if (!g->me.id || !g->me.tag || !g->me.repository || !g->me.host)
		return sbx_err_oom(err, "group");
	*ret = TAKE_PTR(g);
	return 0;
}

int group_claim(struct group *g, const struct budget_ask *ask, uint64_t most_us,
		bool counts, uint64_t *ret_us, char *reason, size_t size,
		struct sbx_err *err)
{
	cleanup_place struct place p = PLACE_INIT;
	cleanup_book struct group_book b = { 0 };
	struct budget_ask all = *ask;
	struct group_member *me;
	uint64_t us;
	int r;

	r = open_book(g, &p, &b, &me, err);
	if (r < 0)
		return r;
	all.used = sum_of_others(&b, me);
	add_used(&all.used, &ask->used);
	if (budget_check(b.caps, &all, g->name, reason, size) != BUDGET_GO)
		return 0;
	us = MIN(most_us, budget_left_us(b.caps, &all));
	me->claim.experiments = ask->used.experiments + counts;
	me->claim.nano = add(add(ask->used.nano, ask->call_nano),
			     budget_price(ask->rate_nano, us));
	me->claim.active_us = add(ask->used.active_us, us);
	journal_stamp(me->updated);
	r = save(&p, &b, err);
	if (r < 0)
		return r;
	*ret_us = us;
	return 1;
}

int group_settle(struct group *g, const struct used *used, struct sbx_err *err)
{
	cleanup_place struct place p = PLACE_INIT;
	cleanup_book struct group_book b = { 0 };
	struct group_member *me;
	int r;

	r = open_book(g, &p, &b, &me, err);
	if (r < 0)
		return r;
	me->claim = (struct used){ .experiments = used->experiments,
				   .nano = add(used->nano, 0),
				   .active_us = add(used->active_us, 0) };
	journal_stamp(me->updated);
	return save(&p, &b, err);
}
