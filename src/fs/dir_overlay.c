/* The merged directories of a stack, from the root down, as one layer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "fs/dir_list.h"
#include "fs/dir_overlay_impl.h"
#include "fs/layer_parts.h"

struct names {
	char **list;
	size_t count, cap;
};

/* A directory that is to be merged; path stands in the layer. */
struct merged {
	const char *path;
	struct dir_places places;
};

struct merge_walk {
	struct overlay o;
	/* the next one is the last: deep trees take no stack */
	struct merged *todo;
	size_t count, cap;
};

static void names_finish(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->list[i]);
	free(n->list);
}

static void merged_finish(struct merged *m)
{
	dir_places_finish(&m->places);
}

static void walk_finish(struct merge_walk *w)
{
	for (size_t i = 0; i < w->count; i++)
		merged_finish(&w->todo[i]);
	free(w->todo);
	dir_places_finish(&w->o.tops);
	dir_indexer_finish(&w->o.x);
	free(w->o.roots);
	free(w->o.mounts);
}

/* ---- names */

static int add_names(struct names *n, const struct dir_list *from, bool wh, uint64_t max,
	struct o2r_err *err)
{
	for (size_t i = 0; i < from->count; i++) {
		const char *name = from->names[i];
		int r;

		if (wh && part_kind(name, strlen(name)) != PART_NAME)
			continue;
		r = VEC_RESERVE(n->list, n->count, n->cap, 1, SIZE_MAX / sizeof(char *));
		if (r < 0)
			return err_nomem(err);
		if (n->count / 2 > max)
			return err_corrupt(
				err, "more than %llu names", (unsigned long long)max);
		n->list[n->count] = strdup(name);
		if (!n->list[n->count])
			return err_nomem(err);
		n->count++;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(struct names *n)
{
	size_t kept = 0;

	if (n->count)
		qsort(n->list, n->count, sizeof(*n->list), compare);
	for (size_t i = 0; i < n->count; i++) {
		if (kept && strcmp(n->list[kept - 1], n->list[i]) == 0)
			free(n->list[i]);
		else
			n->list[kept++] = n->list[i];
	}
	n->count = kept;
}

static int list_place(const struct overlay *o, struct dir_place *p, struct names *out,
	struct o2r_err *err)
{
	CLEANUP(dir_list_finish) struct dir_list list = {0};
	const struct dir_layer *in = o->stack[p->layer];
	uint64_t max = o->x.ctx->limits.entries;
	int r = dir_place_open(o, p, err);

	if (r < 0)
		return r;
	if (fstat(p->fd, &p->before) < 0)
		r = err_errno(err, errno, "cannot stat it");
	if (r == 0 && (r = dir_list_read(p->fd, max, &list)) < 0)
		r = dir_failed(-r, "cannot list it", err);
	if (r == 0)
		r = add_names(out, &list, in->rules.names, max, err);
	return dir_wrap(in, p->path, r, err);
}

/* ---- directories */

static int push(struct merge_walk *w, struct found *f, struct o2r_err *err)
{
	if (VEC_RESERVE(w->todo, w->count, w->cap, 1, SIZE_MAX / sizeof(*w->todo)) < 0)
		return err_nomem(err);
	w->todo[w->count++] =
		(struct merged){.path = dir_last_path(&w->o.x), .places = f->places};
	f->places = (struct dir_places){0};
	return 0;
}

static int add_name(struct merge_walk *w, struct merged *m, const char *name,
	const char *path, struct o2r_err *err)
{
	CLEANUP(dir_found_finish) struct found f = {.exists = false};
	int r = dir_find(&w->o, &m->places, name, &f, err);

	if (r < 0 || !f.exists)
		return r;
	r = dir_file_add(&w->o.x, &f.file, f.has_data ? &f.data : &f.file, path, err);
	if (r < 0)
		return dir_wrap(f.file.in, f.file.below, r, err);
	return f.file.kind == ENTRY_DIR ? push(w, &f, err) : 0;
}

static int merge_names(struct merge_walk *w, struct merged *m, struct o2r_err *err)
{
	CLEANUP(names_finish) struct names names = {0};
	const struct ctx *ctx = w->o.x.ctx;
	AUTO_BUF struct buf child = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->places.count; i++)
		r = list_place(&w->o, &m->places.list[i], &names, err);
	sort_names(&names);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		r = ctx_check(ctx, err);
		if (r == 0)
			r = dir_path_join(
				&child, m->path, names.list[i], ctx->limits.path, err);
		if (r == 0)
			r = add_name(w, m, names.list[i], child.data, err);
	}
	for (size_t i = 0; r == 0 && i < m->places.count; i++) {
		const struct dir_place *p = &m->places.list[i];

		r = dir_wrap(w->o.stack[p->layer], p->path,
			dir_check_same(p->fd, &p->before, err), err);
	}
	return r;
}

