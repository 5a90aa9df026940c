/*
 * The digest of a blob, in order, by one thread at a time. Bytes that arrive in order are
 * hashed from the buffer that they came in; others are read back from the file when it is
 * their turn.
 */
#include "base/checked.h"
#include "base/file.h"
#include "sources/registry/fetcher_impl.h"

enum {
	/* so many times of what arrives is hashed while it does, of what lay there: the
	 * connection must not wait for long */
	CATCH_UP = 4,
};

static bool can_hash(const struct fetch *b)
{
	return b->phase == PHASE_ARRIVING && b->hashed < b->front && !b->hashing;
}

/* Lock held, and given away in between. p: the bytes at b->hashed, NULL: in the file. */
static void hash(
	struct fetch_worker *w, struct fetch *b, const unsigned char *p, size_t n)
{
	struct o2r_err err = {0};
	uint64_t off = b->hashed;
	int fd = b->fd, r = 0;

	b->hashing = true;
	pthread_mutex_unlock(&b->fetcher->lock);
	if (!p) {
		r = pread_full(fd, w->piece, n, off);
		if (r < 0)
			err_errno(&err, -r, "cannot read what was fetched of blob %s",
				b->name.s);
		p = w->piece;
	}
	if (r == 0)
		r = digester_update(&b->digester, p, n, &err);
	pthread_mutex_lock(&b->fetcher->lock);
	b->hashing = false;
	if (r < 0)
		fetch_fail(b, &err);
	else
		b->hashed += n;
}

/* What is left is for who has nothing else to do. */
static void leave_rest(struct fetch *b)
{
	if (b->hashed < b->front || b->hashed == b->size)
		fetch_wake(b->fetcher);
}

void fetch_hash_file(struct fetch_worker *w, struct fetch *b, uint64_t most)
{
	while (most && can_hash(b) && !fetch_cancelled(b->fetcher)) {
		size_t n = (size_t)MIN(MIN(b->front - b->hashed, most), sizeof(w->piece));

		hash(w, b, NULL, n);
		most -= n;
	}
	leave_rest(b);
}

void fetch_hash(
	struct fetch_worker *w, struct fetch *b, const void *p, size_t n, uint64_t off)
{
	if (!can_hash(b))
		return;
	if (!p || off != b->hashed) {
		fetch_hash_file(w, b, (uint64_t)n * CATCH_UP);
		return;
	}
	hash(w, b, p, n);
	leave_rest(b);
}
