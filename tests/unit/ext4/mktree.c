#include "mktree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "base/vec.h"
#include "fs/merge.h"

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory\n");
		abort();
	}
	return p;
}

static struct entry *add(struct mktree *m, const char *path, enum entry_kind kind)
{
	struct layer *l = &m->layer;

	if (VEC_RESERVE(l->entries, l->count, l->cap, 1, UINT32_MAX) < 0)
		must(NULL);

	struct entry *e = &l->entries[l->count++];

	*e = (struct entry){
		.path = must(arena_dup(&l->arena, path, strlen(path))),
		.path_len = (uint32_t)strlen(path),
		.kind = (uint8_t)kind,
		.mode = kind == ENTRY_DIR ? 0755 : 0644,
		.mtime = 1000000000,
	};
	return e;
}

struct entry *mktree_dir(struct mktree *m, const char *path)
{
	return add(m, path, ENTRY_DIR);
}

/* As in a tar file, data is aligned to 512 bytes behind a header. */
static void take(struct mktree *m, uint64_t bytes)
{
	m->off += (bytes + 511) / 512 * 512;
}

struct entry *mktree_file(struct mktree *m, const char *path, uint64_t size)
{
	struct entry *e = add(m, path, ENTRY_FILE);

	take(m, 512);
	e->size = size;
	e->data_off = m->off;
	m->layer.data_bytes += size;
	take(m, size);
	return e;
}

struct entry *mktree_sparse(struct mktree *m, const char *path, uint64_t size,
	const uint64_t (*runs)[2], uint32_t count)
{
	struct entry *e = add(m, path, ENTRY_FILE);
	struct data_map *map = must(arena_alloc(&m->layer.arena,
		sizeof(*map) + count * sizeof(map->runs[0]), _Alignof(struct data_map)));
	uint64_t bytes = 0;

	take(m, 512);
	e->size = size;
	e->map = map;
	map->count = count;
	for (uint32_t i = 0; i < count; i++) {
		map->runs[i] = (struct data_run){.file_off = runs[i][0],
			.len = runs[i][1],
			.src_off = m->off + bytes};
		bytes += runs[i][1];
	}
	m->layer.data_bytes += bytes;
	take(m, bytes);
	return e;
}

static struct entry *add_link(
	struct mktree *m, const char *path, const char *target, enum entry_kind kind)
{
	struct entry *e = add(m, path, kind);

	e->link = must(arena_dup(&m->layer.arena, target, strlen(target)));
	e->link_len = (uint32_t)strlen(target);
	return e;
}

struct entry *mktree_link(struct mktree *m, const char *path, const char *target)
{
	return add_link(m, path, target, ENTRY_SYMLINK);
}

struct entry *mktree_hardlink(struct mktree *m, const char *path, const char *target)
{
	return add_link(m, path, target, ENTRY_HARDLINK);
}

struct entry *mktree_node(struct mktree *m, const char *path, enum entry_kind kind,
	uint32_t major, uint32_t minor)
{
	struct entry *e = add(m, path, kind);

	e->major = major;
	e->minor = minor;
	return e;
}

void mktree_xattr(struct mktree *m, struct entry *e, const char *name, const void *value,
	uint32_t len)
{
	uint32_t n = e->xattrs ? e->xattrs->count : 0;
	struct xattr_set *set = must(arena_alloc(&m->layer.arena,
		sizeof(*set) + (n + 1) * sizeof(set->list[0]),
		_Alignof(struct xattr_set)));

	set->count = n + 1;
	for (uint32_t i = 0; i < n; i++)
		set->list[i] = e->xattrs->list[i];
	set->list[n] = (struct xattr){
		.name = must(arena_dup(&m->layer.arena, name, strlen(name))),
		.value = must(arena_dup(&m->layer.arena, value, len)),
		.name_len = (uint32_t)strlen(name),
		.value_len = len,
	};
	e->xattrs = set;
}

struct tree *mktree_try(struct mktree *m, struct o2r_err *err)
{
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct merge_time root = {.sec = 1000000000};
	struct merge *merge = NULL;
	struct tree *t = NULL;
	int r = merge_create(&ctx, &merge, err);

	if (r == 0)
		r = merge_add(merge, &m->layer, "test", err);
	if (r == 0)
		r = merge_freeze(merge, root, &t, err);
	merge_destroy(merge);
	layer_finish(&m->layer);
	*m = (struct mktree){0};
	return r < 0 ? NULL : t;
}

struct tree *mktree_finish(struct mktree *m)
{
	struct o2r_err err = {0};
	struct tree *t = mktree_try(m, &err);

	if (!t) {
		fprintf(stderr, "cannot make a tree: %s\n", err.text);
		abort();
	}
	return t;
}

void mktree_data(uint64_t off, void *buf, size_t n)
{
	unsigned char *p = buf;

	for (size_t i = 0; i < n; i++) {
		uint64_t word = (off + i) / 8 * 0x9e3779b97f4a7c15ULL;

		p[i] = (unsigned char)(word >> ((off + i) % 8 * 8)) | 1;
	}
}
