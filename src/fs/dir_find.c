/*
 * What a name is in a stack of layers (kernel: fs/overlayfs/namei.c, ovl_lookup): the
 * topmost layer that has it decides; a directory goes on below until one is opaque, a
 * file without content (metacopy) until one has it; a redirect says under which name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "fs/dir_overlay_impl.h"
#include "fs/layer_parts.h"

/* Where a name is looked for, from the layer after the last one on. */
struct trail {
	struct found *out;
	struct dir_places *parents; /* of a plain name */
	size_t next;                /* of parents; of the layers, for a path */
	char *name;                 /* a name, or "/a/path" from each layer's top */
	bool stop;                  /* nothing below counts */
};

/* What a layer has there. */
struct seen {
	struct dir_file file; /* its parent is open */
	struct buf path;
};

static void seen_finish(struct seen *s)
{
	buf_finish(&s->path);
}

void dir_found_finish(struct found *f)
{
	dir_places_finish(&f->places);
	dir_places_finish(&f->kept);
	free(f->file_path);
	free(f->data_path);
}

/* 1, 0, or an error: what cannot be told is not taken for missing. */
static int exists(int fd, const char *name, struct o2r_err *err)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : dir_failed(errno, "cannot look for it", err);
}

/* .wh.NAME */
static int has_wh_name(const struct dir_place *p, const char *name, struct o2r_err *err)
{
	char wh[PART_BYTES + 1] = ".wh.";

	if (strlen(name) > PART_BYTES - WH_LEN)
		return 0;
	strcpy(wh + WH_LEN, name);
	return exists(p->fd, wh, err);
}

