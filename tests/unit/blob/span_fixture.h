/* For the tests of the span cache: a stream over a blob that can be damaged, and shut,
 * while it is read; and fetches that are waited for. */
#ifndef O2R_TESTS_BLOB_SPAN_FIXTURE_H
#define O2R_TESTS_BLOB_SPAN_FIXTURE_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "blob/span_impl.h"
#include "packing.h"

enum {
	SPAN = 4 * STREAM_PIECE,
};

struct shape {
	enum codec codec;
	unsigned parts; /* members or frames */
	int level;
	bool zlib;
	bool noise; /* packed it is as long as it was */
};

/* Bytes in memory that misbehave on demand. */
struct faulty {
	struct buf packed;
	_Atomic uint64_t flip;  /* this byte reads as another one; UINT64_MAX: none */
	_Atomic uint64_t end;   /* the blob was cut here */
	_Atomic uint64_t gate;  /* reads that reach this far wait */
	_Atomic int error;      /* of each read, 0: none */
	_Atomic uint64_t bytes; /* read */
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool held; /* somebody waits at the gate; with the lock */
};

static inline int faulty_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	struct faulty *f = arg;
	uint64_t flip = f->flip;

	pthread_mutex_lock(&f->lock);
	while (off + n > f->gate) {
		f->held = true;
		pthread_cond_broadcast(&f->opened);
		pthread_cond_wait(&f->opened, &f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	f->bytes += n;
	if (f->error)
		return f->error;
	if (off + n > f->end)
		return -ENODATA;
	memcpy(buf, f->packed.data + off, n);
	if (flip >= off && flip - off < n)
		((unsigned char *)buf)[flip - off] ^= 0x55;
	return 0;
}

static inline void faulty_destroy(void *arg)
{
	(void)arg;
}

static const struct blob_ops faulty_ops = {
	.pread = faulty_pread, .destroy = faulty_destroy};

static inline void set_gate(struct faulty *f, uint64_t gate)
{
	pthread_mutex_lock(&f->lock);
	f->gate = gate;
	pthread_cond_broadcast(&f->opened);
	pthread_mutex_unlock(&f->lock);
}

static inline void wait_held(struct faulty *f)
{
	pthread_mutex_lock(&f->lock);
	while (!f->held)
		pthread_cond_wait(&f->opened, &f->lock);
	f->held = false;
	pthread_mutex_unlock(&f->lock);
}

struct fixture {
	struct buf plain;
	struct faulty faulty;
	struct blob blob;
	struct stream *stream;
};

static inline void fixture_init(
	struct fixture *f, const struct shape *shape, size_t size, uint64_t span)
{
	struct stream_expect e = {.codec = -1, .span = span, .zlib = shape->zlib};
	struct o2r_err err = {0};

	*f = (struct fixture){.faulty = {.flip = UINT64_MAX}};
	f->faulty.end = f->faulty.gate = UINT64_MAX;
	pthread_mutex_init(&f->faulty.lock, NULL);
	pthread_cond_init(&f->faulty.opened, NULL);
	add_mixed(&f->plain, size);
	for (size_t i = 0; shape->noise && i < size; i++)
		f->plain.data[i] = (char)draw(256);
	add_parts(&f->faulty.packed, shape->codec, &f->plain, shape->parts, shape->level);
	f->blob = (struct blob){
		.ops = &faulty_ops, .arg = &f->faulty, .size = f->faulty.packed.len};
	if (stream_scan(&f->blob, &e, NULL, &test_ctx, NULL, &f->stream, &err) < 0)
		CHECK_STR(err.text, "");
	must(f->stream && stream_size(f->stream) == size);
}

static inline void fixture_finish(struct fixture *f)
{
	stream_destroy(f->stream);
	buf_finish(&f->plain);
	buf_finish(&f->faulty.packed);
	pthread_mutex_destroy(&f->faulty.lock);
	pthread_cond_destroy(&f->faulty.opened);
}

static inline struct span_cache *open_cache(
	struct fixture *f, unsigned count, const struct span_cache_options *o)
{
	struct stream *streams[16];
	struct span_cache *c = NULL;

	must(count <= 16);
	for (unsigned i = 0; i < count; i++)
		streams[i] = f[i].stream;
	must(span_cache_create(streams, count, o, &test_ctx, &c, NULL) == 0);
	return c;
}

/* One fetch of one part, and whether it is done. */
struct fetched {
	pthread_mutex_t lock;
	pthread_cond_t over;
	unsigned calls;
	int status;
	struct o2r_err err;
	unsigned char *got;
	uint64_t off;
	size_t n;
};

static inline void fetch_over(void *arg, int status, const struct o2r_err *err)
{
	struct fetched *f = arg;

	pthread_mutex_lock(&f->lock);
	f->calls++;
	f->status = status;
	if (status < 0)
		f->err = *err;
	pthread_cond_broadcast(&f->over);
	pthread_mutex_unlock(&f->lock);
}

static inline void fetch_start(
	struct fetched *f, struct span_cache *c, unsigned stream, uint64_t off, size_t n)
{
	struct span_part p = {.off = off, .n = n, .stream = stream};

	*f = (struct fetched){.off = off, .n = n};
	must(posix_memalign((void **)&f->got, 64, n + 1) == 0);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->over, NULL);
	p.dst = f->got;
	span_cache_fetch(c, &p, 1, fetch_over, f);
}

static inline bool fetch_is_over(struct fetched *f)
{
	pthread_mutex_lock(&f->lock);

	bool over = f->calls != 0;

	pthread_mutex_unlock(&f->lock);
	return over;
}

/* Wait for it, compare what it has brought, and forget it. */
static inline int fetch_end(struct fetched *f, const struct buf *plain)
{
	pthread_mutex_lock(&f->lock);
	while (!f->calls)
		pthread_cond_wait(&f->over, &f->lock);
	pthread_mutex_unlock(&f->lock);
	CHECK_EQ(f->calls, 1);
	if (f->status == 0)
		CHECK(memcmp(f->got, plain->data + f->off, f->n) == 0);
	else
		CHECK(f->err.code == f->status && f->err.text[0]);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->over);
	free(f->got);
	return f->status;
}

/* One read, compared. */
static inline int read_at(struct span_cache *c, const struct fixture *f, unsigned stream,
	uint64_t off, size_t n)
{
	struct fetched one;

	fetch_start(&one, c, stream, off, n);
	return fetch_end(&one, &f->plain);
}

/* What workers do by themselves, and what they do after the last want is served. */
static inline void wait_idle(struct span_cache *c)
{
	bool idle = false;

	while (!idle) {
		pthread_mutex_lock(&c->lock);
		idle = c->workers.idle == c->workers.threads && !c->workers.woken;
		pthread_mutex_unlock(&c->lock);
		sched_yield();
	}
}

static inline struct span_cache_counters counters(struct span_cache *c)
{
	struct span_cache_counters n;

	span_cache_counters(c, &n);
	return n;
}

#endif
