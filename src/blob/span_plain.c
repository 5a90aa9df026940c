/* Reads from what is decoded already: plain blobs, and decoded copies. */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/checked.h"
#include "blob/piece_sum.h"
#include "blob/span_impl.h"

enum {
	SCRATCH_MAX = 64, /* kept; about as many as threads read at once */
};

static struct span_scratch *scratch_take(struct span_cache *c)
{
	pthread_mutex_lock(&c->lock);

	struct span_scratch *s = c->scratch;

	if (s) {
		c->scratch = s->next;
		c->scratch_count--;
	}
	pthread_mutex_unlock(&c->lock);
	return s ? s : malloc(sizeof(*s));
}

static void scratch_put(struct span_cache *c, struct span_scratch *s, uint64_t bytes)
{
	pthread_mutex_lock(&c->lock);
	c->counters.plain_bytes += bytes;
	if (c->scratch_count < SCRATCH_MAX) {
		s->next = c->scratch;
		c->scratch = s;
		c->scratch_count++;
		s = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	free(s);
}

void span_scratch_finish(struct span_cache *c)
{
	while (c->scratch) {
		struct span_scratch *s = c->scratch;

		c->scratch = s->next;
		free(s);
	}
}

/* The checksum of the next n bytes of v[0 .. 3), which is used up meanwhile. */
static uint32_t sum_of(struct iovec *v, size_t n)
{
	uint32_t sum = PIECE_SUM_INIT;

	for (int i = 0; n && i < 3; i++) {
		size_t k = MIN(n, v[i].iov_len);

		sum = piece_sum_add(sum, v[i].iov_base, k);
		v[i].iov_base = (char *)v[i].iov_base + k;
		v[i].iov_len -= k;
		n -= k;
	}
	return sum;
}

static int check(const struct stream *s, uint64_t from, uint64_t to, struct iovec *v,
	struct o2r_err *err)
{
	for (uint64_t at = from; at < to && !s->unchecked; at += STREAM_PIECE)
		if (sum_of(v, (size_t)MIN(to - at, STREAM_PIECE)) !=
			s->crcs[at / STREAM_PIECE])
			return err_corrupt(err,
				"blob has changed since it was indexed: bytes at %llu "
				"are not those that were indexed",
				(unsigned long long)at);
	return 0;
}

static int read_waiting(
	const struct blob *b, const struct iovec *v, uint64_t off, struct o2r_err *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < 3; off += v[i++].iov_len)
		r = blob_pread(b, v[i].iov_base, v[i].iov_len, off, err);
	return r;
}

int span_plain_read(struct span_cache *c, struct span_want *w, const struct blob *b,
	bool cached, struct o2r_err *err)
{
	const struct stream *s = w->lane->stream;
	uint64_t from = w->off / STREAM_PIECE * STREAM_PIECE;
	uint64_t to = MIN(DIV_ROUND_UP(w->end, STREAM_PIECE) * STREAM_PIECE, s->size);
	struct span_scratch *scratch = scratch_take(c);

	if (!scratch)
		return err_nomem(err);
	if (s->unchecked) {
		from = w->off;
		to = w->end;
	}

	/* where there are checksums whole pieces are read, and only what is not wanted of
	 * them goes elsewhere */
	struct iovec v[3] = {
		{scratch->bytes, (size_t)(w->off - from)},
		{w->dst, (size_t)(w->end - w->off)},
		{scratch->bytes + STREAM_PIECE, (size_t)(to - w->end)},
	};
	int r = cached ? blob_preadv_cached(b, v, 3, from)
		       : read_waiting(b, v, from, err);

	if (r == 0)
		r = check(s, from, to, v, err);
	/* a decoded copy is not the blob */
	if (r == -EBADMSG && b == s->blob)
		blob_doubt(b, false);
	scratch_put(c, scratch, r == 0 ? w->end - w->off : 0);
	return r;
}

static void plain_job(struct span_cache *c, struct span_job *job)
{
	struct span_want *w = SPAN_OF(job, struct span_want, job);
	struct o2r_err err = {0};

	pthread_mutex_unlock(&c->lock);

	int r = span_plain_read(c, w, w->lane->stream->blob, false, &err);

	span_want_done(c, w, r, &err);
	pthread_mutex_lock(&c->lock);
}

void span_plain_want(struct span_cache *c, struct span_want *w)
{
	struct o2r_err err = {0};

	pthread_mutex_unlock(&c->lock);

	int r = span_plain_read(c, w, w->lane->stream->blob, true, &err);

	if (r != -EAGAIN)
		span_want_done(c, w, r, &err);
	pthread_mutex_lock(&c->lock);
	if (r == -EAGAIN) {
		w->job.run = plain_job;
		span_push(c, &w->job, SPAN_URGENT);
	}
}

void span_plain_cancel(struct span_cache *c, struct span_link *to)
{
	struct span_link *queue = &c->workers.queue[SPAN_URGENT], *next;

	for (struct span_link *l = queue->next; l != queue; l = next) {
		struct span_job *job = SPAN_OF(l, struct span_job, link);

		next = l->next;
		if (job->run != span_decode && job->run != span_copy_make) {
			span_list_remove(l);
			span_list_add(to, &SPAN_OF(job, struct span_want, job)->link);
		}
	}
}
