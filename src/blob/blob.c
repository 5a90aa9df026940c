#include "blob/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"

struct file_range {
	int fd;
	uint64_t offset;
	struct stat found; /* when the blob was made */
};

static int file_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	const struct file_range *f = arg;

	return pread_full(f->fd, buf, n, f->offset + off);
}

static size_t iovec_bytes(const struct iovec *v, int count)
{
	size_t n = 0;

	for (int i = 0; i < count; i++)
		n += v[i].iov_len;
	return n;
}

/* A part is as good as nothing: who waits for the rest reads it all again. */
static int preadv_nowait(int fd, const struct iovec *v, int count, uint64_t off)
{
	ssize_t r = preadv2(fd, v, count, (off_t)off, RWF_NOWAIT);

	return r >= 0 && (size_t)r == iovec_bytes(v, count) ? 0 : -EAGAIN;
}

static int file_preadv_cached(void *arg, const struct iovec *v, int count, uint64_t off)
{
	const struct file_range *f = arg;

	return preadv_nowait(f->fd, v, count, f->offset + off);
}

/* The size of a file that has not changed since tells nothing that its times do not: its
 * place is for the offset, so that blobs in one archive are told apart. */
static int file_identity(void *arg, struct stat *st)
{
	const struct file_range *f = arg;

	*st = f->found;
	if (f->offset)
		st->st_size = (off_t)f->offset;
	return 0;
}

static void file_destroy(void *arg)
{
	struct file_range *f = arg;

	close(f->fd);
	free(f);
}

static const struct blob_ops file_ops = {
	.pread = file_pread,
	.preadv_cached = file_preadv_cached,
	.identity = file_identity,
	.destroy = file_destroy,
};

struct memory {
	const unsigned char *p;
	unsigned char *owned;
};

static int memory_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	const struct memory *m = arg;

	memcpy(buf, m->p + off, n);
	return 0;
}

static int memory_preadv(void *arg, const struct iovec *v, int count, uint64_t off)
{
	for (int i = 0; i < count; off += v[i++].iov_len)
		memory_pread(arg, v[i].iov_base, v[i].iov_len, off);
	return 0;
}

static void memory_destroy(void *arg)
{
	struct memory *m = arg;

	free(m->owned);
	free(m);
}

static const struct blob_ops memory_ops = {
	.pread = memory_pread,
	.preadv_cached = memory_preadv,
	.destroy = memory_destroy,
};

static int check_regular(const struct stat *st, struct o2r_err *err)
{
	/* others have no size to check against, or cannot seek */
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_CORRUPT, EINVAL, "blob is not a regular file");
	return 0;
}

/* A file that is opened when its bytes are wanted. */
struct named_file {
	char *path;
	int dirfd;         /* -1 once the file is open */
	struct stat found; /* when the blob was made */
	_Atomic int fd;    /* -1: not open yet */
	pthread_mutex_t opening;
};

static int open_found(struct named_file *f, struct o2r_err *err)
{
	/* O_NONBLOCK: a FIFO that took its place must not be waited for */
	AUTO_FD int fd = openat(f->dirfd, f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct quoted name = text_quote(f->path, strlen(f->path));
	struct stat st;

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", name.s);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot stat %s", name.s);
	if (st.st_dev != f->found.st_dev || st.st_ino != f->found.st_ino ||
		st.st_size != f->found.st_size || !S_ISREG(st.st_mode))
		return err_corrupt(err,
			"%s is not the file that was there a moment ago: it has been "
			"replaced or has another size",
			name.s);
	atomic_store(&f->fd, steal_fd(&fd));
	close(f->dirfd);
	f->dirfd = -1;
	return 0;
}

static int named_ready(void *arg, struct o2r_err *err)
{
	struct named_file *f = arg;
	int r = 0;

	if (atomic_load(&f->fd) >= 0)
		return 0;
	pthread_mutex_lock(&f->opening);
	if (atomic_load(&f->fd) < 0)
		r = open_found(f, err);
	pthread_mutex_unlock(&f->opening);
	return r;
}

static int named_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	struct named_file *f = arg;

	return pread_full(atomic_load(&f->fd), buf, n, off);
}

static int named_preadv_cached(void *arg, const struct iovec *v, int count, uint64_t off)
{
	const struct named_file *f = arg;
	int fd = atomic_load(&f->fd);

	return fd < 0 ? -EAGAIN : preadv_nowait(fd, v, count, off);
}

static int named_identity(void *arg, struct stat *st)
{
	const struct named_file *f = arg;

	*st = f->found;
	return 0;
}

static void named_destroy(void *arg)
{
	struct named_file *f = arg;
	int fd = atomic_load(&f->fd);

	if (fd >= 0)
		close(fd);
	if (f->dirfd >= 0)
		close(f->dirfd);
	pthread_mutex_destroy(&f->opening);
	free(f->path);
	free(f);
}

static const struct blob_ops named_ops = {
	.pread = named_pread,
	.preadv_cached = named_preadv_cached,
	.ready = named_ready,
	.identity = named_identity,
	.destroy = named_destroy,
};

