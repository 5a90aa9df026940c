#include "fs/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* there are as many as paths: the layer stands where padding was */
_Static_assert(sizeof(struct tree_dirent) <= 16, "names cost memory in the view");

void tree_destroy(struct tree *t)
{
	if (!t)
		return;
	free(t->inodes);
	free(t->dirents);
	free(t->xattr_sets);
	free(t->maps);
	arena_finish(&t->arena);
	arena_finish(&t->xattr_arena);
	free(t);
}

static int compare_name(const struct tree_dirent *d, const char *name, size_t len)
{
	int c = memcmp(dirent_name(d), name, MIN(dirent_len(d), len));

	return c ? c : dirent_len(d) < len ? -1 : dirent_len(d) > len;
}

const struct tree_dirent *tree_lookup_entry(
	const struct tree *t, uint32_t dir, const char *name, size_t len)
{
	const struct tree_inode *d = tree_get(t, dir);

	if (!S_ISDIR(d->mode))
		return NULL;

	size_t low = d->u.dir.first, high = low + d->u.dir.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare_name(&t->dirents[mid], name, len);

		if (c == 0)
			return &t->dirents[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

uint32_t tree_lookup(const struct tree *t, uint32_t dir, const char *name, size_t len)
{
	const struct tree_dirent *d = tree_lookup_entry(t, dir, name, len);

	return d ? d->ino : 0;
}

uint32_t tree_resolve(const struct tree *t, const char *path)
{
	uint32_t ino = TREE_ROOT;

	while (ino) {
		path += strspn(path, "/");
		size_t len = strcspn(path, "/");

		if (!len)
			return ino;
		if (!S_ISDIR(tree_get(t, ino)->mode))
			return 0;
		if (len == 2 && path[0] == '.' && path[1] == '.')
			ino = tree_get(t, ino)->parent;
		else if (len != 1 || path[0] != '.')
			ino = tree_lookup(t, ino, path, len);
		path += len;
	}
	return 0;
}

const struct data_run *tree_runs(
	const struct tree *t, uint32_t ino, struct data_run *one, uint32_t *count)
{
	const struct tree_inode *i = tree_get(t, ino);

	if (S_ISREG(i->mode) && i->map) {
		*count = t->maps[i->map]->count;
		return t->maps[i->map]->runs;
	}
	*one = (struct data_run){.len = i->size, .src_off = i->u.data_off};
	*count = S_ISREG(i->mode) && i->size ? 1 : 0;
	return one;
}

uint32_t tree_first_run(const struct data_run *runs, uint32_t count, uint64_t off)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (runs[mid].file_off + runs[mid].len > off)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

struct tree_place tree_place(const struct tree *t, uint32_t ino)
{
	struct data_run one;
	uint32_t count = 0;
	const struct data_run *r = tree_runs(t, ino, &one, &count);

	return (struct tree_place){.off = count ? r->src_off : 0,
		.ino = ino,
		.layer = t->inodes[ino].layer,
		.has_data = count > 0};
}

static int compare_places(const void *pa, const void *pb)
{
	const struct tree_place *a = pa, *b = pb;

	if (a->layer != b->layer)
		return a->layer < b->layer ? -1 : 1;
	if (a->off != b->off)
		return a->off < b->off ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

void tree_sort_places(struct tree_place *places, size_t count)
{
	if (count)
		qsort(places, count, sizeof(*places), compare_places);
}

uint32_t *tree_files_in_data_order(const struct tree *t, uint32_t *count)
{
	size_t n = 0, with_data = 0;

	for (uint32_t i = 1; i <= t->inode_count; i++)
		with_data += S_ISREG(t->inodes[i].mode) &&
			     (t->inodes[i].size || t->inodes[i].map);

	struct tree_place *places = malloc((with_data + 1) * sizeof(*places));
	uint32_t *order = malloc((with_data + 1) * sizeof(*order));

	for (uint32_t i = 1; places && order && i <= t->inode_count; i++) {
		struct tree_place p = tree_place(t, i);

		if (p.has_data)
			places[n++] = p;
	}
	if (places && order) {
		tree_sort_places(places, n);
		for (size_t i = 0; i < n; i++)
			order[i] = places[i].ino;
		*count = (uint32_t)n;
	} else {
		free(order);
		order = NULL;
	}
	free(places);
	return order;
}
