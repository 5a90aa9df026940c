/*
 * What overlayfs shows of a stack of directories (kernel: Documentation/filesystems/
 * overlayfs.rst, fs/overlayfs/namei.c): for each name the topmost layer that has it
 * decides; directories are merged with those below until one is opaque; redirects lead to
 * another name below, metacopies to a file below that has the content.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "fs/dir_index_impl.h"
#include "fs/dir_list.h"
#include "fs/layer_parts.h"

enum {
	NAMES_MAX = 16000000,
};

/* A directory of one layer that is part of a merged one. */
struct place {
	size_t layer; /* 0 is the top */
	char *path;   /* in it */
	struct dir_marks marks;
	int fd; /* -1: not open */
};

struct places {
	struct place *list;
	size_t count, cap;
};

struct overlay {
	struct dir_indexer x;
	const struct dir_layer *const *stack;
	unsigned *roots; /* of the layers, in files */
	size_t count;
};

/* What a name turned out to be. */
struct found {
	struct dir_file file; /* of the topmost */
	struct dir_file data; /* of the one that has the content */
	char *file_path, *data_path;
	bool exists, has_data;
	struct places places; /* of a directory */
	struct places kept;   /* in which file and data stand, after redirects */
};

static void places_finish(struct places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].fd >= 0)
			close(p->list[i].fd);
		free(p->list[i].path);
	}
	free(p->list);
	*p = (struct places){0};
}

static void found_finish(struct found *f)
{
	places_finish(&f->places);
	places_finish(&f->kept);
	free(f->file_path);
	free(f->data_path);
}

static int places_add(struct places *p, size_t layer, const char *path,
	const struct dir_marks *marks, struct o2r_err *err)
{
	struct place *at;

	if (VEC_RESERVE(p->list, p->count, p->cap, 1, SIZE_MAX / sizeof(*p->list)) < 0)
		return err_nomem(err);
	at = &p->list[p->count];
	*at = (struct place){.layer = layer, .path = strdup(path), .fd = -1};
	if (marks)
		at->marks = *marks;
	if (!at->path)
		return err_nomem(err);
	p->count++;
	return 0;
}

/* 1 when it is open, 0 when it is not there (or no directory). */
static int open_place(const struct overlay *o, struct place *p, struct o2r_err *err)
{
	if (p->fd >= 0)
		return 1;
	p->fd = open_beneath(o->stack[p->layer]->fd, p->path, O_RDONLY | O_DIRECTORY);
	if (p->fd == -ENOENT || p->fd == -ENOTDIR || p->fd == -ELOOP)
		return 0;
	return p->fd < 0 ? err_errno(err, -p->fd, "cannot open %s",
				   text_quote(p->path, strlen(p->path)).s)
			 : 1;
}

