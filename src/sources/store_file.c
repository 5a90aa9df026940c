/* Kept files: found, locked, made, named, removed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/store_impl.h"

enum {
	TRIES = 100, /* until somebody else's renaming is more than bad luck */
};

struct store_name store_name(const struct digest *d, const char *suffix)
{
	struct digest_text t = digest_format(d);
	struct store_name n;

	snprintf(n.s, sizeof(n.s), "%s%s", strchr(t.s, ':') + 1, suffix);
	return n;
}

const char *store_companion(enum store_kind kind)
{
	switch (kind) {
	case STORE_INDEX:
		return ".seen";
	case STORE_BLOB:
		return ".used";
	case STORE_PARTIAL:
		return ".ranges";
	case STORE_DECODED:
	case STORE_NAME:
	case STORE_ARCHIVE:
	case STORE_UNFINISHED:
		break;
	}
	return NULL;
}

bool store_is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & 022);
}

/* Of the open file, not of the process: a lock lasts as long as the descriptor and its
 * duplicates, also those that a child inherited. */
bool store_lock(int fd, short type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &l) == 0 || (errno != EAGAIN && errno != EACCES);
}

bool store_is_locked(int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

bool store_is_named(int folder, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && a.st_nlink &&
	       fstatat(folder, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int refuse(struct store *s, const char *name, int why, struct o2r_err *err)
{
	return err_errno(err, why, "cannot use %s of the cache folder %s", name,
		text_quote(s->dir, strlen(s->dir)).s);
}

/* Open and lock; -EAGAIN when it was replaced between the two. */
static int try_get(struct store *s, int folder, const char *name, struct o2r_err *err)
{
	AUTO_FD int fd =
		openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : refuse(s, name, errno, err);
	if (fstat(fd, &st) < 0)
		return refuse(s, name, errno, err);
	if (!store_is_ours(&st))
		return refuse(s, name, EPERM, err);
	/* only who is about to remove it locks it against readers */
	if (!store_lock(fd, F_RDLCK))
		return -ENOENT;
	if (!store_is_named(folder, name, fd))
		return -EAGAIN;
	return steal_fd(&fd);
}

/* The times of a blob tell whether it is the file that was verified, so its last use is
 * the mtime of another one. */
static void note_use(int folder, enum store_kind kind, const struct digest *d, int fd)
{
	static const struct timespec now[2] = {
		{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	AUTO_FD int used = -1;

	if (kind == STORE_BLOB)
		fd = used = openat(folder, store_name(d, store_companion(kind)).s,
			O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd >= 0)
		(void)futimens(fd, now);
}

int store_get(struct store *s, enum store_kind kind, const struct digest *d,
	struct o2r_err *err)
{
	struct store_name name = store_name(d, "");
	AUTO_FD int folder = store_folder(s, kind, d->algo, false, err);
	int r = -EAGAIN;

	if (folder < 0)
		return folder;
	for (int i = 0; r == -EAGAIN && i < TRIES; i++)
		r = try_get(s, folder, name.s, err);
	if (r >= 0)
		note_use(folder, kind, d, r);
	return r == -EAGAIN ? -ENOENT : r;
}

bool store_has(struct store *s, enum store_kind kind, const struct digest *d)
{
	AUTO_FD int folder = store_folder(s, kind, d->algo, false, NULL);
	struct stat st;

	return folder >= 0 &&
	       fstatat(folder, store_name(d, "").s, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       store_is_ours(&st);
}

void store_drop(struct store *s, enum store_kind kind, const struct digest *d)
{
	AUTO_FD int folder = store_folder(s, kind, d->algo, false, NULL);

	if (folder >= 0)
		(void)unlinkat(folder, store_name(d, "").s, 0);
	if (folder >= 0 && (kind == STORE_BLOB || kind == STORE_PARTIAL))
		(void)unlinkat(folder, store_name(d, store_companion(kind)).s, 0);
}

/* A name that is free, its file opened; 0 when somebody took the name. */
static int try_temporary(struct tmpfile *t, struct o2r_err *err)
{
	uint64_t rnd = 0;

	if (getrandom(&rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd))
		return err_errno(err, errno, "cannot get random bytes");
	if (asprintf(&t->tmp_name, "%016llx", (unsigned long long)rnd) < 0) {
		t->tmp_name = NULL;
		return err_nomem(err);
	}
	t->fd = openat(t->dirfd, t->tmp_name,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (t->fd >= 0 && store_lock(t->fd, F_WRLCK) &&
		store_is_named(t->dirfd, t->tmp_name, t->fd))
		return 1;

	int why = t->fd < 0 ? errno : EEXIST;

	if (t->fd >= 0)
		close(steal_fd(&t->fd));
	free(t->tmp_name);
	t->tmp_name = NULL;
	return why == EEXIST ? 0 : err_errno(err, why, "cannot make a file");
}

int store_make_temporary(struct store *s, struct tmpfile *t, struct o2r_err *err)
{
	int r = 0;

	*t = (struct tmpfile)TMPFILE_INIT;
	t->dirfd = store_folder(s, STORE_UNFINISHED, DIGEST_NONE, true, err);
	if (t->dirfd < 0)
		return t->dirfd;
	for (int i = 0; r == 0 && i < TRIES; i++)
		r = try_temporary(t, err);
	if (r > 0)
		return 0;
	if (r == 0)
		r = err_set(err, ERR_FAIL, EEXIST, "there is no free name");
	tmpfile_finish(t);
	return err_wrap(err, "cache folder %s", text_quote(s->dir, strlen(s->dir)).s);
}

int store_rename(struct store *s, struct tmpfile *t, enum store_kind kind,
	const struct digest *d, const char *suffix, struct o2r_err *err)
{
	struct store_name name = store_name(d, suffix);
	AUTO_FD int folder = store_folder(s, kind, d->algo, true, err);

	if (folder < 0)
		return folder;
	/* from now on it may be read */
	store_lock(t->fd, F_RDLCK);
	if (renameat(t->dirfd, t->tmp_name, folder, name.s) < 0)
		return refuse(s, name.s, errno, err);
	free(t->tmp_name);
	t->tmp_name = NULL;
	return 0;
}

int store_begin(struct store *s, struct tmpfile *t, struct o2r_err *err)
{
	return store_make_temporary(s, t, err);
}

int store_publish(struct store *s, struct tmpfile *t, enum store_kind kind,
	const struct digest *d, struct o2r_err *err)
{
	return store_rename(s, t, kind, d, "", err);
}
