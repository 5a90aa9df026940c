#include "sources/store_blob.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"

enum {
	LOOK_CHUNK = 256 << 10,
};

struct kept {
	struct store *store;
	struct digest digest;
	struct blob file;
	int fd; /* the file's */
	_Atomic bool doubted;
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

/* Without memory it is not known to be; it can be made again. */
static bool is_right(const struct kept *k)
{
	CLEANUP(digester_finish) struct digester d = {0};
	AUTO_FREE unsigned char *buf = malloc(LOOK_CHUNK);
	struct digest is;
	bool ok = buf && digester_init(&d, k->digest.algo, NULL) == 0;

	for (uint64_t off = 0; ok && off < k->file.size; off += LOOK_CHUNK) {
		size_t n = (size_t)MIN(k->file.size - off, LOOK_CHUNK);

		ok = pread_full(k->fd, buf, n, off) == 0 &&
		     digester_update(&d, buf, n, NULL) == 0;
	}
	return ok && digester_final(&d, &is, NULL) == 0 && digest_equal(&is, &k->digest);
}

static void drop(struct kept *k)
{
	store_forget_seen(k->store, &k->digest);
	(void)store_drop_blob(k->store, &k->digest, k->fd);
}

/* Most who are not sure have met a limit, or a layer that never was any good: somebody
 * else may need it, and have no archive to make it of. */
static void kept_doubt(void *arg, bool sure)
{
	struct kept *k = arg;

	if (sure || (!atomic_exchange(&k->doubted, true) && !is_right(k)))
		drop(k);
}

static void kept_destroy(void *arg)
{
	struct kept *k = arg;

	blob_close(&k->file);
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
	r = blob_open_fd(&k->file, fd, 0, size, err);
	if (r < 0) {
		/* what was cut short is of no use to the next one either */
		if (r == -EBADMSG)
			store_drop(s, STORE_BLOB, d);
		free(k);
		return r;
	}
	*out = (struct blob){.ops = &kept_ops, .arg = k, .size = size};
	return 0;
}
