/* Paths of the merged tree behind o2r.h: found, walked, and the layers they come from. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "fs/tree_path.h"
#include "handle.h"

static int find(struct o2r_image *image, const char *path, unsigned flags,
	struct buf *real, struct tree_found *found, struct o2r_err *err)
{
	int r = o2r_load_tree(image, err);

	return r < 0 ? r : tree_find(image->tree, path, flags, real, found, err);
}

int o2r_resolve(struct o2r_image *image, const char *path, bool follow, uint64_t *ino,
	char **real, struct o2r_error *error)
{
	AUTO_BUF struct buf way = {.max = SIZE_MAX / 2};
	struct tree_found found = {0};
	struct o2r_err err = {0};
	int r = find(image, path, follow ? TREE_FIND_FOLLOW : 0, real ? &way : NULL,
		&found, &err);

	/* an empty one is allocated too */
	if (r == 0 && real && buf_append(&way, "", 0) < 0)
		r = err_nomem(&err);
	if (r < 0)
		return o2r_fail(error, &err);
	*ino = found.ino;
	if (real)
		*real = STEAL(way.data);
	return 0;
}

int o2r_path_layer(struct o2r_image *image, const char *path, unsigned *layer,
	struct o2r_error *error)
{
	struct tree_found found = {0};
	struct o2r_err err = {0};

	if (find(image, path, TREE_FIND_NO_LINKS, NULL, &found, &err) < 0)
		return o2r_fail(error, &err);
	*layer = found.layer;
	return 0;
}

/* A directory being walked: the next entry, and how long its path is. */
struct level {
	uint32_t dir, next;
	size_t path_len;
};

struct walk {
	const struct tree *t;
	o2r_walk_fn fn;
	void *arg;
	struct buf path;
	struct level *levels;
	size_t count, cap;
};

static void walk_finish(struct walk *w)
{
	buf_finish(&w->path);
	free(w->levels);
}

static int visit(struct walk *w, uint32_t ino, uint16_t layer, struct o2r_err *err)
{
	struct o2r_walk_entry e = {
		.path = w->path.data ? w->path.data : "",
		.path_len = w->path.len,
		.ino = ino,
		.layer = layer,
	};

	tree_stat(w->t, ino, &e.st);

	int r = w->fn(w->arg, &e);

	if (r != 0 || !S_ISDIR(e.st.st_mode))
		return r;
	if (VEC_RESERVE(w->levels, w->count, w->cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	w->levels[w->count++] = (struct level){.dir = ino, .path_len = w->path.len};
	return 0;
}

static int walk_tree(struct walk *w, const struct tree_found *top, struct o2r_err *err)
{
	int r = visit(w, top->ino, top->layer, err);

	while (r == 0 && w->count) {
		struct level *l = &w->levels[w->count - 1];
		const struct tree_inode *d = tree_get(w->t, l->dir);

		w->path.len = l->path_len;
		if (l->next == d->u.dir.count) {
			w->count--;
			continue;
		}
		const struct tree_dirent *e = &w->t->dirents[d->u.dir.first + l->next++];

		if (tree_path_add(&w->path, e) < 0)
			return err_nomem(err);
		r = visit(w, e->ino, e->layer, err);
	}
	return r;
}

int o2r_walk_path(struct o2r_image *image, const char *path, o2r_walk_fn fn, void *arg,
	struct o2r_error *error)
{
	struct walk w CLEANUP(walk_finish) = {
		.fn = fn, .arg = arg, .path = {.max = SIZE_MAX / 2}};
	struct tree_found top = {0};
	struct o2r_err err = {0};

	if (find(image, path, TREE_FIND_NO_LINKS, &w.path, &top, &err) < 0)
		return o2r_fail(error, &err);
	w.t = image->tree;

	int r = walk_tree(&w, &top, &err);

	return err.code ? o2r_fail(error, &err) : r;
}

int o2r_walk(struct o2r_image *image, o2r_walk_fn fn, void *arg, struct o2r_error *error)
{
	return o2r_walk_path(image, "", fn, arg, error);
}
