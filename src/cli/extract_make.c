#include "cli/extract_make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"

enum {
	CHUNK = 1 << 20,
	TRIES = 100,
};

/* A temporary name in a directory, gone at the end of the scope unless published. */
struct temporary {
	int dir;
	char name[24]; /* "": none */
};

static void temporary_finish(struct temporary *t)
{
	if (t->name[0])
		unlinkat(t->dir, t->name, 0);
}

int maker_init(struct maker *k, struct o2r_image *image, const volatile int *cancel,
	bool force, struct o2r_err *err)
{
	*k = (struct maker){.image = image, .cancel = cancel, .force = force};
	k->buf = malloc(CHUNK);
	return k->buf ? 0 : err_nomem(err);
}

void maker_finish(struct maker *k)
{
	free(k->buf);
}

static int library(const struct maker *k, struct o2r_err *err)
{
	return err_set(err, (enum err_class)k->error.error_class, -k->error.code, "%s",
		k->error.text);
}

int make_directory(int dir, const char *name, bool *made)
{
	struct stat st;

	*made = mkdirat(dir, name, 0700) == 0;
	if (*made || errno != EEXIST)
		return *made ? 0 : -errno;
	/* only a first look: whoever opens it follows no link */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -EEXIST;
}

static void draw_name(struct temporary *t)
{
	uint32_t rnd = 0;

	/* names need not be secret: one that is taken is no harm, another is drawn */
	(void)!getrandom(&rnd, sizeof(rnd), GRND_NONBLOCK);
	snprintf(t->name, sizeof(t->name), ".o2r-%08x.tmp", rnd);
}

/* Make something under a new temporary name. Returns what `make` does: 0 or a descriptor,
 * or a negative errno. */
static int make_temporary(struct temporary *t, int dir,
	int (*make)(void *arg, int dir, const char *name), void *arg)
{
	for (int i = 0; i < TRIES; i++) {
		t->dir = dir;
		draw_name(t);

		int r = make(arg, dir, t->name);

		if (r >= 0)
			return r;
		t->name[0] = '\0';
		if (r != -EEXIST)
			return r;
	}
	return -EEXIST;
}

