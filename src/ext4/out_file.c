#include <errno.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "base/checked.h"
#include "base/file.h"
#include "ext4/out.h"

enum {
	/* Below, writing zeros costs less than asking the device to make them. */
	ZERO_BY_DEVICE_MIN = 64 << 10,
	/* Below, reading neighbours and writing them together costs less than a copy in
	 * the kernel for each. */
	COPY_MIN = 1 << 20,
	COPY_STEP = 16 << 20,
};

static const unsigned char zeros[ZERO_BY_DEVICE_MIN];

static int file_writev(
	void *arg, struct iovec *iov, int count, uint64_t off, struct o2r_err *err)
{
	const struct ext4_out_file *o = arg;
	int r = pwritev_full(o->fd, iov, count, off);

	return r < 0 ? err_errno(err, -r, "cannot write at byte %llu",
			       (unsigned long long)off)
		     : 0;
}

static int device_zero(void *arg, uint64_t off, uint64_t n, struct o2r_err *err)
{
	const struct ext4_out_file *o = arg;
	uint64_t range[2] = {off, n};

	if (n >= ZERO_BY_DEVICE_MIN && ioctl(o->fd, BLKZEROOUT, range) == 0)
		return 0;
	while (n) {
		size_t take = (size_t)MIN(n, sizeof(zeros));
		int r = pwrite_full(o->fd, zeros, take, off);

		if (r < 0)
			return err_errno(err, -r, "cannot write at byte %llu",
				(unsigned long long)off);
		off += take;
		n -= take;
	}
	return 0;
}

static int copy_bytes(int from, off_t from_off, uint64_t n, int to, off_t off)
{
	while (n) {
		ssize_t k = copy_file_range(
			from, &from_off, to, &off, (size_t)MIN(n, COPY_STEP), 0);

		if (k < 0 && errno == EINTR)
			continue;
		/* at its end already: it was cut short; who reads it will see */
		if (k <= 0)
			return 0;
		n -= (uint64_t)k;
	}
	return 1;
}

/* Whatever is in the way, reading and writing tells it better, or can do without. */
static int file_copy(void *arg, int from, uint64_t from_off, uint64_t n, uint64_t off,
	struct o2r_err *err)
{
	const struct ext4_out_file *o = arg;
	struct file_clone_range range = {.src_fd = from,
		.src_offset = from_off,
		.src_length = n,
		.dest_offset = off};

	(void)err;
	if (ioctl(o->fd, FICLONERANGE, &range) == 0)
		return 1;
	return n < COPY_MIN ? 0 : copy_bytes(from, (off_t)from_off, n, o->fd, (off_t)off);
}

struct ext4_out ext4_out_file(struct ext4_out_file *o, int fd, bool block_device)
{
	static const struct ext4_out_ops file = {
		.writev = file_writev, .copy = file_copy};
	static const struct ext4_out_ops device = {
		.writev = file_writev, .zero = device_zero};

	o->fd = fd;
	return (struct ext4_out){.ops = block_device ? &device : &file, .arg = o};
}
