#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

int pwritev_full(int fd, struct iovec *iov, int count, uint64_t off)
{
	while (count > 0) {
		ssize_t r = pwritev(fd, iov, MIN(count, IOV_COUNT_MAX), (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		off += (uint64_t)r;
		while (count > 0 && (size_t)r >= iov->iov_len) {
			r -= (ssize_t)iov->iov_len;
			iov++;
			count--;
		}
		if (count > 0) {
			iov->iov_base = (char *)iov->iov_base + r;
			iov->iov_len -= (size_t)r;
		}
	}
	return 0;
}

int write_full(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		n -= (size_t)r;
	}
	return 0;
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
	if (!*base)
		return err_set(err, ERR_USAGE, EISDIR,
			"%s is a directory, not a file to write", target);
	t->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dirfd < 0)
		return err_errno(err, errno, "cannot open the directory %s", dir);
	t->target_name = strdup(base);
	return t->target_name ? 0 : err_nomem(err);
}

int tmpfile_open(struct tmpfile *t, const char *target, bool replace, struct o2r_err *err)
{
	struct stat st;

	*t = (struct tmpfile)TMPFILE_INIT;

	int r = split_target(t, target, err);

	if (r < 0)
		goto fail;
	if (fstatat(t->dirfd, t->target_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(st.st_mode))
			r = err_set(err, ERR_USAGE, EISDIR, "%s is a directory", target);
		else if (!replace)
			r = err_set(err, ERR_USAGE, EEXIST,
				"%s exists (use --force to replace it)", target);
		if (r < 0)
			goto fail;
	}
	for (int tries = 0; tries < 100; tries++) {
		uint64_t rnd = 0;

		if (getrandom(&rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd)) {
			r = err_errno(err, errno, "cannot get random bytes");
			goto fail;
		}
		free(t->tmp_name);
		t->tmp_name = NULL;
		/* the name is cut so that the temporary one is a valid name too */
		if (asprintf(&t->tmp_name, ".%.200s.%08x.tmp", t->target_name,
			    (unsigned)rnd) < 0) {
			t->tmp_name = NULL;
			r = err_nomem(err);
			goto fail;
		}
		t->fd = openat(t->dirfd, t->tmp_name,
			O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (t->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	r = err_errno(err, errno, "cannot create a file beside %s", target);
	free(t->tmp_name);
	t->tmp_name = NULL;
fail:
	tmpfile_finish(t);
	return r;
}

int tmpfile_publish(struct tmpfile *t, bool replace, struct o2r_err *err)
{
	unsigned flags = replace ? 0 : RENAME_NOREPLACE;
	int r = renameat2(t->dirfd, t->tmp_name, t->dirfd, t->target_name, flags);

	if (r < 0 && errno == EINVAL && flags) {
		/* a filesystem without RENAME_NOREPLACE: a hard link refuses to replace
		 * too */
		r = linkat(t->dirfd, t->tmp_name, t->dirfd, t->target_name, 0);
		if (r == 0)
			unlinkat(t->dirfd, t->tmp_name, 0);
	}
	if (r < 0)
		return err_errno(err, errno, "cannot rename the finished file to %s",
			t->target_name);
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

int file_anonymous(struct o2r_err *err)
{
	const char *dir = getenv("TMPDIR");

	if (!dir || !*dir)
		dir = "/tmp";

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
	return fd < 0 ? err_errno(err, errno, "cannot create a temporary file in %s", dir)
		      : fd;
}
