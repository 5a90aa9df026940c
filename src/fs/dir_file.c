/* One file of a directory layer: looked at, and made an entry. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "fs/dir_index_impl.h"
#include "fs/layer_parts.h"

enum {
	TARGET_MAX = 4096, /* PATH_MAX: the kernel knows no longer ones */
	RUNS_MAX = 1 << 20,
	HOLES_FROM = 64 << 10, /* smaller files are believed to have all their blocks */
};

int dir_indexer_init(struct dir_indexer *x, const struct ctx *ctx, struct layer *layer,
	const char *name, struct o2r_err *err)
{
	*x = (struct dir_indexer){.ctx = ctx, .layer = layer};
	x->warn = (struct warn){.ctx = ctx, .name = name};
	x->attrs =
		(struct dir_attrs){.ctx = ctx, .warn = &x->warn, .arena = &layer->arena};
	return files_create(&x->files, err);
}

void dir_indexer_finish(struct dir_indexer *x)
{
	static const char *const kinds[WARN_KINDS] = {
		[WARN_DIR_ATTR] = "attributes that ext4 cannot hold",
		[WARN_DIR_MOUNT] = "other filesystems mounted in it",
	};

	warn_flush(&x->warn, kinds);
	dir_attrs_finish(&x->attrs);
	dir_links_finish(&x->links);
	files_destroy(x->files);
}

static int kind_of_mode(mode_t mode, enum entry_kind *kind)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		*kind = ENTRY_FILE;
		return 0;
	case S_IFDIR:
		*kind = ENTRY_DIR;
		return 0;
	case S_IFLNK:
		*kind = ENTRY_SYMLINK;
		return 0;
	case S_IFCHR:
		*kind = ENTRY_CHR;
		return 0;
	case S_IFBLK:
		*kind = ENTRY_BLK;
		return 0;
	case S_IFIFO:
		*kind = ENTRY_FIFO;
		return 0;
	case S_IFSOCK:
		*kind = ENTRY_SOCK;
		return 0;
	default:
		return -EINVAL;
	}
}

