/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/commit.h"

/*
 * One experiment, one commit.
 *
 * Order of writes: objects (one pack, durable), then the reference (durable). A crash
 * before the reference leaves objects that nothing names, which git collects some day;
 * after it, the journal finds the commit by its number.
 *
 * The message is made of what a model or program said: control characters and those that
 * turn the direction of text are dropped, what is no UTF-8 becomes '?', the length is
 * bounded. The last line names the experiment, so that no two of them are the same
 * object.
 */

#include <git2/sys/mempack.h>
#include <inttypes.h>

#include "base/parse.h"
#include "base/strv.h"
#include "repo/fork.h"
#include "repo/pack.h"
#include "repo/ref.h"

#define MESSAGE_MAX 8192
#define PACK_REFS_EVERY \
	64 /* libgit2 reads each loose reference whenever it writes a pack */

/*
 * Length of the UTF-8 sequence at @s, at most @n bytes; 0 where it is none: stray bytes,
 * overlong forms, surrogates, beyond U+10FFFF.
 */
static size_t utf8_next(const unsigned char *s, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fu >> len);

	if ((s[0] >= 0x80 && s[0] < 0xc0) || s[0] >= 0xf8 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return len;
}

/* C0, DEL, C1, marks and overrides of direction, line and paragraph separators. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void add_clean(struct buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = strlen(text), len;
	uint32_t c = 0;

	for (; n && out->len < MESSAGE_MAX; s += len, n -= len) {
		len = utf8_next(s, n, &c);
		if (len == 0) {
			buf_puts(out, "?");
			len = 1;
		} else if (c == '\n' || !is_control(c)) {
			buf_add(out, s, len);
		} else if (c == '\t') {
			buf_puts(out, " ");
		}
	}
}

static int make_message(const struct commit_spec *spec, char **ret, struct sbx_err *err)
{
	cleanup_buf struct buf out = BUF_INIT;
	size_t skip;

	add_clean(&out, spec->message);
	skip = strspn(buf_str(&out), " \n");
	if (skip)
		buf_drop(&out, skip);
	while (out.len && strchr(" \n", out.data[out.len - 1]))
		out.data[--out.len] = '\0';
	if (!out.len)
		buf_puts(&out, "no description");
	buf_printf(&out, "\n\nAutoexp-Experiment: %s/%04u\n", spec->tag, spec->number);
	*ret = buf_steal(&out);
	return *ret ? 0 : sbx_err_oom(err, "repo");
}

/* A name git cannot use is treated like none: it must not stop a night's work. */
static int make_signature(struct repo *repo, git_signature **ret, struct sbx_err *err)
{
	int r;

	r = git_signature_default(ret, repo->git);
	if (r < 0)
		r = git_signature_now(ret, "autoexp", "autoexp@localhost");
	if (r < 0)
		return git_fail(err, r, "cannot make an author");
	return 0;
}

/* The parent's tree with one blob exchanged; both exist in memory only. */
static int make_tree(struct repo *repo, const struct commit_spec *spec, git_tree *base,
		     git_tree **ret, struct sbx_err *err)
{
	cleanup_git(tree_entry) git_tree_entry *e = NULL;
	git_tree_update update = { .action = GIT_TREE_UPDATE_UPSERT, .path = spec->path };
	git_oid id;
	int r;

	r = git_tree_entry_bypath(&e, base, spec->path);
	if (r < 0 && r != GIT_ENOTFOUND)
		return git_fail(err, r, "cannot look for %s in commit %s", spec->path,
				spec->parent);
	if (r < 0 || (git_kind_of(e) != REPO_FILE && git_kind_of(e) != REPO_EXECUTABLE))
		return sbx_err_set(err, -ENOENT, "repo", "%s is no file in commit %s",
				   spec->path, spec->parent);
	update.filemode = git_tree_entry_filemode(e);
	r = git_blob_create_from_buffer(&update.id, repo->git, spec->content, spec->len);
	if (r == 0)
		r = git_tree_create_updated(&id, repo->git, base, 1, &update);
	if (r == 0)
		r = git_tree_lookup(ret, repo->git, &id);
	if (r < 0)
		return git_fail(err, r, "cannot make a tree with the new %s", spec->path);
	return 0;
}

/* The new tree and, down to the blob, everything on the way to @path. */
static int pack_path_objects(git_packbuilder *pb, const git_tree *tree, const char *path,
			     struct sbx_err *err)
{
	cleanup_free char *part = strdup(path);
	char *slash = part;
	int r;

