#include <linux/fs.h>
#include <sys/ioctl.h>

#include "base/checked.h"
#include "base/file.h"
#include "ext4/out.h"

enum {
	/* Below, writing zeros costs less than asking the device to make them. */
	ZERO_BY_DEVICE_MIN = 64 << 10,
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

struct ext4_out ext4_out_file(struct ext4_out_file *o, int fd, bool block_device)
{
	static const struct ext4_out_ops file = {.writev = file_writev};
	static const struct ext4_out_ops device = {
		.writev = file_writev, .zero = device_zero};

	o->fd = fd;
	return (struct ext4_out){.ops = block_device ? &device : &file, .arg = o};
}
