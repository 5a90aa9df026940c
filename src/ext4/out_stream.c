#include <errno.h>

#include "base/checked.h"
#include "base/file.h"
#include "ext4/out.h"

static const unsigned char zeros[64 << 10];

static int write_all(
	struct ext4_out_stream *o, struct iovec *iov, int count, struct o2r_err *err)
{
	uint64_t n = 0;

	for (int i = 0; i < count; i++)
		n += iov[i].iov_len;

	int r = writev_full(o->fd, iov, count);

	if (r < 0)
		return err_errno(
			err, -r, "cannot write at byte %llu", (unsigned long long)o->pos);
	o->pos += n;
	return 0;
}

static int stream_writev(
	void *arg, struct iovec *iov, int count, uint64_t off, struct o2r_err *err)
{
	struct ext4_out_stream *o = arg;

	if (off < o->pos)
		return err_set(err, ERR_FAIL, ESPIPE,
			"cannot go back from byte %llu to %llu of a stream",
			(unsigned long long)o->pos, (unsigned long long)off);
	while (o->pos < off) {
		struct iovec gap = {
			.iov_base = (void *)zeros,
			.iov_len = (size_t)MIN(off - o->pos, sizeof(zeros)),
		};
		int r = write_all(o, &gap, 1, err);

		if (r < 0)
			return r;
	}
	return write_all(o, iov, count, err);
}

struct ext4_out ext4_out_stream(struct ext4_out_stream *o, int fd)
{
	static const struct ext4_out_ops ops = {.writev = stream_writev, .ordered = true};

	*o = (struct ext4_out_stream){.fd = fd};
	return (struct ext4_out){.ops = &ops, .arg = o};
}