	if (!part)
		return sbx_err_oom(err, "repo");
	r = git_packbuilder_insert(pb, git_tree_id(tree), NULL);
	while (r == 0 && slash) {
		cleanup_git(tree_entry) git_tree_entry *e = NULL;

		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		r = git_tree_entry_bypath(&e, tree, part);
		if (r == 0)
			r = git_packbuilder_insert(pb, git_tree_entry_id(e), NULL);
		if (slash)
			*slash++ = '/';
	}
	return r < 0 ? git_fail(err, r, "cannot pack %s", path) : 0;
}

static int write_objects(struct repo *repo, const struct commit_spec *spec,
			 const git_oid *commit, const git_tree *base,
			 const git_tree *tree, struct sbx_err *err)
{
	cleanup_git(packbuilder) git_packbuilder *pb = NULL;
	int r;

	r = git_packbuilder_new(&pb, repo->git);
	if (r == 0)
		r = git_packbuilder_insert(pb, commit, NULL);
	if (r < 0)
		return git_fail(err, r, "cannot pack a commit");
	if (!git_oid_equal(git_tree_id(base), git_tree_id(tree)))
		r = pack_path_objects(pb, tree, spec->path, err);
	return r < 0 ? r : pack_finish(repo, pb, err);
}

static int make_commit(struct repo *repo, const struct commit_spec *spec, git_oid *ret,
		       struct sbx_err *err)
{
	cleanup_git(commit) git_commit *parent = NULL;
	cleanup_git(tree) git_tree *base = NULL, *tree = NULL;
	cleanup_git(signature) git_signature *who = NULL;
	cleanup_free char *message = NULL;
	int r;

	r = git_commit_of(repo, spec->parent, &parent, err);
	if (r < 0)
		return r;
	r = git_commit_tree(&base, parent);
	if (r < 0)
		return git_fail(err, r, "cannot read the tree of %s", spec->parent);
	r = make_signature(repo, &who, err);
	if (r == 0)
		r = make_message(spec, &message, err);
	if (r == 0 && spec->content)
		r = make_tree(repo, spec, base, &tree, err);
	if (r < 0)
		return r;
	r = git_commit_create_v(ret, repo->git, NULL, who, who, NULL, message,
				tree ? tree : base, 1, parent);
	if (r < 0)
		return git_fail(err, r, "cannot make a commit");
	return write_objects(repo, spec, ret, base, tree ? tree : base, err);
}

static char *ref_name(const char *tag, unsigned number)
{
	return str_printf(REF_PREFIX "%s/%04u", tag, number);
}

int commit_experiment(struct repo *repo, const struct commit_spec *spec,
		      char ret_hex[static COMMIT_HEX + 1], struct sbx_err *err)
{
	cleanup_free char *ref = ref_name(spec->tag, spec->number);
	git_oid id;
	int r;

	if (!ref)
		return sbx_err_oom(err, "repo");
	r = git_reference_name_to_id(&id, repo->git, ref);
	if (r == 0)
		return sbx_err_set(err, -EEXIST, "repo", "%s exists", ref);
	if (r != GIT_ENOTFOUND)
		return git_fail(err, r, "cannot look for %s", ref);
	r = make_commit(repo, spec, &id, err);
	if (r < 0) {
		git_mempack_reset(repo->memory);
		return r;
	}
	r = ref_write(repo, ref, &id, NULL, NULL, err);
	if (r < 0)
		return r;
	git_oid_tostr(ret_hex, COMMIT_HEX + 1, &id);
	return 0;
}

int commit_name(struct repo *repo, const char *tag, unsigned number, const char *commit,
		struct sbx_err *err)
{
	cleanup_free char *ref = ref_name(tag, number);
	cleanup_git(commit) git_commit *c = NULL;
	int r;

	if (!ref)
		return sbx_err_oom(err, "repo");
	r = git_commit_of(repo, commit, &c, err);
	return r < 0 ? r : ref_write(repo, ref, git_commit_id(c), NULL, NULL, err);
}

int commit_lookup(struct repo *repo, const char *tag, unsigned number,
		  char ret_hex[static COMMIT_HEX + 1], struct sbx_err *err)
{
	cleanup_free char *ref = ref_name(tag, number);
	git_oid id;
	int r;

	if (!ref)
		return sbx_err_oom(err, "repo");
	r = git_reference_name_to_id(&id, repo->git, ref);
	if (r == GIT_ENOTFOUND)
		return sbx_err_set(err, -ENOENT, "repo", "experiment %04u has no commit",
				   number);
	if (r < 0)
		return git_fail(err, r, "cannot read %s", ref);
	git_oid_tostr(ret_hex, COMMIT_HEX + 1, &id);
	return 0;
}

