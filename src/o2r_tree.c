/* The merged tree behind o2r.h: paths, stat, names, xattrs, content. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "handle.h"

enum {
	WINDOW = 256
		 << 10, /* decoded at a time for o2r_read; a multiple of STREAM_PIECE */
};

/* Load, and check that ino exists. */
static int get(struct o2r_image *image, uint64_t ino, const struct tree_inode **out,
	struct o2r_err *err)
{
	int r = o2r_load_tree(image, err);

	if (r < 0)
		return r;
	if (ino < TREE_ROOT || ino > image->tree->inode_count)
		return err_set(
			err, ERR_USAGE, EINVAL, "no inode %llu", (unsigned long long)ino);
	*out = tree_get(image->tree, (uint32_t)ino);
	return 0;
}

int o2r_lookup(
	struct o2r_image *image, const char *path, uint64_t *ino, struct o2r_error *error)
{
	struct o2r_err err = {0};

	if (o2r_load_tree(image, &err) < 0)
		return o2r_fail(error, &err);
	uint32_t found = tree_resolve(image->tree, path);

	if (found) {
		*ino = found;
		return 0;
	}
	err_set(&err, ERR_NOT_FOUND, ENOENT, "%s: no such path in the image",
		text_quote(path, strlen(path)).s);
	return o2r_fail(error, &err);
}

int o2r_stat(
	struct o2r_image *image, uint64_t ino, struct stat *st, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};

	if (get(image, ino, &i, &err) < 0)
		return o2r_fail(error, &err);
	tree_stat(image->tree, (uint32_t)ino, st);
	return 0;
}

int o2r_readlink(struct o2r_image *image, uint64_t ino, const char **target,
	struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};
	int r = get(image, ino, &i, &err);

	if (r == 0 && !S_ISLNK(i->mode))
		r = err_set(&err, ERR_USAGE, EINVAL, "inode %llu is not a symbolic link",
			(unsigned long long)ino);
	if (r < 0)
		return o2r_fail(error, &err);
	*target = i->u.target;
	return 0;
}

int o2r_readdir(struct o2r_image *image, uint64_t dir, uint64_t index, const char **name,
	size_t *len, uint64_t *child, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};
	int r = get(image, dir, &i, &err);

	if (r == 0 && !S_ISDIR(i->mode))
		r = err_set(&err, ERR_USAGE, ENOTDIR, "inode %llu is not a directory",
			(unsigned long long)dir);
	if (r < 0)
		return o2r_fail(error, &err);
	if (index >= i->u.dir.count)
		return 0;

	const struct tree_dirent *d = &image->tree->dirents[i->u.dir.first + index];

	*name = dirent_name(d);
	*len = dirent_len(d);
	*child = d->ino;
	return 1;
}

int o2r_xattr(struct o2r_image *image, uint64_t ino, unsigned index, const char **name,
	const void **value, size_t *size, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};

	if (get(image, ino, &i, &err) < 0)
		return o2r_fail(error, &err);

	const struct xattr_set *s = i->xattrs ? image->tree->xattr_sets[i->xattrs] : NULL;

	if (!s || index >= s->count)
		return 0;
	*name = s->list[index].name;
	*value = s->list[index].value;
	*size = s->list[index].value_len;
	return 1;
}

/* Make the window hold decoded byte `off` of the layer. */
static int fill_window(
	struct o2r_image *image, unsigned layer, uint64_t off, struct o2r_err *err)
{
	struct read_window *w = &image->window;
	const struct stream *s = image->streams[layer];

	if (w->reader && w->layer == layer && w->len && off >= w->off &&
		off - w->off < w->len)
		return 0;
	if (!w->buf && !(w->buf = malloc(WINDOW)))
		return err_nomem(err);
	w->len = 0;
	if (!w->reader || w->layer != layer) {
		stream_reader_destroy(w->reader);
		w->reader = NULL;
		w->layer = layer;
		int r = stream_reader_create(s, &image->ctx, &w->reader, err);

		if (r < 0)
			return r;
	}
	w->off = off & ~(uint64_t)(STREAM_PIECE - 1);

