#include "blob/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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
};

static int file_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	const struct file_range *f = arg;

	return pread_full(f->fd, buf, n, f->offset + off);
}

static void file_destroy(void *arg)
{
	struct file_range *f = arg;

	close(f->fd);
	free(f);
}

static const struct blob_ops file_ops = {.pread = file_pread, .destroy = file_destroy};

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

static void memory_destroy(void *arg)
{
	struct memory *m = arg;

	free(m->owned);
	free(m);
}

static const struct blob_ops memory_ops = {
	.pread = memory_pread, .destroy = memory_destroy};

/* Only regular files: others have no size to check against, or cannot seek. */
static int regular_size(int fd, uint64_t *size, struct o2r_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot stat a blob");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CORRUPT, EINVAL, "blob is not a regular file");
	*size = (uint64_t)st.st_size;
	return 0;
}

int blob_open_file(struct blob *b, int dirfd, const char *path, struct o2r_err *err)
{
	/* O_NONBLOCK: a FIFO must be refused, not waited for */
	AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct quoted name = text_quote(path, strlen(path));
	uint64_t size = 0;

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", name.s);

	int r = regular_size(fd, &size, err);

	if (r == 0)
		r = blob_open_fd(b, steal_fd(&fd), 0, size, err);
	if (r < 0)
		err_wrap(err, "%s", name.s);
	return r;
}

int blob_open_fd(
	struct blob *b, int fd, uint64_t offset, uint64_t size, struct o2r_err *err)
{
	AUTO_FD int owned = fd;
	uint64_t file_size, end;
	int r = regular_size(fd, &file_size, err);

	if (r < 0)
		return r;
	if (!add_u64(offset, size, &end) || end > file_size)
		return err_corrupt(err,
			"blob of %llu bytes at %llu does not fit its file of %llu bytes",
			(unsigned long long)size, (unsigned long long)offset,
			(unsigned long long)file_size);

	struct file_range *f = malloc(sizeof(*f));

	if (!f)
		return err_nomem(err);
	*f = (struct file_range){.fd = steal_fd(&owned), .offset = offset};
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

int blob_pread(
	const struct blob *b, void *buf, size_t n, uint64_t off, struct o2r_err *err)
{
	if (off > b->size || n > b->size - off)
		return err_corrupt(err,
			"%zu bytes at %llu lie past the blob's end at %llu", n,
			(unsigned long long)off, (unsigned long long)b->size);
	if (!n)
		return 0;

	int r = b->ops->pread(b->arg, buf, n, off);

	if (r == -ENODATA)
		return err_corrupt(err, "blob was cut short while it was being read");
	return r < 0 ? err_errno(err, -r, "cannot read the blob at byte %llu",
			       (unsigned long long)off)
		     : 0;
}

void blob_close(struct blob *b)
{
	if (b->ops)
		b->ops->destroy(b->arg);
	*b = (struct blob){0};
}