struct ref_array {
	struct commit_ref *v;
	size_t n, cap;
};

/* References that are not ours (not a number, not a commit's name) are passed over. */
static int add_ref(struct ref_array *a, const git_reference *ref)
{
	const char *digits = strrchr(git_reference_name(ref), '/') + 1;
	const git_oid *id = git_reference_target(ref);
	struct commit_ref *v;
	uint64_t number;

	if (!id || parse_u64(digits, &number) < 0 || number > UINT32_MAX)
		return 0;
	if (a->n == a->cap) {
		v = reallocarray(a->v, a->cap ? a->cap * 2 : 64, sizeof(*v));
		if (!v)
			return -ENOMEM;
		a->v = v;
		a->cap = a->cap ? a->cap * 2 : 64;
	}
	a->v[a->n].number = (unsigned)number;
	git_oid_tostr(a->v[a->n].hex, COMMIT_HEX + 1, id);
	a->n++;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct commit_ref *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

int commit_list(struct repo *repo, const char *tag, struct commit_ref **ret,
		size_t *ret_n, struct sbx_err *err)
{
	cleanup_git(reference_iterator) git_reference_iterator *it = NULL;
	cleanup_free char *glob = str_printf(REF_PREFIX "%s/*", tag);
	struct ref_array a = { 0 };
	git_reference *ref;
	int r, oom = 0;

	if (!glob)
		return sbx_err_oom(err, "repo");
	r = git_reference_iterator_glob_new(&it, repo->git, glob);
	while (r == 0 && oom == 0 && (r = git_reference_next(&ref, it)) == 0) {
		oom = add_ref(&a, ref);
		git_reference_free(ref);
	}
	if (oom < 0 || r != GIT_ITEROVER) {
		free(a.v);
		return oom < 0 ? sbx_err_oom(err, "repo")
			       : git_fail(err, r, "cannot list " REF_PREFIX "%s", tag);
	}
	if (a.n)
		qsort(a.v, a.n, sizeof(*a.v), by_number);
	*ret = a.v;
	*ret_n = a.n;
	return 0;
}

int commit_drop(struct repo *repo, const char *tag, unsigned number, const char *hex,
		struct sbx_err *err)
{
	cleanup_git(reference) git_reference *ref = NULL;
	cleanup_free char *name = ref_name(tag, number);
	char at[COMMIT_HEX + 1] = "";
	int r;

	if (!name)
		return sbx_err_oom(err, "repo");
	r = git_reference_lookup(&ref, repo->git, name);
	if (r == GIT_ENOTFOUND)
		return sbx_err_set(err, -ENOENT, "repo", "experiment %04u has no commit",
				   number);
	if (r == 0 && git_reference_target(ref))
		git_oid_tostr(at, sizeof(at), git_reference_target(ref));
	if (r == 0 && !streq(at, hex))
		return sbx_err_set(err, -ESTALE, "repo", "%s is at %.12s, not at %.12s",
				   name, at, hex);
	if (r == 0)
		r = git_reference_delete(ref);
	if (r < 0)
		return git_fail(err, r, "cannot delete %s", name);
	return 0;
}

static int compress(void *data, struct sbx_err *err)
{
	struct repo *repo = data;
	git_refdb *refdb = NULL;
	int r;

	r = git_repository_refdb(&refdb, repo->git);
	if (r == 0)
		r = git_refdb_compress(refdb);
	git_refdb_free(refdb);
	if (r < 0)
		return git_fail(err, r, "cannot pack the references of %s", repo->common);
	return 0;
}

/*
 * References of a single worktree (bisect, rewritten, worktree) must not be packed;
 * libgit2 packs them too, unlike git. While there are any, packing waits.
 */
static int pack_refs(struct repo *repo, struct sbx_err *err)
{
	static const char *const private[] = { "bisect", "rewritten", "worktree" };

	for (size_t i = 0; i < ARRAY_SIZE(private); i++) {
		cleanup_free char *dir =
			str_printf("%s/refs/%s", repo->common, private[i]);

		if (!dir)
			return sbx_err_oom(err, "repo");
		if (access(dir, F_OK) == 0)
			return 0;
	}
	return fork_run(compress, repo, "packing references", err);
}

int commit_tidy(struct repo *repo, unsigned number, struct sbx_err *err)
{
	int r;

	r = pack_merge(repo, err);
	if (r == 0 && number && number % PACK_REFS_EVERY == 0)
		r = pack_refs(repo, err);
	return r;
}