static bool exists(int fd, const char *name)
{
	struct stat st;

	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Marks by names, of fuse-overlayfs. */
static bool has_wh_name(const struct place *p, const char *name)
{
	char wh[WH_LEN + PART_BYTES + 1];

	if (strlen(name) > PART_BYTES - WH_LEN)
		return false;
	memcpy(wh, ".wh.", WH_LEN);
	strcpy(wh + WH_LEN, name);
	return exists(p->fd, wh);
}

static bool place_is_opaque(
	const struct overlay *o, const struct place *p, const char *name)
{
	AUTO_FD int fd = -1;

	if (!o->stack[p->layer]->rules.names)
		return false;
	fd = openat(p->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && exists(fd, ".wh..wh..opq");
}

/* 1: the name is there; 0: it is not; -ENOENT without err: a whiteout. */
static int look(struct overlay *o, struct place *parent, const char *name,
	struct dir_file *f, struct buf *path, struct o2r_err *err)
{
	const struct dir_layer *in = o->stack[parent->layer];
	int r = open_place(o, parent, err);

	if (r <= 0)
		return r;
	if (in->rules.names && has_wh_name(parent, name))
		return -ENOENT;
	if (!exists(parent->fd, name))
		return 0;
	r = dir_path_join(path, parent->path, name, o->x.ctx->limits.path, err);
	if (r < 0)
		return r;
	*f = (struct dir_file){.in = in,
		.root = o->roots[parent->layer],
		.parent = parent->fd,
		.name = name,
		.below = path->data};
	r = dir_file_look(&o->x, f, err);
	if (r < 0)
		return r;
	if (dir_file_is_whiteout(f, &parent->marks))
		return -ENOENT;
	f->marks.opaque |= f->kind == ENTRY_DIR && place_is_opaque(o, parent, name);
	return 1;
}

/* ---- redirects */

/* The directories `dir` of the layers below `layer`: where an absolute redirect goes on.
 */
static int places_of_path(struct overlay *o, size_t layer, const char *dir, size_t n,
	struct places *out, struct o2r_err *err)
{
	AUTO_FREE char *path = strndup(dir, n);
	int r = path ? 0 : err_nomem(err);

	for (size_t i = layer + 1; r == 0 && i < o->count; i++)
		r = places_add(out, i, path, NULL, err);
	return r;
}

struct trail {
	struct places own; /* after an absolute redirect */
	struct places *parents;
	size_t next; /* of parents */
	char *name;
};

static void trail_finish(struct trail *t)
{
	places_finish(&t->own);
	free(t->name);
}

/* Files that were found are reached through the directories they stand in. */
static int keep_places(struct trail *t, struct found *out, struct o2r_err *err)
{
	struct places *kept = &out->kept;

	if (VEC_RESERVE(kept->list, kept->count, kept->cap, t->own.count,
		    SIZE_MAX / sizeof(*kept->list)) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < t->own.count; i++)
		kept->list[kept->count++] = t->own.list[i];
	t->own.count = 0;
	return 0;
}

/* From now on below: what is looked for has another name. */
static int redirect(struct overlay *o, struct trail *t, size_t layer, const char *to,
	struct found *out, struct o2r_err *err)
{
	const char *slash = strrchr(to, '/');
	struct places places = {0};
	char *name = strdup(slash ? slash + 1 : to);
	int r = 0;

	if (!name)
		return err_nomem(err);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		(slash && to[0] != '/')) {
		free(name);
		return err_corrupt(err,
			"overlay.redirect leads to \"%s\", which is no path",
			text_quote(to, strlen(to)).s);
	}
	free(t->name);
	t->name = name;
	if (!slash)
		return 0;
	r = places_of_path(o, layer, to + 1, slash > to ? (size_t)(slash - to - 1) : 0,
		&places, err);
	if (r == 0)
		r = keep_places(t, out, err);
	places_finish(&t->own);
	t->own = places;
	t->parents = &t->own;
	t->next = 0;
	return r;
}

/* ---- one name */

static int copy_file(struct dir_file *to, char **path, const struct dir_file *from,
	struct o2r_err *err)
{
	*path = strdup(from->below);
	if (!*path)
		return err_nomem(err);
	*to = *from;
	to->below = *path;
	to->name = strrchr(*path, '/') ? strrchr(*path, '/') + 1 : *path;
	return 0;
}

/* The next thing below. 1: go on downwards; 0: that was all. */
static int take(struct overlay *o, struct trail *t, size_t layer,
	const struct dir_file *f, struct found *out, struct o2r_err *err)
{
	bool first = !out->exists;
	int r = 0;

	if (first) {
		out->exists = true;
		r = copy_file(&out->file, &out->file_path, f, err);
	} else if ((f->kind == ENTRY_DIR) != (out->file.kind == ENTRY_DIR)) {
		return 0;
	}
	if (r == 0 && f->kind == ENTRY_DIR)
		r = places_add(&out->places, layer, f->below, &f->marks, err);
	else if (r == 0 && !f->marks.metacopy) {
		out->has_data = true;
		r = copy_file(&out->data, &out->data_path, f, err);
	}
	if (r < 0)
		return r;
	if (f->kind == ENTRY_DIR ? f->marks.opaque : !f->marks.metacopy)
		return 0;
	if (f->marks.redirect)
		r = redirect(o, t, layer, f->marks.redirect_path, out, err);
	return r < 0 ? r : 1;
}

static int find(struct overlay *o, struct places *parents, const char *name,
	struct found *out, struct o2r_err *err)
{
	CLEANUP(trail_finish)
	struct trail t = {.parents = parents, .name = strdup(name)};
	AUTO_BUF struct buf path = {0};
	int r = t.name ? 1 : err_nomem(err);

	while (r > 0 && t.next < t.parents->count) {
		struct place *parent = &t.parents->list[t.next++];
		struct dir_file f;

		r = look(o, parent, t.name, &f, &path, err);
		if (r == -ENOENT)
			break;
		r = r == 0 ? 1 : r < 0 ? r : take(o, &t, parent->layer, &f, out, err);
	}
	if (r >= 0 || r == -ENOENT)
		r = keep_places(&t, out, err);
	if (r < 0)
		return r;
	if (out->exists && out->file.kind == ENTRY_FILE && !out->has_data)
		return err_corrupt(err, "its content is in no layer below (metacopy)");
	return 0;
}

/* ---- directories */

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **list;
	size_t count, cap;
};

static void names_finish(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->list[i]);
	free(n->list);
}

static int add_names(
	struct names *n, const struct dir_list *from, bool wh, struct o2r_err *err)
{
	for (size_t i = 0; i < from->count; i++) {
		const char *name = from->names[i];

		if (wh && part_kind(name, strlen(name)) != PART_NAME)
			continue;
		if (VEC_RESERVE(n->list, n->count, n->cap, 1, NAMES_MAX) < 0)
			return err_nomem(err);
		n->list[n->count] = strdup(name);
		if (!n->list[n->count])
			return err_nomem(err);
		n->count++;
	}
	return 0;
}

