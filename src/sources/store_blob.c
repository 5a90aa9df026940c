#include "sources/store_blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

struct kept {
	struct store *store;
	struct digest digest;
	int fd;
	struct blob file; /* has a duplicate of it */
};

static int kept_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	const struct kept *k = arg;

	return k->file.ops->pread(k->file.arg, buf, n, off);
}

static int kept_preadv_cached(void *arg, const struct iovec *v, int count, uint64_t off)
{
	const struct kept *k = arg;

	return blob_preadv_cached(&k->file, v, count, off);
}

static int kept_identity(void *arg, struct stat *st)
{
	const struct kept *k = arg;

	return blob_identity(&k->file, st);
}

static void kept_doubt(void *arg, bool sure)
{
	const struct kept *k = arg;

	(void)sure;
	store_forget_seen(k->store, &k->digest);
	(void)store_drop_blob(k->store, &k->digest, k->fd);
}

static void kept_destroy(void *arg)
{
	struct kept *k = arg;

	blob_close(&k->file);
	if (k->fd >= 0)
		close(k->fd);
	free(k);
}

static const struct blob_ops kept_ops = {
	.pread = kept_pread,
	.preadv_cached = kept_preadv_cached,
	.identity = kept_identity,
	.doubt = kept_doubt,
	.destroy = kept_destroy,
};

int store_open_blob(struct store *s, const struct digest *d, uint64_t size,
	struct blob *out, struct o2r_err *err)
{
	struct kept *k;
	int r, fd = store_get(s, STORE_BLOB, d, err);

	if (fd < 0)
		return fd;
	k = calloc(1, sizeof(*k));
	if (!k) {
		close(fd);
		return err_nomem(err);
	}
	*k = (struct kept){.store = s, .digest = *d, .fd = fd};
	fd = fcntl(k->fd, F_DUPFD_CLOEXEC, 3);
	r = fd < 0 ? err_errno(err, errno, "cannot keep it open")
		   : blob_open_fd(&k->file, fd, 0, size, err);
	/* what was cut short is of no use to the next one either */
	if (r == -EBADMSG)
		kept_doubt(k, true);
	if (r < 0) {
		kept_destroy(k);
		return r;
	}
	*out = (struct blob){.ops = &kept_ops, .arg = k, .size = size};
	return 0;
}