/* Where a rename cannot refuse to replace: the hard link can. */
static int rename_to_free(const struct temporary *t, const char *name)
{
	if (renameat2(t->dir, t->name, t->dir, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (linkat(t->dir, t->name, t->dir, name, 0) < 0)
		return -errno;
	return unlinkat(t->dir, t->name, 0) < 0 ? -errno : 0;
}

static int publish(const struct maker *k, struct temporary *t, const struct item *i,
	const char *path, struct o2r_err *err)
{
	struct item_name name = item_name(i);
	int r = 0;

	if (!k->force)
		r = rename_to_free(t, name.s);
	else if (renameat(t->dir, t->name, t->dir, name.s) < 0)
		r = -errno;
	if (r == -EEXIST)
		return err_set(err, ERR_USAGE, EEXIST,
			"%s exists (use --force to replace it)", path);
	if (r < 0)
		return err_errno(err, -r, "cannot put %s in place", path);
	/* two names of one inode: a rename from one to the other does nothing */
	if (k->force)
		unlinkat(t->dir, t->name, 0);
	t->name[0] = '\0';
	return 0;
}

static int make_file(void *arg, int dir, const char *name)
{
	int fd = openat(
		dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	(void)arg;
	return fd < 0 ? -errno : fd;
}

/* The bytes [at, end) of the file. */
static int copy_range(struct maker *k, int fd, uint64_t ino, uint64_t at, uint64_t end,
	const char *path, struct o2r_err *err)
{
	while (at < end) {
		int64_t n = o2r_read(k->image, ino, k->buf,
			(size_t)MIN(end - at, (uint64_t)CHUNK), at, &k->error);
		int r;

		if (n < 0)
			return library(k, err);
		if (n == 0)
			return err_corrupt(err, "%s: the file ends early", path);
		r = pwrite_full(fd, k->buf, (size_t)n, at);
		if (r < 0)
			return err_errno(err, -r, "cannot write %s", path);
		if (*k->cancel)
			return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
		at += (uint64_t)n;
	}
	return 0;
}

static int copy_data(struct maker *k, int fd, uint64_t ino, const char *path,
	uint64_t *bytes, struct o2r_err *err)
{
	uint64_t at = 0, start, end;
	struct stat st;
	int r = o2r_stat(k->image, ino, &st, &k->error);

	if (r < 0)
		return library(k, err);
	if (ftruncate(fd, st.st_size) < 0)
		return err_errno(err, errno, "cannot make %s of %lld bytes", path,
			(long long)st.st_size);
	while ((r = o2r_next_data(k->image, ino, at, &start, &end, &k->error)) > 0) {
		r = copy_range(k, fd, ino, start, end, path, err);
		if (r < 0)
			return r;
		*bytes += end - start;
		at = end;
	}
	return r < 0 ? library(k, err) : 0;
}

int maker_file(struct maker *k, struct meta *m, int dir, const struct item *i,
	const char *path, uint64_t *bytes, struct o2r_err *err)
{
	struct temporary t CLEANUP(temporary_finish) = {.dir = dir};
	AUTO_FD int fd = make_temporary(&t, dir, make_file, NULL);
	int r;

	if (fd < 0)
		return err_errno(err, -fd, "cannot make %s", path);
	r = copy_data(k, fd, i->ino, path, bytes, err);
	if (r == 0)
		r = meta_apply(m, fd, i->ino, path, err);
	/* network filesystems and quotas may speak up only here */
	if (r == 0 && close(steal_fd(&fd)) < 0 && errno != EINTR)
		r = err_errno(err, errno, "cannot write %s", path);
	return r < 0 ? r : publish(k, &t, i, path, err);
}

struct special {
	mode_t mode;
	dev_t dev;
	const char *target;
};

static int make_node(void *arg, int dir, const char *name)
{
	const struct special *s = arg;
	int r = S_ISLNK(s->mode) ? symlinkat(s->target, dir, name)
				 : mknodat(dir, name, (s->mode & S_IFMT) | 0600, s->dev);

	return r < 0 ? -errno : 0;
}

/* Open what was just made, without following it; it must still be that. */
static int open_made(
	const struct temporary *t, mode_t mode, const char *path, struct o2r_err *err)
{
	AUTO_FD int fd = openat(t->dir, t->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot look at %s", path);
	if ((st.st_mode & S_IFMT) != (mode & S_IFMT) || st.st_nlink != 1 ||
		st.st_uid != geteuid())
		return err_set(err, ERR_ACCESS, EPERM,
			"%s: somebody else changed the directory meanwhile", path);
	return steal_fd(&fd);
}

int maker_special(struct maker *k, struct meta *m, int dir, const struct item *i,
	const char *path, struct o2r_err *err)
{
	struct temporary t CLEANUP(temporary_finish) = {.dir = dir};
	AUTO_FD int fd = -1;
	struct special s;
	struct stat st;
	int r = o2r_stat(k->image, i->ino, &st, &k->error);

	if (r == 0) {
		s = (struct special){st.st_mode, st.st_rdev, NULL};
		if (S_ISLNK(st.st_mode))
			r = o2r_readlink(k->image, i->ino, &s.target, &k->error);
	}
	if (r < 0)
		return library(k, err);
	r = make_temporary(&t, dir, make_node, &s);
	if ((r == -EPERM || r == -EINVAL || r == -EOPNOTSUPP) &&
		(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))) {
		loss_note(&m->losses, LOSS_DEVICE, path, strerror(-r));
		return 1;
	}
	if (r < 0)
		return err_errno(err, -r, "cannot make %s", path);
	fd = open_made(&t, st.st_mode, path, err);
	r = fd < 0 ? fd : meta_apply(m, fd, i->ino, path, err);
	return r < 0 ? r : publish(k, &t, i, path, err);
}

struct link_from {
	int dir;
	struct item_name name;
};

static int make_link(void *arg, int dir, const char *name)
{
	const struct link_from *from = arg;

	return linkat(from->dir, from->name.s, dir, name, 0) < 0 ? -errno : 0;
}

int maker_link(struct maker *k, int from_dir, const struct item *from, int dir,
	const struct item *i, const char *path, struct o2r_err *err)
{
	struct temporary t CLEANUP(temporary_finish) = {.dir = dir};
	struct link_from f = {from_dir, item_name(from)};
	int r = make_temporary(&t, dir, make_link, &f);

	if (r < 0)
		return err_errno(err, -r, "cannot make the hard link %s", path);
	return publish(k, &t, i, path, err);
}
