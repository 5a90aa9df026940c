#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"

enum {
	IOV_COUNT_MAX = 1024, /* UIO_MAXIOV of Linux */
};

int pread_full(int fd, void *buf, size_t n, uint64_t off)
{
	char *p = buf;

	while (n) {
		ssize_t r = pread(fd, p, n, (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return -ENODATA;
		p += r;
		off += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

int pwrite_full(int fd, const void *buf, size_t n, uint64_t off)
{
	struct iovec iov = {.iov_base = (void *)buf, .iov_len = n};

	return pwritev_full(fd, &iov, 1, off);
}

/* n bytes have been written. */
static void iov_advance(struct iovec **iov, int *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		++*iov;
		--*count;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

int pwritev_full(int fd, struct iovec *iov, int count, uint64_t off)
{
	while (count > 0) {
		ssize_t r = pwritev(fd, iov, MIN(count, IOV_COUNT_MAX), (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		/* of a request that is not empty: would go on for ever */
		if (r == 0 && iov->iov_len)
			return -EIO;
		off += (uint64_t)r;
		iov_advance(&iov, &count, (size_t)r);
	}
	return 0;
}

int writev_full(int fd, struct iovec *iov, int count)
{
	while (count > 0) {
		ssize_t r = writev(fd, iov, MIN(count, IOV_COUNT_MAX));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN) {
			/* a pipe that somebody else made non-blocking */
			struct pollfd room = {.fd = fd, .events = POLLOUT};

			if (poll(&room, 1, -1) < 0 && errno != EINTR)
				return -errno;
			continue;
		}
		if (r < 0)
			return -errno;
		if (r == 0 && iov->iov_len)
			return -EIO;
		iov_advance(&iov, &count, (size_t)r);
	}
	return 0;
}

int write_full(int fd, const void *buf, size_t n)
{
	struct iovec iov = {.iov_base = (void *)buf, .iov_len = n};

	return writev_full(fd, &iov, 1);
}

int file_read(
	int dirfd, const char *path, size_t max, struct buf *out, struct o2r_err *err)
{
	AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct quoted quoted = text_quote(path, strlen(path));
	const char *name = quoted.s;
	struct stat st;

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", name);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot stat %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(
			err, ERR_CORRUPT, EINVAL, "%s is not a regular file", name);
	if ((uint64_t)st.st_size > max)
		return err_set(err, ERR_CORRUPT, EFBIG,
			"%s has %lld bytes, more than the %zu allowed", name,
			(long long)st.st_size, max);
	out->max = max;

	int r = buf_reserve(out, (size_t)st.st_size);

	if (r < 0)
		return err_nomem(err);
	r = pread_full(fd, out->data + out->len, (size_t)st.st_size, 0);
	if (r < 0)
		return err_errno(err, -r, "cannot read %s", name);
	out->len += (size_t)st.st_size;
	out->data[out->len] = '\0';
	return 0;
}

static int split_target(struct tmpfile *t, const char *target, struct o2r_err *err)
{
	const char *slash = strrchr(target, '/');
	AUTO_FREE char *dir =
		slash ? strndup(target, (size_t)(slash - target) + 1) : strdup(".");
	const char *base = slash ? slash + 1 : target;

	if (!dir)
		return err_nomem(err);
	if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return err_set(err, ERR_USAGE, EISDIR,
			"%s is a directory, not a file to write",
			text_quote(target, strlen(target)).s);
	t->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dirfd < 0)
		return err_errno(err, errno, "cannot open the directory %s",
			text_quote(dir, strlen(dir)).s);
	t->target_name = strdup(base);
	return t->target_name ? 0 : err_nomem(err);
}

/* What is under the name now: nothing, or a file or link that may be replaced. */
static int check_target(
	const struct tmpfile *t, const char *target, bool replace, struct o2r_err *err)
{
	struct quoted name = text_quote(target, strlen(target));
	struct stat st;

	if (fstatat(t->dirfd, t->target_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		/* a name that is too long would be found out only at the end */
		return err_errno(err, errno, "cannot make %s", name.s);
	}
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, EISDIR, "%s is a directory", name.s);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(
			err, ERR_USAGE, EEXIST, "%s is not a regular file", name.s);
	if (!replace)
		return err_set(err, ERR_USAGE, EEXIST,
			"%s exists (use --force to replace it)", name.s);
	return 0;
}

static int make_temporary(struct tmpfile *t, const char *target, struct o2r_err *err)
{
	for (int tries = 0; tries < 100; tries++) {
		uint32_t rnd = 0;

		if (getrandom(&rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd))
			return err_errno(err, errno, "cannot get random bytes");
		/* the name is cut so that the temporary one is a valid name too */
		if (asprintf(&t->tmp_name, ".%.200s.%08x.tmp", t->target_name, rnd) < 0) {
			t->tmp_name = NULL;
			return err_nomem(err);
		}
		t->fd = openat(t->dirfd, t->tmp_name,
			O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (t->fd >= 0)
			return 0;

		int why = errno;

		free(t->tmp_name);
		t->tmp_name = NULL;
		if (why != EEXIST)
			return err_errno(err, why, "cannot create a file beside %s",
				text_quote(target, strlen(target)).s);
	}
	return err_set(err, ERR_FAIL, EEXIST, "no free name for a file beside %s",
		text_quote(target, strlen(target)).s);
}

int tmpfile_open(struct tmpfile *t, const char *target, bool replace, struct o2r_err *err)
{
	*t = (struct tmpfile)TMPFILE_INIT;

	int r = split_target(t, target, err);

	if (r == 0)
		r = check_target(t, target, replace, err);
	if (r == 0)
		r = make_temporary(t, target, err);
	if (r < 0)
		tmpfile_finish(t);
	return r;
}

/* Where neither a rename that refuses to replace nor a hard link is to be had: the name
 * is taken by an empty file of our own first, and only that is replaced. */
static int rename_over_own(struct tmpfile *t)
{
	AUTO_FD int fd = openat(
		t->dirfd, t->target_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0)
		return -1;
	if (renameat(t->dirfd, t->tmp_name, t->dirfd, t->target_name) == 0)
		return 0;

	int why = errno;

	unlinkat(t->dirfd, t->target_name, 0);
	errno = why;
	return -1;
}

static int rename_to_free(struct tmpfile *t)
{
	if (renameat2(t->dirfd, t->tmp_name, t->dirfd, t->target_name,
		    RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(t->dirfd, t->tmp_name, t->dirfd, t->target_name, 0) == 0) {
		unlinkat(t->dirfd, t->tmp_name, 0);
		return 0;
	}
	return errno == EEXIST ? -1 : rename_over_own(t);
}

int tmpfile_publish(struct tmpfile *t, bool replace, struct o2r_err *err)
{
	int fd = steal_fd(&t->fd);

	/* network filesystems and quotas may speak up only here */
	if (close(fd) < 0 && errno != EINTR)
		return err_errno(err, errno, "cannot finish the file for %s",
			text_quote(t->target_name, strlen(t->target_name)).s);

	int r = replace ? renameat(t->dirfd, t->tmp_name, t->dirfd, t->target_name)
			: rename_to_free(t);

	if (r < 0)
		return err_errno(err, errno, "cannot rename the finished file to %s",
			text_quote(t->target_name, strlen(t->target_name)).s);
	free(t->tmp_name);
	t->tmp_name = NULL;
	return 0;
}

void tmpfile_finish(struct tmpfile *t)
{
	if (t->tmp_name)
		unlinkat(t->dirfd, t->tmp_name, 0);
	if (t->fd >= 0)
		close(t->fd);
	if (t->dirfd >= 0)
		close(t->dirfd);
	free(t->tmp_name);
	free(t->target_name);
	*t = (struct tmpfile)TMPFILE_INIT;
}

static int anonymous_in(const char *usual, struct o2r_err *err)
{
	const char *dir = getenv("TMPDIR");

	if (!dir || !*dir)
		dir = usual;

	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		AUTO_FREE char *name = NULL;

		if (asprintf(&name, "%s/o2r.XXXXXX", dir) < 0) {
			name = NULL;
			return err_nomem(err);
		}
		fd = mkostemp(name, O_CLOEXEC);
		if (fd >= 0)
			unlink(name);
	}
	return fd < 0 ? err_errno(err, errno, "cannot create a temporary file in %s",
				text_quote(dir, strlen(dir)).s)
		      : fd;
}

int file_anonymous(struct o2r_err *err)
{
	return anonymous_in("/tmp", err);
}

int file_anonymous_large(struct o2r_err *err)
{
	return anonymous_in("/var/tmp", err);
}