static int look_at(struct named_file *f, int dirfd, const char *path, struct o2r_err *err)
{
	struct quoted name = text_quote(path, strlen(path));
	int r;

	if (fstatat(dirfd, path, &f->found, 0) < 0)
		return err_errno(err, errno, "cannot open %s", name.s);
	r = check_regular(&f->found, err);
	if (r < 0)
		return err_wrap(err, "%s", name.s);
	f->path = strdup(path);
	if (!f->path)
		return err_nomem(err);
	if (dirfd == AT_FDCWD)
		f->dirfd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	else
		f->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	return f->dirfd < 0 ? err_errno(err, errno, "%s", name.s) : 0;
}

int blob_open_file(struct blob *b, int dirfd, const char *path, struct o2r_err *err)
{
	struct named_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_nomem(err);
	f->fd = f->dirfd = -1;
	pthread_mutex_init(&f->opening, NULL);
	r = look_at(f, dirfd, path, err);
	if (r < 0) {
		named_destroy(f);
		return r;
	}
	*b = (struct blob){
		.ops = &named_ops, .arg = f, .size = (uint64_t)f->found.st_size};
	return 0;
}

int blob_open_fd(
	struct blob *b, int fd, uint64_t offset, uint64_t size, struct o2r_err *err)
{
	AUTO_FD int owned = fd;
	struct stat st;
	uint64_t end;
	int r = fstat(fd, &st) < 0 ? err_errno(err, errno, "cannot stat a blob")
				   : check_regular(&st, err);

	if (r < 0)
		return r;
	if (!add_u64(offset, size, &end) || end > (uint64_t)st.st_size)
		return err_corrupt(err,
			"blob of %llu bytes at %llu does not fit its file of %llu bytes",
			(unsigned long long)size, (unsigned long long)offset,
			(unsigned long long)st.st_size);

	struct file_range *f = malloc(sizeof(*f));

	if (!f)
		return err_nomem(err);
	*f = (struct file_range){.fd = steal_fd(&owned), .offset = offset, .found = st};
	*b = (struct blob){.ops = &file_ops, .arg = f, .size = size};
	return 0;
}

int blob_open_memory(
	struct blob *b, const void *p, uint64_t size, int copy, struct o2r_err *err)
{
	AUTO_FREE struct memory *m = calloc(1, sizeof(*m));

	if (!m || size > SIZE_MAX - 1)
		return err_nomem(err);
	m->p = p;
	if (copy) {
		m->owned = malloc((size_t)size + 1);
		if (!m->owned)
			return err_nomem(err);
		if (size)
			memcpy(m->owned, p, (size_t)size);
		m->p = m->owned;
	}
	*b = (struct blob){.ops = &memory_ops, .arg = STEAL(m), .size = size};
	return 0;
}

static int read_at(const struct blob *b, void *buf, size_t n, uint64_t off, bool early,
	struct o2r_err *err)
{
	if (off > b->size || n > b->size - off)
		return err_corrupt(err,
			"%zu bytes at %llu lie past the blob's end at %llu", n,
			(unsigned long long)off, (unsigned long long)b->size);
	if (!n)
		return 0;

	int r = early && b->ops->arrived ? b->ops->arrived(b->arg, off + n, err)
					 : blob_ready(b, err);

	if (r < 0)
		return r;
	if (b->ops->read)
		return b->ops->read(b->arg, buf, n, off, err);
	r = b->ops->pread(b->arg, buf, n, off);

	if (r == -ENODATA)
		return err_corrupt(err, "blob was cut short while it was being read");
	return r < 0 ? err_errno(err, -r, "cannot read the blob at byte %llu",
			       (unsigned long long)off)
		     : 0;
}

int blob_pread(
	const struct blob *b, void *buf, size_t n, uint64_t off, struct o2r_err *err)
{
	return read_at(b, buf, n, off, false, err);
}

int blob_pread_early(
	const struct blob *b, void *buf, size_t n, uint64_t off, struct o2r_err *err)
{
	return read_at(b, buf, n, off, true, err);
}

int blob_preadv_cached(
	const struct blob *b, const struct iovec *v, int count, uint64_t off)
{
	if (off > b->size || iovec_bytes(v, count) > b->size - off)
		return -EAGAIN;
	return b->ops->preadv_cached ? b->ops->preadv_cached(b->arg, v, count, off)
				     : -EAGAIN;
}

int blob_ready(const struct blob *b, struct o2r_err *err)
{
	return b->ops && b->ops->ready ? b->ops->ready(b->arg, err) : 0;
}

void blob_want(const struct blob *b)
{
	if (b->ops && b->ops->want)
		b->ops->want(b->arg);
}

bool blob_checks(const struct blob *b)
{
	return b->ops && b->ops->checks && b->ops->checks(b->arg);
}

void blob_doubt(const struct blob *b, bool sure)
{
	if (b->ops && b->ops->doubt)
		b->ops->doubt(b->arg, sure);
}

int blob_identity(const struct blob *b, struct stat *st)
{
	return b->ops && b->ops->identity ? b->ops->identity(b->arg, st) : -ENOTSUP;
}

void blob_close(struct blob *b)
{
	if (b->ops)
		b->ops->destroy(b->arg);
	*b = (struct blob){0};
}
