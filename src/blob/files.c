#include "blob/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/beneath.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "base/vec.h"

struct root {
	int fd;
	char *name;
};

struct one {
	uint64_t offset; /* of its first byte in the blob */
	const char *path;
	unsigned root;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct files {
	struct root *roots;
	size_t root_count, root_cap;
	struct one *list; /* by offset; those without bytes are left out */
	size_t count, cap;
	struct arena arena;
	uint64_t size;
};

int files_create(struct files **out, struct o2r_err *err)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : err_nomem(err);
}

void files_destroy(struct files *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->root_count; i++) {
		close(f->roots[i].fd);
		free(f->roots[i].name);
	}
	free(f->roots);
	free(f->list);
	arena_finish(&f->arena);
	free(f);
}

int files_add_root(
	struct files *f, int fd, const char *name, unsigned *root, struct o2r_err *err)
{
	AUTO_FREE char *copy = strdup(name);
	AUTO_FD int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (own < 0)
		return err_errno(err, errno, "%s", text_quote(name, strlen(name)).s);
	if (!copy || VEC_RESERVE(f->roots, f->root_count, f->root_cap, 1, UINT16_MAX) < 0)
		return err_nomem(err);
	*root = (unsigned)f->root_count;
	f->roots[f->root_count++] = (struct root){steal_fd(&own), STEAL(copy)};
	return 0;
}

int files_add(struct files *f, unsigned root, const char *path, const struct stat *st,
	uint64_t *offset, struct o2r_err *err)
{
	struct one *o;
	uint64_t end;

	*offset = f->size;
	if (!st->st_size)
		return 0;
	if (VEC_RESERVE(f->list, f->count, f->cap, 1, SIZE_MAX / sizeof(*o)) < 0)
		return err_nomem(err);
	o = &f->list[f->count];
	*o = (struct one){.offset = f->size,
		.path = arena_dup(&f->arena, path, strlen(path)),
		.root = root,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim};
	if (!o->path)
		return err_nomem(err);
	/* offsets are added to and rounded up later on */
	if (!add_u64(f->size, (uint64_t)st->st_size, &end) || end > INT64_MAX)
		return err_set(err, ERR_FAIL, EFBIG, "the files are too large together");
	f->size = end;
	f->count++;
	return 0;
}

/* ---- reading */

static const struct one *find(const struct files *f, uint64_t off)
{
	size_t low = 0, high = f->count;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (f->list[mid].offset <= off)
			low = mid;
		else
			high = mid;
	}
	return &f->list[low];
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

struct file_name {
	char s[2 * sizeof(struct quoted) + 2];
};

static struct file_name name_of(const struct files *f, const struct one *o)
{
	const char *root = f->roots[o->root].name;
	struct file_name n;

	snprintf(n.s, sizeof(n.s), "%s/%s", text_quote(root, strlen(root)).s,
		text_quote(o->path, strlen(o->path)).s);
	return n;
}

static int changed(const struct files *f, const struct one *o, struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, EBUSY,
		"%s changed after it was looked at: try again when nobody changes it",
		name_of(f, o).s);
}

static int check(const struct files *f, const struct one *o, int fd, struct o2r_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return errno == ENOENT || errno == ESTALE
			       ? changed(f, o, err)
			       : err_errno(err, errno, "cannot stat %s", name_of(f, o).s);
	if (st.st_dev != o->dev || st.st_ino != o->ino || st.st_size != o->size ||
		!same_time(&st.st_mtim, &o->mtime) || !same_time(&st.st_ctim, &o->ctime))
		return changed(f, o, err);
	return 0;
}

/* Opened and found to be what it was. */
static int open_one(const struct files *f, const struct one *o, struct o2r_err *err)
{
	const struct root *root = &f->roots[o->root];
	AUTO_FD int fd = open_beneath(root->fd, o->path, O_RDONLY | O_NONBLOCK);
	int r;

	if (fd == -ENOENT || fd == -ESTALE || fd == -ELOOP || fd == -ENOTDIR)
		return changed(f, o, err);
	if (fd < 0)
		return err_errno(err, -fd, "cannot open %s", name_of(f, o).s);
	r = check(f, o, fd, err);
	return r < 0 ? r : steal_fd(&fd);
}

static int read_one(const struct files *f, const struct one *o, void *buf, size_t n,
	uint64_t at, struct o2r_err *err)
{
	AUTO_FD int fd = open_one(f, o, err);
	int r;

	if (fd < 0)
		return fd;
	r = pread_full(fd, buf, n, at);
	if (r == -ENODATA)
		return changed(f, o, err);
	if (r < 0)
		return err_errno(err, -r, "cannot read %s", name_of(f, o).s);
	return check(f, o, fd, err);
}

static int files_read(void *arg, void *buf, size_t n, uint64_t off, struct o2r_err *err)
{
	const struct files *f = arg;
	char *p = buf;
	int r = 0;

	while (r == 0 && n) {
		const struct one *o = find(f, off);
		uint64_t at = off - o->offset;
		size_t k = (size_t)MIN(n, (uint64_t)o->size - at);

		r = read_one(f, o, p, k, at, err);
		p += k;
		off += k;
		n -= k;
	}
	return r;
}

static int files_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	return files_read(arg, buf, n, off, NULL);
}

static void files_free(void *arg)
{
	files_destroy(arg);
}

static const struct blob_ops files_ops = {
	.pread = files_pread,
	.read = files_read,
	.destroy = files_free,
};

int files_blob(struct files *f, struct blob *out, struct o2r_err *err)
{
	(void)err;
	*out = (struct blob){.ops = &files_ops, .arg = f, .size = f->size};
	return 0;
}

bool files_is(const struct blob *b)
{
	return b->ops == &files_ops;
}

int files_locate(const struct blob *b, uint64_t off, int *fd, uint64_t *fd_off,
	uint64_t *len, struct o2r_err *err)
{
	const struct files *f = b->arg;
	const struct one *o;
	int opened;

	if (off >= b->size)
		return err_corrupt(
			err, "byte %llu lies past the end", (unsigned long long)off);
	o = find(f, off);
	opened = open_one(f, o, err);
	if (opened < 0)
		return opened;
	*fd = opened;
	*fd_off = off - o->offset;
	*len = (uint64_t)o->size - *fd_off;
	return 0;
}

int files_check(const struct blob *b, uint64_t off, int fd, struct o2r_err *err)
{
	const struct files *f = b->arg;

	return check(f, find(f, off), fd, err);
}

void files_wrap(const struct blob *b, uint64_t off, struct o2r_err *err)
{
	const struct files *f = b->arg;

	err_wrap(err, "%s", name_of(f, find(f, off)).s);
}