int dir_opaque_by_name(
	const struct dir_layer *in, int parent, const char *name, struct o2r_err *err)
{
	AUTO_FD int fd = -1;

	if (!in->rules.names)
		return 0;
	fd = openat(parent, *name ? name : ".",
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? dir_failed(errno, "cannot open it", err)
		      : exists(fd, ".wh..wh..opq", err);
}

static int look_at(struct overlay *o, struct dir_file *f, struct o2r_err *err)
{
	int r = dir_name_check(f->in, f->name, err);

	if (r == 0)
		r = dir_file_look(&o->x, f, err);
	if (r < 0 || f->kind != ENTRY_DIR || f->marks.opaque)
		return r;
	r = dir_opaque_by_name(f->in, f->parent, f->name, err);
	f->marks.opaque = r > 0;
	return r < 0 ? r : 0;
}

/*
 * A name in a directory of one layer. 1: there it is; 0: it is not. What stands beside
 * its own whiteout hides what is below all the same (docs/layers.md).
 */
static int look(struct overlay *o, struct trail *t, struct dir_place *parent,
	const char *name, struct seen *s, struct o2r_err *err)
{
	const struct dir_layer *in = o->stack[parent->layer];
	struct dir_file *f = &s->file;
	int r = dir_place_open(o, parent, err);

	if (r < 0)
		return r;
	r = in->rules.names ? has_wh_name(parent, name, err) : 0;
	if (r < 0)
		return dir_wrap(in, parent->path, r, err);
	t->stop |= r > 0;
	r = exists(parent->fd, name, err);
	if (r == 0)
		return 0;
	if (r > 0)
		r = dir_path_join(
			&s->path, parent->path, name, o->x.ctx->limits.path, err);
	if (r < 0)
		return dir_wrap(in, parent->path, r, err);
	*f = (struct dir_file){.in = in,
		.root = o->roots[parent->layer],
		.parent = parent->fd,
		.name = name,
		.below = s->path.data};
	r = look_at(o, f, err);
	if (r < 0)
		return dir_wrap(in, f->below, r, err);
	if (!dir_file_is_whiteout(f, &parent->marks))
		return 1;
	t->stop = true;
	return 0;
}

/* ---- redirects */

/* From now on below: instead of the first `done` bytes of the name, another one in the
 * same directory, or a path from the top. */
static int redirect(
	struct trail *t, size_t done, size_t layer, const char *to, struct o2r_err *err)
{
	AUTO_BUF struct buf name = {0};
	const char *slash = memrchr(t->name, '/', done);
	size_t before = *to == '/' || !slash ? 0 : (size_t)(slash - t->name) + 1;

	if (buf_append(&name, t->name, before) < 0 ||
		buf_append(&name, to, strlen(to)) < 0 ||
		buf_append(&name, t->name + done, strlen(t->name + done)) < 0)
		return err_nomem(err);
	if (t->name[0] != '/' && *to == '/')
		t->next = layer + 1;
	free(t->name);
	t->name = STEAL(name.data);
	return 0;
}

/* How it goes on below a directory on the way, or what stands at its end. An absolute
 * redirect leads out of whatever was opaque on the way. */
static int mind_marks(struct trail *t, const struct dir_file *f, size_t layer,
	size_t done, struct o2r_err *err)
{
	if (f->kind != ENTRY_DIR) {
		t->stop = f->kind != ENTRY_FILE || !f->marks.metacopy;
	} else if (f->marks.opaque) {
		t->stop = true;
		return 0;
	}
	if (!f->marks.redirect || (f->kind != ENTRY_DIR && t->stop))
		return 0;
	if (f->marks.redirect_path[0] == '/')
		t->stop = false;
	return redirect(t, done, layer, f->marks.redirect_path, err);
}

/* ---- one layer */

/* A place for what a path leads to: it lasts as long as what is found. */
static int keep_place(struct trail *t, size_t layer, const struct seen *s,
	struct dir_place **out, struct o2r_err *err)
{
	struct dir_places *kept = &t->out->kept;
	int r = dir_places_add(kept, layer, s->path.data, &s->file.marks, err);

	if (r == 0)
		*out = &kept->list[kept->count - 1];
	return r;
}

/* "/a/path" in one layer, part by part: any of them may be a whiteout, opaque or
 * redirected. 1: in *s, 0: it is not there; *at: bytes of the name up to its end. */
static int walk_path(struct overlay *o, struct trail *t, size_t layer, struct seen *s,
	char part[PART_BYTES + 1], struct o2r_err *err)
{
	AUTO_FREE char *path = strdup(t->name);
	struct dir_place *parent = &o->tops.list[layer];
	size_t left = path ? strlen(path) : 0, len;
	const char *p = path, *name;
	int r = path ? 0 : err_nomem(err);

	while (r == 0 && next_part(&p, &left, &name, &len)) {
		memcpy(part, name, len);
		part[len] = '\0';
		r = look(o, t, parent, part, s, err);
		if (r <= 0 || !left)
			return r;
		if (s->file.kind != ENTRY_DIR) {
			t->stop = true;
			return 0;
		}
		/* the tail is the same under whatever name the next layer has it */
		r = mind_marks(t, &s->file, layer, strlen(t->name) - left, err);
		if (r == 0)
			r = keep_place(t, layer, s, &parent, err);
	}
	return r;
}

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

/* What one layer has becomes part of what the name is. 1, or 0 when it does not go with
 * it: below a directory only directories count, below a file only files. */
static int take(struct overlay *o, struct found *out, size_t layer,
	const struct dir_file *f, struct o2r_err *err)
{
	int r = 0;

	if (out->exists && f->kind != out->file.kind)
		return 0;
	if (!out->exists)
		r = copy_file(&out->file, &out->file_path, f, err);
	out->exists = true;
	if (r == 0 && f->kind == ENTRY_DIR && f->mount != o->mounts[layer])
		dir_warn_mount(&o->x, f->below);
	else if (r == 0 && f->kind == ENTRY_DIR)
		r = dir_places_add(&out->places, layer, f->below, &f->marks, err);
	if (r == 0 && f->kind == ENTRY_FILE && !f->marks.metacopy) {
		out->has_data = true;
		r = copy_file(&out->data, &out->data_path, f, err);
	}
	return r < 0 ? r : 1;
}

/* The next layer. */
static int step(struct overlay *o, struct trail *t, struct o2r_err *err)
{
	CLEANUP(seen_finish) struct seen s = {.path = {0}};
	bool path = t->name[0] == '/';
	size_t at = t->next++;
	struct dir_place *parent = path ? &o->tops.list[at] : &t->parents->list[at];
	AUTO_FREE char *name = strdup(t->name);
	char part[PART_BYTES + 1];
	int r;

	if (!name)
		return err_nomem(err);
	r = path ? walk_path(o, t, at, &s, part, err) : look(o, t, parent, name, &s, err);
	if (r <= 0)
		return r;
	r = take(o, t->out, parent->layer, &s.file, err);
	t->stop |= r == 0;
	return r <= 0 ? r : mind_marks(t, &s.file, parent->layer, strlen(t->name), err);
}

static void trail_finish(struct trail *t)
{
	free(t->name);
}

static int check_content(const struct found *f, struct o2r_err *err)
{
	if (!f->exists || f->file.kind != ENTRY_FILE)
		return 0;
	if (!f->has_data)
		return err_corrupt(
			err, "it is a metacopy, and its content is in no layer below");
	if (f->data.st.st_size != f->file.st.st_size)
		return err_corrupt(
			err, "it is a metacopy, and its content below has another size");
	return 0;
}

int dir_find(struct overlay *o, struct dir_places *parents, const char *name,
	struct found *out, struct o2r_err *err)
{
	CLEANUP(trail_finish)
	struct trail t = {.out = out, .parents = parents, .name = strdup(name)};
	int r = t.name ? 0 : err_nomem(err);

	while (r == 0 && !t.stop &&
		t.next < (t.name[0] == '/' ? o->count : parents->count))
		r = step(o, &t, err);
	if (r < 0)
		return r;
	r = check_content(out, err);
	return r < 0 ? dir_wrap(out->file.in, out->file.below, r, err) : 0;
}
