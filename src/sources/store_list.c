/* What is kept, and removing what is not used. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "sources/store_impl.h"

enum {
	ITEMS_MAX = 10000000,
	TMP_NAME_MAX = 20,
};

struct found {
	struct store_item item;
	char tmp_name[TMP_NAME_MAX]; /* of an unfinished one */
};

struct list {
	struct store *store;
	struct found *v;
	size_t n, cap;
};

static void list_finish(struct list *l)
{
	free(l->v);
}

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static uint64_t disk_bytes(const struct stat *st)
{
	return (uint64_t)st->st_blocks * 512;
}

/* What goes with a file counts with it, and tells of its use too. */
static void add_companion(int folder, struct store_item *item)
{
	const char *suffix = store_companion(item->kind);
	struct stat st;

	if (!suffix || fstatat(folder, store_name(&item->digest, suffix).s, &st,
			       AT_SYMLINK_NOFOLLOW) < 0)
		return;
	item->bytes += disk_bytes(&st);
	if (item->kind == STORE_BLOB)
		item->used = MAX(item->used, (int64_t)st.st_mtim.tv_sec);
}

/* The digest that a file name is; false for all else that may lie there. */
static bool parse_name(const char *name, enum digest_algo algo, struct digest *out)
{
	struct digest_text t;
	size_t n = strlen(name);

	if (n != 2 * digest_size(algo))
		return false;
	memcpy(t.s, digest_algo_name(algo), strlen(digest_algo_name(algo)));

	size_t at = strlen(digest_algo_name(algo));

	t.s[at++] = ':';
	memcpy(t.s + at, name, n);
	return digest_parse(t.s, at + n, out, NULL) == 0;
}

/* Fill in what the file itself tells. False: it is gone, or no file of ours. */
static bool look(int folder, const char *name, struct store_item *item)
{
	AUTO_FD int fd =
		openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !store_is_ours(&st))
		return false;
	item->bytes = disk_bytes(&st);
	item->used = st.st_mtim.tv_sec;
	item->in_use = store_is_locked(fd);
	return true;
}

static int add(struct list *l, int folder, const char *name, enum store_kind kind,
	enum digest_algo algo, struct o2r_err *err)
{
	struct found f = {.item.kind = kind};
	bool named = kind == STORE_UNFINISHED ? strlen(name) < TMP_NAME_MAX
					      : parse_name(name, algo, &f.item.digest);

	if (!named || !look(folder, name, &f.item))
		return 0;
	if (kind == STORE_UNFINISHED)
		memcpy(f.tmp_name, name, strlen(name) + 1);
	else
		add_companion(folder, &f.item);
	if (VEC_RESERVE(l->v, l->n, l->cap, 1, ITEMS_MAX) < 0)
		return err_nomem(err);
	l->v[l->n++] = f;
	return 0;
}

static int list_folder(
	struct list *l, enum store_kind kind, enum digest_algo algo, struct o2r_err *err)
{
	AUTO_FD int fd = store_folder(l->store, kind, algo, false, err);
	CLEANUP(cleanup_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!d)
		return fd == -ENOENT ? 0 : fd < 0 ? fd : err_nomem(err);
	steal_fd(&fd);
	while (r == 0 && (e = readdir(d)))
		r = add(l, dirfd(d), e->d_name, kind, algo, err);
	return r;
}

static int by_use(const void *pa, const void *pb)
{
	const struct store_item *a = &((const struct found *)pa)->item,
				*b = &((const struct found *)pb)->item;

	if (a->used != b->used)
		return a->used < b->used ? -1 : 1;
	return memcmp(a->digest.bytes, b->digest.bytes, sizeof(a->digest.bytes));
}

static int list_all(struct list *l, struct o2r_err *err)
{
	static const enum digest_algo algos[] = {DIGEST_SHA256, DIGEST_SHA512};
	int r = list_folder(l, STORE_UNFINISHED, DIGEST_NONE, err);

	for (unsigned kind = 0; kind < STORE_UNFINISHED; kind++)
		for (size_t i = 0; r == 0 && i < ARRAY_LEN(algos); i++)
			r = list_folder(l, (enum store_kind)kind, algos[i], err);
	if (r == 0 && l->n)
		qsort(l->v, l->n, sizeof(l->v[0]), by_use);
	return r;
}

int store_list(struct store *s, int (*fn)(void *arg, const struct store_item *item),
	void *arg, struct o2r_err *err)
{
	CLEANUP(list_finish) struct list l = {.store = s};
	int r = list_all(&l, err);

	for (size_t i = 0; r == 0 && i < l.n; i++)
		r = fn(arg, &l.v[i].item);
	return r;
}

/* Remove one file unless somebody has it. False: it stays. */
static bool remove_one(struct store *s, const struct found *f)
{
	const struct store_item *item = &f->item;
	struct store_name name = {{0}};
	AUTO_FD int folder = store_folder(s, item->kind, item->digest.algo, false, NULL);

	if (folder < 0)
		return false;
	if (item->kind == STORE_UNFINISHED)
		memcpy(name.s, f->tmp_name, sizeof(f->tmp_name));
	else
		name = store_name(&item->digest, "");

	AUTO_FD int fd =
		openat(folder, name.s, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || !store_lock(fd, F_WRLCK) || !store_is_named(folder, name.s, fd) ||
		unlinkat(folder, name.s, 0) < 0)
		return false;
	if (store_companion(item->kind))
		(void)unlinkat(folder,
			store_name(&item->digest, store_companion(item->kind)).s, 0);
	return true;
}

/* Is `name` the companion of a file that is gone? What is known about files on disk
 * serves a kept blob too. */
static bool is_left_over(struct store *s, enum store_kind kind, enum digest_algo algo,
	int folder, const char *name)
{
	size_t hex = 2 * digest_size(algo);
	AUTO_FREE char *of = strndup(name, hex);
	struct digest d;
	struct stat st;

	if (!of || strlen(name) <= hex || strcmp(name + hex, store_companion(kind)) != 0)
		return false;
	if (fstatat(folder, of, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return false;
	return kind != STORE_INDEX || !parse_name(of, algo, &d) ||
	       !store_has(s, STORE_BLOB, &d);
}

static void sweep_companions(struct store *s, enum store_kind kind, enum digest_algo algo)
{
	AUTO_FD int fd = store_folder(s, kind, algo, false, NULL);
	CLEANUP(cleanup_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return;
	steal_fd(&fd);
	while ((e = readdir(d)))
		if (is_left_over(s, kind, algo, dirfd(d), e->d_name))
			(void)unlinkat(dirfd(d), e->d_name, 0);
}

int store_prune(struct store *s, uint64_t max_bytes,
	int (*fn)(void *arg, const struct store_item *item), void *arg,
	struct o2r_err *err)
{
	CLEANUP(list_finish) struct list l = {.store = s};
	uint64_t kept = 0;
	int r = list_all(&l, err);

	for (size_t i = 0; i < l.n; i++)
		kept += l.v[i].item.bytes;
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		const struct found *f = &l.v[i];

		if (kept <= max_bytes && f->item.kind != STORE_UNFINISHED)
			continue;
		if (!remove_one(s, f))
			continue;
		kept -= f->item.bytes;
		r = fn ? fn(arg, &f->item) : 0;
	}
	for (unsigned kind = 0; kind < STORE_UNFINISHED; kind++) {
		if (!store_companion((enum store_kind)kind))
			continue;
		sweep_companions(s, (enum store_kind)kind, DIGEST_SHA256);
		sweep_companions(s, (enum store_kind)kind, DIGEST_SHA512);
	}
	return r;
}