static int merge_dir(struct merge_walk *w, struct merged *m, struct o2r_err *err)
{
	size_t first = w->count;
	int r = merge_names(w, m, err);

	for (size_t i = first, k = w->count; i + 1 < k; i++) {
		struct merged last = w->todo[--k];

		w->todo[k] = w->todo[i];
		w->todo[i] = last;
	}
	return r;
}

/* ---- the top */

/* A layer's own directory. Opaque, nothing below it counts (docs/layers.md, rule 8). */
static int add_top(struct overlay *o, size_t i, bool *opaque, struct o2r_err *err)
{
	const struct dir_layer *in = o->stack[i];
	struct dir_file f = {.in = in, .parent = in->fd, .name = "", .below = ""};
	int r = dir_layer_check(in, err);

	if (r == 0)
		r = files_add_root(o->x.files, in->fd, in->path, &o->roots[i], err);
	if (r == 0)
		r = dir_file_look(&o->x, &f, err);
	if (r == 0 && f.kind != ENTRY_DIR)
		r = err_set(err, ERR_USAGE, ENOTDIR, "it is not a directory");
	if (r == 0)
		r = dir_opaque_by_name(in, in->fd, "", err);
	if (r < 0)
		return dir_wrap(in, "", r, err);
	*opaque = f.marks.opaque || r > 0;
	o->mounts[i] = f.mount;
	r = dir_places_add(&o->tops, i, "", &f.marks, err);
	return r == 0 && i == 0 && in->rules.root ? dir_file_add(&o->x, &f, &f, "", err)
						  : r;
}

static int begin(struct overlay *o, size_t count, struct o2r_err *err)
{
	bool opaque = false;
	int r = 0;

	o->roots = calloc(count, sizeof(*o->roots));
	o->mounts = calloc(count, sizeof(*o->mounts));
	if (!o->roots || !o->mounts)
		return err_nomem(err);
	for (; r == 0 && !opaque && o->count < count; o->count++)
		r = add_top(o, o->count, &opaque, err);
	/* what it shows is all there is: nothing of the layers below comes through */
	return r == 0 ? dir_opaque_add(&o->x, "", err) : r;
}

int dir_overlay(const struct dir_layer *const *stack, size_t count, const struct ctx *ctx,
	struct layer *layer, struct files **files, struct digest *identity,
	struct o2r_err *err)
{
	CLEANUP(walk_finish) struct merge_walk w = {.o = {.stack = stack}};
	struct found top = {.exists = true};
	int r = dir_indexer_init(&w.o.x, ctx, layer, stack[0]->path, err);

	if (r == 0)
		r = begin(&w.o, count, err);
	for (size_t i = 0; r == 0 && i < w.o.count; i++)
		r = dir_places_add(&top.places, i, "", &w.o.tops.list[i].marks, err);
	if (r == 0)
		r = push(&w, &top, err);
	dir_found_finish(&top);
	if (r == 0)
		w.todo[0].path = "";
	while (r == 0 && w.count) {
		CLEANUP(merged_finish) struct merged next = w.todo[--w.count];

		r = merge_dir(&w, &next, err);
	}
	if (r == 0 && dir_identity(layer, identity) < 0)
		r = err_nomem(err);
	if (r < 0)
		return r;
	*files = STEAL(w.o.x.files);
	return 0;
}