	size_t n = (size_t)MIN((uint64_t)WINDOW, stream_size(s) - w->off);
	int r = stream_reader_read(w->reader, w->off, w->buf, n, err);

	if (r == 0)
		w->len = n;
	return r;
}

static int read_run(struct o2r_image *image, unsigned layer, uint64_t src,
	unsigned char *buf, size_t n, struct o2r_err *err)
{
	while (n) {
		int r = fill_window(image, layer, src, err);

		if (r < 0)
			return r;
		const struct read_window *w = &image->window;
		size_t have = (size_t)MIN((uint64_t)n, w->off + w->len - src);

		memcpy(buf, w->buf + (src - w->off), have);
		buf += have;
		src += have;
		n -= have;
	}
	return 0;
}

static int read_file(struct o2r_image *image, uint32_t ino, unsigned char *buf, size_t n,
	uint64_t offset, struct o2r_err *err)
{
	struct data_run one;
	uint32_t count = 0;
	const struct data_run *runs = tree_runs(image->tree, ino, &one, &count);

	memset(buf, 0, n);
	for (uint32_t i = 0; i < count && runs[i].file_off < offset + n; i++) {
		uint64_t from = MAX(runs[i].file_off, offset);
		uint64_t to = MIN(runs[i].file_off + runs[i].len, offset + n);

		if (from >= to)
			continue;
		int r = read_run(image, tree_get(image->tree, ino)->layer,
			runs[i].src_off + (from - runs[i].file_off),
			buf + (from - offset), (size_t)(to - from), err);

		if (r < 0)
			return r;
	}
	return 0;
}

int64_t o2r_read(struct o2r_image *image, uint64_t ino, void *buf, size_t n,
	uint64_t offset, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};
	int r = get(image, ino, &i, &err);

	if (r == 0 && !S_ISREG(i->mode))
		r = err_set(&err, ERR_USAGE, S_ISDIR(i->mode) ? EISDIR : EINVAL,
			"inode %llu is not a regular file", (unsigned long long)ino);
	if (r < 0)
		return o2r_fail(error, &err);
	if (offset >= i->size)
		return 0;
	n = (size_t)MIN((uint64_t)MIN(n, (size_t)INT64_MAX), i->size - offset);
	pthread_mutex_lock(&image->read_lock);
	r = read_file(image, (uint32_t)ino, buf, n, offset, &err);
	pthread_mutex_unlock(&image->read_lock);
	return r < 0 ? o2r_fail(error, &err) : (int64_t)n;
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

static int visit(struct walk *w, uint32_t ino, struct o2r_err *err)
{
	struct o2r_walk_entry e = {
		.path = w->path.data ? w->path.data : "",
		.path_len = w->path.len,
		.ino = ino,
		.layer = tree_get(w->t, ino)->layer,
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

static int walk_tree(struct walk *w, struct o2r_err *err)
{
	int r = visit(w, TREE_ROOT, err);

	while (r == 0 && w->count) {
		struct level *l = &w->levels[w->count - 1];
		const struct tree_inode *d = tree_get(w->t, l->dir);

		w->path.len = l->path_len;
		if (l->next == d->u.dir.count) {
			w->count--;
			continue;
		}
		const struct tree_dirent *e = &w->t->dirents[d->u.dir.first + l->next++];

		if ((w->path.len && buf_append(&w->path, "/", 1) < 0) ||
			buf_append(&w->path, dirent_name(e), dirent_len(e)) < 0)
			return err_nomem(err);
		r = visit(w, e->ino, err);
	}
	return r;
}

int o2r_walk(struct o2r_image *image, o2r_walk_fn fn, void *arg, struct o2r_error *error)
{
	struct o2r_err err = {0};

	if (o2r_load_tree(image, &err) < 0)
		return o2r_fail(error, &err);

	struct walk w CLEANUP(walk_finish) = {
		.t = image->tree, .fn = fn, .arg = arg, .path = {.max = SIZE_MAX / 2}};
	int r = walk_tree(&w, &err);

	return err.code ? o2r_fail(error, &err) : r;
}
