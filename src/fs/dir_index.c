#include "fs/dir_index.h"

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

struct walk {
	struct dir_indexer x;
	const struct dir_layer *d;
	unsigned root;
	dev_t dev;
};

/* A directory in another one, to be walked when that is done. */
struct subdir {
	const char *name;
	struct dir_marks marks;
};

struct subdirs {
	struct subdir *list;
	size_t count, cap;
};

static void subdirs_finish(struct subdirs *s)
{
	free(s->list);
}

static int needs_lower(const struct dir_file *f, struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, EXDEV,
		"its %s leads to what lies below this directory, which is not known "
		"here: "
		"name the whole of it (docker-store:, containers-storage:, or overlay: "
		"with its lower layers)",
		f->marks.metacopy ? "overlay.metacopy" : "overlay.redirect");
}

/* ".wh.NAME" in place of a whiteout device. */
static int add_whiteout(
	struct walk *w, const char *dir, const char *name, struct o2r_err *err)
{
	AUTO_BUF struct buf path = {0};
	int r = buf_printf(&path, "%s%s.wh.%s", dir, *dir ? "/" : "", name);

	return r < 0 ? err_nomem(err) : dir_mark_add(&w->x, path.data, err);
}

/* A name that would mean something in a layer, from a store that does not mean it. */
static int check_name(const struct walk *w, const char *name, struct o2r_err *err)
{
	if (w->d->rules.names || part_kind(name, strlen(name)) == PART_NAME)
		return 0;
	return err_set(err, ERR_FAIL, EINVAL,
		"its name is that of a whiteout, but this store marks those otherwise: "
		"rename it");
}

/* 1: a directory that is to be walked. */
static int add_child(struct walk *w, struct dir_file *f, const char *dir,
	const struct dir_marks *parent, struct o2r_err *err)
{
	int r = check_name(w, f->name, err);

	if (r == 0)
		r = dir_file_look(&w->x, f, err);
	if (r < 0)
		return r;
	if (dir_file_is_whiteout(f, parent))
		return add_whiteout(w, dir, f->name, err);
	if (f->marks.redirect || f->marks.metacopy)
		return needs_lower(f, err);
	r = dir_file_add(&w->x, f, f, f->below, err);
	if (r < 0 || f->kind != ENTRY_DIR || f->st.st_dev == w->dev)
		return r < 0 ? r : f->kind == ENTRY_DIR;
	ctx_log(w->x.ctx, LOG_WARN,
		"%s: another filesystem is mounted there: taken for an empty directory",
		text_quote(f->below, strlen(f->below)).s);
	return 0;
}

static bool same_times(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Say which file it was, once. */
static int name_file(const struct walk *w, const char *path, int r, struct o2r_err *err)
{
	if (r >= 0 || r == -EINTR || (err && strstr(err->text, w->d->path)))
		return r;
	return err_wrap(err, "%s/%s", text_quote(w->d->path, strlen(w->d->path)).s,
		text_quote(path, strlen(path)).s);
}

static int note_subdir(struct subdirs *s, const char *name, const struct dir_marks *marks,
	struct o2r_err *err)
{
	if (VEC_RESERVE(s->list, s->count, s->cap, 1, SIZE_MAX / sizeof(*s->list)) < 0)
		return err_nomem(err);
	s->list[s->count++] = (struct subdir){name, *marks};
	return 0;
}

static int add_names(struct walk *w, int fd, const char *path,
	const struct dir_marks *marks, const struct dir_list *names,
	struct subdirs *subdirs, struct o2r_err *err)
{
	AUTO_BUF struct buf child = {0};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < names->count; i++) {
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
			r = add_child(w, &f, path, marks, err);
		if (r > 0)
			r = note_subdir(subdirs, f.name, &f.marks, err);
		name_file(w, child.data ? child.data : "", r, err);
	}
	return r;
}