static int list_all(
	struct overlay *o, struct places *places, struct names *out, struct o2r_err *err)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < places->count; i++) {
		CLEANUP(dir_list_finish) struct dir_list list = {0};
		struct place *p = &places->list[i];

		r = open_place(o, p, err);
		if (r <= 0)
			continue;
		r = dir_list_read(p->fd, o->x.ctx->limits.entries, &list);
		if (r < 0)
			return err_errno(err, -r, "cannot list %s",
				text_quote(p->path, strlen(p->path)).s);
		r = add_names(out, &list, o->stack[p->layer]->rules.names, err);
	}
	if (r < 0)
		return r;
	if (out->count)
		qsort(out->list, out->count, sizeof(*out->list), compare);
	for (size_t i = 0; i < out->count; i++) {
		if (kept && strcmp(out->list[kept - 1], out->list[i]) == 0)
			free(out->list[i]);
		else
			out->list[kept++] = out->list[i];
	}
	out->count = kept;
	return 0;
}

static void close_all(struct places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].fd >= 0)
			close(p->list[i].fd);
		p->list[i].fd = -1;
	}
}

struct merged {
	char *name;
	struct places places;
};

struct subdirs {
	struct merged *list;
	size_t count, cap;
};

static void subdirs_finish(struct subdirs *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->list[i].name);
		places_finish(&s->list[i].places);
	}
	free(s->list);
}

static int add_found(struct overlay *o, const char *path, const char *name,
	struct found *f, struct subdirs *subdirs, struct o2r_err *err)
{
	struct merged *m;
	int r = dir_file_add(
		&o->x, &f->file, f->has_data ? &f->data : &f->file, path, err);

	if (r < 0 || f->file.kind != ENTRY_DIR)
		return r;
	if (VEC_RESERVE(subdirs->list, subdirs->count, subdirs->cap, 1, NAMES_MAX) < 0)
		return err_nomem(err);
	m = &subdirs->list[subdirs->count];
	*m = (struct merged){.name = strdup(name), .places = f->places};
	f->places = (struct places){0};
	subdirs->count++;
	return m->name ? 0 : err_nomem(err);
}

static int merge_names(struct overlay *o, const char *path, struct places *places,
	struct subdirs *subdirs, struct o2r_err *err)
{
	CLEANUP(names_finish) struct names names = {0};
	AUTO_BUF struct buf child = {0};
	int r = list_all(o, places, &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		CLEANUP(found_finish) struct found f = {0};

		r = ctx_check(o->x.ctx, err);
		if (r == 0)
			r = dir_path_join(
				&child, path, names.list[i], o->x.ctx->limits.path, err);
		if (r == 0)
			r = find(o, places, names.list[i], &f, err);
		if (r == 0 && f.exists)
			r = add_found(o, child.data, names.list[i], &f, subdirs, err);
		if (r < 0 && r != -EINTR)
			err_wrap(err, "%s", text_quote(child.data, child.len).s);
	}
	return r;
}

static int merge_dir(
	struct overlay *o, const char *path, struct places *places, struct o2r_err *err)
{
	CLEANUP(subdirs_finish) struct subdirs subdirs = {0};
	AUTO_BUF struct buf child = {0};
	int r = merge_names(o, path, places, &subdirs, err);

	close_all(places);
	for (size_t i = 0; r == 0 && i < subdirs.count; i++) {
		r = dir_path_join(
			&child, path, subdirs.list[i].name, o->x.ctx->limits.path, err);
		if (r == 0)
			r = merge_dir(o, child.data, &subdirs.list[i].places, err);
		places_finish(&subdirs.list[i].places);
	}
	return r;
}

static void overlay_finish(struct overlay *o)
{
	dir_indexer_finish(&o->x);
	free(o->roots);
}

static int begin(struct overlay *o, struct places *roots, struct o2r_err *err)
{
	int r = 0;

	o->roots = calloc(o->count, sizeof(*o->roots));
	if (!o->roots)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < o->count; i++) {
		r = dir_layer_check(o->stack[i], err);
		if (r == 0)
			r = files_add_root(o->x.files, o->stack[i]->fd, o->stack[i]->path,
				&o->roots[i], err);
		/* roots are always merged */
		if (r == 0)
			r = places_add(roots, i, "", NULL, err);
	}
	return r;
}

int dir_overlay(const struct dir_layer *const *stack, size_t count, const struct ctx *ctx,
	struct layer *layer, struct files **files, struct digest *identity,
	struct o2r_err *err)
{
	CLEANUP(overlay_finish) struct overlay o = {.stack = stack, .count = count};
	CLEANUP(places_finish) struct places roots = {0};
	int r = dir_indexer_init(&o.x, ctx, layer, stack[0]->path, err);

	if (r == 0)
		r = begin(&o, &roots, err);
	/* what it shows is all there is: nothing of the layers below comes through */
	if (r == 0)
		r = dir_mark_add(&o.x, ".wh..wh..opq", err);
	if (r == 0)
		r = merge_dir(&o, "", &roots, err);
	if (r == 0 && dir_identity(layer, identity) < 0)
		r = err_nomem(err);
	if (r < 0)
		return err_wrap(
			err, "%s", text_quote(stack[0]->path, strlen(stack[0]->path)).s);
	*files = STEAL(o.x.files);
	return 0;
}
