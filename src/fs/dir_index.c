#include "fs/dir_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "fs/dir_index_impl.h"
#include "fs/dir_list.h"
#include "fs/layer_parts.h"

/* A directory that is to be walked; path stands in the layer. */
struct pending {
	const char *path;
	struct dir_marks marks;
};

struct walk {
	struct dir_indexer x;
	const struct dir_layer *d;
	unsigned root;
	uint64_t mount; /* of the root */
	/* the next one is the last: deep trees take no stack */
	struct pending *todo;
	size_t count, cap;
};

static int needs_lower(const struct dir_file *f, struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, EXDEV,
		"its %s leads to what lies below this directory, which is not known "
		"here: "
		"name the whole of it (docker-store:, containers-storage:, or overlay: "
		"with its lower layers)",
		f->marks.metacopy ? "overlay.metacopy" : "overlay.redirect");
}

static int push(struct walk *w, const char *path, const struct dir_marks *marks,
	struct o2r_err *err)
{
	if (VEC_RESERVE(w->todo, w->count, w->cap, 1, SIZE_MAX / sizeof(*w->todo)) < 0)
		return err_nomem(err);
	w->todo[w->count++] = (struct pending){path, *marks};
	return 0;
}

/* A mark by its name says all there is to it, whatever the file is; a directory of such
 * a name is for the merge to judge, with all that is in it. */
static bool is_mark(const struct dir_file *f)
{
	enum part_kind kind = part_kind(f->name, strlen(f->name));

	return f->kind != ENTRY_DIR && (kind == PART_WHITEOUT || kind == PART_OPAQUE);
}

static int add_child(struct walk *w, struct dir_file *f, const struct dir_marks *parent,
	struct o2r_err *err)
{
	int r = dir_name_check(w->d, f->name, err);

	if (r == 0)
		r = dir_file_look(&w->x, f, err);
	if (r < 0)
		return r;
	if (is_mark(f))
		return dir_mark_add(&w->x, f->below, err);
	if (dir_file_is_whiteout(f, parent))
		return dir_whiteout_add(&w->x, f->below, err);
	if (dir_file_needs_lower(f))
		return needs_lower(f, err);
	r = dir_file_add(&w->x, f, f, f->below, err);
	if (r < 0 || f->kind != ENTRY_DIR)
		return r;
	if (f->mount == w->mount)
		return push(w, dir_last_path(&w->x), &f->marks, err);
	dir_warn_mount(&w->x, f->below);
	return 0;
}

static int add_names(struct walk *w, int fd, const char *path,
	const struct dir_marks *marks, const struct dir_list *names, struct o2r_err *err)
{
	AUTO_BUF struct buf child = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count; i++) {
		struct dir_file f = {.in = w->d,
			.root = w->root,
			.parent = fd,
			.name = names->names[i]};

		r = ctx_check(w->x.ctx, err);
		if (r == 0)
			r = dir_path_join(
				&child, path, f.name, w->x.ctx->limits.path, err);
		f.below = child.data;
		if (r == 0)
			r = add_child(w, &f, marks, err);
		dir_wrap(w->d, child.data, r, err);
	}
	return r;
}

static int list_dir(struct walk *w, int fd, const struct pending *p,
	struct dir_list *names, struct stat *before, struct o2r_err *err)
{
	int r = 0;

	if (fd < 0)
		return dir_failed(-fd, "cannot open it", err);
	if (fstat(fd, before) < 0)
		return err_errno(err, errno, "cannot stat it");
	if (p->marks.opaque)
		r = dir_opaque_add(&w->x, p->path, err);
	if (r == 0 && (r = dir_list_read(fd, w->x.ctx->limits.entries, names)) < 0)
		return dir_failed(-r, "cannot list it", err);
	return r;
}

/* What is in a directory; what is in its subdirectories comes later. */
static int walk_dir(struct walk *w, const struct pending *p, struct o2r_err *err)
{
	CLEANUP(dir_list_finish) struct dir_list names = {0};
	AUTO_FD int fd = open_beneath(w->d->fd, p->path, O_RDONLY | O_DIRECTORY);
	size_t first = w->count;
	struct stat before;
	int r = list_dir(w, fd, p, &names, &before, err);

	if (r < 0)
		return dir_wrap(w->d, p->path, r, err);
	r = add_names(w, fd, p->path, &p->marks, &names, err);
	if (r < 0)
		return r;
	r = dir_check_same(fd, &before, err);
	for (size_t i = first, k = w->count; i + 1 < k; i++) {
		struct pending last = w->todo[--k];

		w->todo[k] = w->todo[i];
		w->todo[i] = last;
	}
	return dir_wrap(w->d, p->path, r, err);
}

static void walk_finish(struct walk *w)
{
	dir_indexer_finish(&w->x);
	free(w->todo);
}

static int add_root(struct walk *w, struct o2r_err *err)
{
	struct dir_file root = {.in = w->d, .parent = w->d->fd, .name = "", .below = ""};
	int r = dir_layer_check(w->d, err);

	if (r == 0)
		r = files_add_root(w->x.files, w->d->fd, w->d->path, &w->root, err);
	if (r == 0)
		r = dir_file_look(&w->x, &root, err);
	if (r < 0)
		return r;
	if (root.kind != ENTRY_DIR)
		return err_set(err, ERR_USAGE, ENOTDIR, "it is not a directory");
	w->mount = root.mount;
	if (w->d->rules.root)
		r = dir_file_add(&w->x, &root, &root, "", err);
	return r < 0 ? r : push(w, "", &root.marks, err);
}

int dir_index(const struct dir_layer *d, const struct ctx *ctx, struct layer *layer,
	struct files **files, struct digest *identity, struct o2r_err *err)
{
	CLEANUP(walk_finish) struct walk w = {.d = d};
	int r = dir_indexer_init(&w.x, ctx, layer, d->path, err);

	if (r == 0)
		r = dir_wrap(d, "", add_root(&w, err), err);
	while (r == 0 && w.count) {
		struct pending next = w.todo[--w.count];

		r = walk_dir(&w, &next, err);
	}
	if (r == 0 && dir_identity(layer, identity) < 0)
		r = err_nomem(err);
	if (r < 0)
		return r;
	*files = STEAL(w.x.files);
	return 0;
}