int dir_file_look(struct dir_indexer *x, struct dir_file *f, struct o2r_err *err)
{
	char path[64 + NAME_MAX];

	if (fstatat(f->parent, f->name, &f->st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return dir_failed(errno, "cannot stat it", err);
	if (kind_of_mode(f->st.st_mode, &f->kind) < 0)
		return err_set(err, ERR_FAIL, EINVAL, "it is of an unknown type");
	if (f->kind == ENTRY_DIR) {
		int r = mount_beneath(f->parent, f->name, &f->mount);

		if (r < 0)
			return dir_failed(-r, "cannot stat it", err);
	}
	/* not every kernel has calls for attributes below a directory */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", f->parent,
		*f->name ? f->name : ".");
	x->attrs.rules = &f->in->rules;
	return dir_attrs_read(&x->attrs, path, f->kind, f->st.st_mode & 07777, &f->marks,
		&f->xattrs, err);
}

static bool is_whiteout_device(const struct dir_file *f)
{
	const struct stat_text *t = &f->marks.stat;

	if (f->marks.overridden && t->type)
		return S_ISCHR(t->type) && !t->major && !t->minor;
	return f->kind == ENTRY_CHR && f->st.st_rdev == makedev(0, 0);
}

/* Such a device is one in every layer (docs/layers.md, rule 6). */
bool dir_file_is_whiteout(const struct dir_file *f, const struct dir_marks *parent)
{
	return is_whiteout_device(f) ||
	       (f->in->rules.overlay && f->kind == ENTRY_FILE && f->marks.whiteout &&
		       parent->xwhiteouts && f->st.st_size == 0);
}

/* A redirect stays behind when nothing is below any more: of a file whose content was
 * copied, of a directory that became opaque. */
bool dir_file_needs_lower(const struct dir_file *f)
{
	if (f->kind == ENTRY_DIR)
		return f->marks.redirect && !f->marks.opaque;
	return f->kind == ENTRY_FILE && f->marks.metacopy;
}

int dir_name_check(const struct dir_layer *in, const char *name, struct o2r_err *err)
{
	if (in->rules.names || part_kind(name, strlen(name)) == PART_NAME)
		return 0;
	return err_set(err, ERR_FAIL, EINVAL,
		"its name is that of a whiteout, but this store marks those otherwise: "
		"rename it");
}

static int push(struct dir_indexer *x, const struct entry *e, struct o2r_err *err)
{
	struct layer *l = x->layer;
	size_t max = (size_t)MIN(x->ctx->limits.entries, SIZE_MAX / sizeof(*e));
	int r = VEC_RESERVE(l->entries, l->count, l->cap, 1, max);

	if (r == -E2BIG)
		return err_corrupt(err,
			"more than %llu entries (raise it with --limit entries=N)",
			(unsigned long long)x->ctx->limits.entries);
	if (r < 0)
		return err_nomem(err);
	l->entries[l->count++] = *e;
	return 0;
}

static int set_path(
	struct dir_indexer *x, struct entry *e, const char *path, struct o2r_err *err)
{
	e->path_len = (uint32_t)strlen(path);
	e->path = arena_dup(&x->layer->arena, path, e->path_len);
	return e->path ? 0 : err_nomem(err);
}

static int add_plain(struct dir_indexer *x, enum entry_kind kind, const char *path,
	struct o2r_err *err)
{
	struct entry e = {.kind = (uint8_t)kind};
	int r = set_path(x, &e, path, err);

	return r < 0 ? r : push(x, &e, err);
}

int dir_mark_add(struct dir_indexer *x, const char *path, struct o2r_err *err)
{
	return add_plain(x, ENTRY_FILE, path, err);
}

int dir_whiteout_add(struct dir_indexer *x, const char *path, struct o2r_err *err)
{
	return add_plain(x, ENTRY_CHR, path, err);
}

int dir_opaque_add(struct dir_indexer *x, const char *dir, struct o2r_err *err)
{
	AUTO_BUF struct buf path = {0};
	int r = buf_printf(&path, "%s%s.wh..wh..opq", dir, *dir ? "/" : "");

	return r < 0 ? err_nomem(err) : dir_mark_add(x, path.data, err);
}

const char *dir_last_path(const struct dir_indexer *x)
{
	return x->layer->entries[x->layer->count - 1].path;
}

/* ---- what an entry says */

static int set_owner(const struct dir_file *f, struct entry *e, struct o2r_err *err)
{
	if (f->marks.overridden) {
		e->uid = f->marks.stat.uid;
		e->gid = f->marks.stat.gid;
		e->mode = f->marks.stat.mode;
		return 0;
	}
	e->mode = (uint16_t)(f->st.st_mode & 07777);
	if (id_map_meant(&f->in->rules.uids, f->st.st_uid, &e->uid) &&
		id_map_meant(&f->in->rules.gids, f->st.st_gid, &e->gid))
		return 0;
	return err_set(err, ERR_ACCESS, EPERM,
		"it belongs to user %u and group %u, which mean nothing in the image: "
		"run "
		"this in the user namespace of its store, by `podman unshare` or "
		"`buildah unshare`",
		f->st.st_uid, f->st.st_gid);
}

/* A type that the store could not give the file. */
static int set_type(const struct dir_file *f, struct entry *e, struct o2r_err *err)
{
	enum entry_kind kind = f->kind;

	if (f->marks.overridden && f->marks.stat.type &&
		kind_of_mode(f->marks.stat.type, &kind) < 0)
		return err_corrupt(err, "its override_stat has an unknown type");
	if (kind != f->kind && f->kind != ENTRY_FILE)
		return err_corrupt(err, "its override_stat gives it another type");
	e->kind = (uint8_t)kind;
	if (kind == ENTRY_CHR || kind == ENTRY_BLK) {
		e->major = kind == f->kind ? major(f->st.st_rdev) : f->marks.stat.major;
		e->minor = kind == f->kind ? minor(f->st.st_rdev) : f->marks.stat.minor;
	}
	return 0;
}

/* Of a symlink, or of a regular file that stands for one. */
static int set_target(struct dir_indexer *x, const struct dir_file *f, struct entry *e,
	struct o2r_err *err)
{
	char target[TARGET_MAX];
	ssize_t n;

	if (f->kind == ENTRY_SYMLINK) {
		n = readlinkat(f->parent, f->name, target, sizeof(target));
	} else {
		AUTO_FD int fd = openat(f->parent, f->name,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

		n = fd < 0 ? -1 : read(fd, target, sizeof(target));
	}
	if (n < 0)
		return dir_failed(errno, "cannot read the link", err);
	if (n == 0 || n >= (ssize_t)sizeof(target) || memchr(target, 0, (size_t)n))
		return err_corrupt(err, "a symbolic link without a target, or too long");
	e->link = arena_dup(&x->layer->arena, target, (size_t)n);
	e->link_len = (uint32_t)n;
	return e->link ? 0 : err_nomem(err);
}

/* ---- content */

/* 1: the next part that is data, in *run; 0: there is no more. */
static int next_run(int fd, off_t from, off_t size, struct data_run *run)
{
	off_t at = from < size ? lseek(fd, from, SEEK_DATA) : -1;
	off_t end = at < 0 ? -1 : lseek(fd, at, SEEK_HOLE);

	if (from >= size || (at < 0 && errno == ENXIO) || at >= size)
		return 0;
	if (at < 0 || end < 0)
		return -errno;
	if (at < from || end <= at)
		return -EIO;
	*run = (struct data_run){
		.file_off = (uint64_t)at, .len = (uint64_t)(MIN(end, size) - at)};
	return 1;
}

static int keep_map(struct dir_indexer *x, const struct data_run *runs, size_t count,
	struct entry *e, struct o2r_err *err)
{
	struct data_map *map = arena_alloc(&x->layer->arena,
		sizeof(*map) + count * sizeof(*runs), _Alignof(struct data_map));

	if (!map)
		return err_nomem(err);
	map->count = (uint32_t)count;
	if (count)
		memcpy(map->runs, runs, count * sizeof(*runs));
	e->map = map;
	return 0;
}

static int list_runs(int fd, off_t size, uint64_t offset, struct data_run **runs,
	size_t *count, struct o2r_err *err)
{
	struct data_run run;
	size_t cap = 0;
	off_t at = 0;
	int r;

	*count = 0;
	while ((r = next_run(fd, at, size, &run)) > 0) {
		run.src_off = offset + run.file_off;
		r = VEC_RESERVE(*runs, *count, cap, 1, RUNS_MAX);
		if (r < 0)
			return r == -E2BIG ? err_corrupt(err, "it has too many holes")
					   : err_nomem(err);
		(*runs)[(*count)++] = run;
		at = (off_t)(run.file_off + run.len);
	}
	return r < 0 ? dir_failed(-r, "cannot find its holes", err) : 0;
}

/* The parts of a file that are data, when some are not. */
static int find_runs(struct dir_indexer *x, const struct dir_file *f, uint64_t offset,
	struct entry *e, struct o2r_err *err)
{
	AUTO_FD int fd = openat(
		f->parent, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	AUTO_FREE struct data_run *runs = NULL;
	size_t count = 0;
	int r;

	if (fd < 0)
		return dir_failed(errno, "cannot open it", err);
	r = list_runs(fd, f->st.st_size, offset, &runs, &count, err);
	/* cut short meanwhile, it would be all hole, and never be read */
	if (r == 0)
		r = dir_check_same(fd, &f->st, err);
	if (r < 0 || (count == 1 && runs[0].len == e->size))
		return r;
	return keep_map(x, runs, count, e, err);
}

/* Allocated blocks may make up for a hole: trees of extents, room that was kept. */
static bool may_have_holes(const struct stat *st)
{
	return st->st_size >= HOLES_FROM ||
	       (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size;
}

static int set_content(struct dir_indexer *x, const struct dir_file *f, struct entry *e,
	struct o2r_err *err)
{
	int r;

	e->size = (uint64_t)f->st.st_size;
	if (e->size && faccessat(f->parent, f->name, R_OK, AT_EACCESS) < 0)
		return dir_failed(errno, "cannot read it", err);
	r = files_add(x->files, f->root, f->below, &f->st, &e->data_off, err);
	if (r == 0 && e->size && may_have_holes(&f->st))
		r = find_runs(x, f, e->data_off, e, err);
	if (r < 0)
		return r;
	if (!e->map)
		x->layer->data_bytes += e->size;
	for (uint32_t i = 0; e->map && i < e->map->count; i++)
		x->layer->data_bytes += e->map->runs[i].len;
	return 0;
}

/* 1: another name of a file that has been seen. */
static int set_hard_link(struct dir_indexer *x, const struct dir_file *f, struct entry *e,
	struct o2r_err *err)
{
	const struct dir_link *first;
	int r;

	if (f->kind == ENTRY_DIR || f->st.st_nlink < 2)
		return 0;
	r = dir_links_find(
		&x->links, f->st.st_dev, f->st.st_ino, e->path, e->path_len, &first, err);
	if (r != 0)
		return r < 0 ? r : 0;
	e->kind = ENTRY_HARDLINK;
	e->link = first->path;
	e->link_len = first->path_len;
	return 1;
}

int dir_file_add(struct dir_indexer *x, const struct dir_file *f,
	const struct dir_file *data, const char *path, struct o2r_err *err)
{
	struct entry e = {
		.xattrs = f->xattrs,
		.mtime = f->st.st_mtim.tv_sec,
		.mtime_nsec = (uint32_t)f->st.st_mtim.tv_nsec,
	};
	int r = set_path(x, &e, path, err);

	if (r == 0)
		r = set_owner(f, &e, err);
	if (r == 0)
		r = set_type(f, &e, err);
	if (r == 0)
		r = set_hard_link(x, f, &e, err);
	if (r == 0 && e.kind == ENTRY_SYMLINK)
		r = set_target(x, f, &e, err);
	else if (r == 0 && e.kind == ENTRY_FILE)
		r = set_content(x, data, &e, err);
	return r < 0 ? r : push(x, &e, err);
}