static int add_opaque(struct walk *w, const char *path, struct o2r_err *err)
{
	AUTO_BUF struct buf opaque = {0};
	int r = buf_printf(&opaque, "%s%s.wh..wh..opq", path, *path ? "/" : "");

	return r < 0 ? err_nomem(err) : dir_mark_add(&w->x, opaque.data, err);
}

/* What is in a directory, but not in its subdirectories. */
static int list_dir(struct walk *w, const char *path, const struct dir_marks *marks,
	struct dir_list *names, struct subdirs *subdirs, struct o2r_err *err)
{
	AUTO_FD int fd = open_beneath(w->d->fd, path, O_RDONLY | O_DIRECTORY);
	struct stat before, after;
	int r = 0;

	if (fd < 0)
		return err_errno(err, -fd, "cannot open it");
	if (fstat(fd, &before) < 0)
		return err_errno(err, errno, "cannot stat it");
	if (marks->opaque)
		r = add_opaque(w, path, err);
	if (r == 0 && (r = dir_list_read(fd, w->x.ctx->limits.entries, names)) < 0)
		return err_errno(err, -r, "cannot list it");
	if (r == 0)
		r = add_names(w, fd, path, marks, names, subdirs, err);
	if (r < 0)
		return r;
	if (fstat(fd, &after) < 0 || !same_times(&before, &after))
		return err_set(err, ERR_FAIL, EBUSY,
			"it changed while it was read: try again when nobody changes it");
	return 0;
}

/* A directory is closed before those in it are opened: deep trees take one descriptor. */
static int walk_dir(struct walk *w, const char *path, const struct dir_marks *marks,
	struct o2r_err *err)
{
	CLEANUP(dir_list_finish) struct dir_list names = {0};
	CLEANUP(subdirs_finish) struct subdirs subdirs = {0};
	AUTO_BUF struct buf child = {0};
	int r = list_dir(w, path, marks, &names, &subdirs, err);

	if (r < 0)
		return name_file(w, path, r, err);
	for (size_t i = 0; r == 0 && i < subdirs.count; i++) {
		r = dir_path_join(
			&child, path, subdirs.list[i].name, w->x.ctx->limits.path, err);
		if (r == 0)
			r = walk_dir(w, child.data, &subdirs.list[i].marks, err);
	}
	return r;
}

static void walk_finish(struct walk *w)
{
	dir_indexer_finish(&w->x);
}

static int walk_root(struct walk *w, struct o2r_err *err)
{
	struct dir_file root = {.in = w->d, .parent = w->d->fd, .name = "", .below = ""};
	int r = dir_file_look(&w->x, &root, err);

	if (r < 0)
		return r;
	if (root.kind != ENTRY_DIR)
		return err_set(err, ERR_USAGE, ENOTDIR, "it is not a directory");
	w->dev = root.st.st_dev;
	if (w->d->rules.root)
		r = dir_file_add(&w->x, &root, &root, "", err);
	return r < 0 ? r : walk_dir(w, "", &root.marks, err);
}

int dir_index(const struct dir_layer *d, const struct ctx *ctx, struct layer *layer,
	struct files **files, struct digest *identity, struct o2r_err *err)
{
	CLEANUP(walk_finish) struct walk w = {.d = d};
	int r = dir_indexer_init(&w.x, ctx, layer, d->path, err);

	if (r == 0)
		r = dir_layer_check(d, err);
	if (r == 0)
		r = files_add_root(w.x.files, d->fd, d->path, &w.root, err);
	if (r == 0)
		r = walk_root(&w, err);
	if (r == 0 && dir_identity(layer, identity) < 0)
		r = err_nomem(err);
	if (r < 0)
		return strstr(err ? err->text : d->path, d->path)
			       ? r
			       : err_wrap(err, "%s",
					 text_quote(d->path, strlen(d->path)).s);
	*files = STEAL(w.x.files);
	return 0;
}
