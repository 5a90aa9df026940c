/* The span cache over every kind of stream: who gets what, when, and at what cost. */
#include <time.h>

#include "base/checked.h"
#include "blob/span_impl.h"
#include "span_fixture.h"

enum {
	THREADS = 6,
	READS = 150,
};

static const struct shape shapes[] = {
	{CODEC_GZIP, 1, 6, false, false},
	{CODEC_GZIP, 1, 6, true, false},
	{CODEC_GZIP, 40, 1, false, false},
	{CODEC_GZIP, 40, 1, true, false},
	{CODEC_ZSTD, 30, 3, false, false},
	{CODEC_ZSTD, 3, 3, false, false},
	{CODEC_ZSTD, 1, 3, false, false},
	{CODEC_PLAIN, 1, 0, false, false},
};

enum {
	SHAPES = sizeof(shapes) / sizeof(shapes[0]),
};

static const struct shape gzip = {CODEC_GZIP, 1, 6, false, false};
static const struct shape noise = {CODEC_GZIP, 1, 6, false, true};

static struct fixture all[SHAPES];

/* ---- the same bytes, whoever asks -----------------------------------------------------
 */

struct reading {
	struct span_cache *cache;
	uint64_t seed;
	unsigned stream;
	_Atomic unsigned wrong;
};

/* Three parts of any streams in one fetch. */
static int read_some(struct span_cache *c, uint64_t *x, unsigned char *got)
{
	struct span_part parts[3];
	size_t at = 0;
	int r;

	for (int i = 0; i < 3; i++) {
		*x = *x * 6364136223846793005ULL + 1442695040888963407ULL;

		uint32_t v = (uint32_t)(*x >> 32);
		unsigned stream = v % SHAPES;
		size_t size = all[stream].plain.len;
		uint64_t off = (v >> 4) % size;
		size_t n = (v & 15) == 0 ? 0 : (v & 1) ? 4096 : (v >> 3) % 300000;

		n = n < size - off ? n : (size_t)(size - off);
		parts[i] = (struct span_part){off, got + at, n, stream};
		at += n;
	}
	r = span_cache_read(c, parts, 3, NULL);
	for (int i = 0; i < 3 && r == 0; i++)
		if (memcmp(parts[i].dst, all[parts[i].stream].plain.data + parts[i].off,
			    parts[i].n) != 0)
			r = 1;
	return r;
}

/* At any time: what is kept, and one span more for each worker when all others are in use
 * by somebody. */
static bool within_bounds(struct span_cache *c)
{
	uint64_t longest = 0;

	for (unsigned i = 0; i < c->count; i++)
		if (!c->lanes[i].plain)
			longest = MAX(longest, span_longest(&c->lanes[i]));
	pthread_mutex_lock(&c->lock);

	bool fits = c->used <= c->memory + c->workers.most * longest;

	pthread_mutex_unlock(&c->lock);
	return fits;
}

static void *read_random(void *arg)
{
	struct reading *r = arg;
	unsigned char *got = malloc(1 << 20);

	must(got != NULL);
	for (int i = 0; i < READS; i++) {
		r->wrong += read_some(r->cache, &r->seed, got) != 0;
		r->wrong += !within_bounds(r->cache);
	}
	free(got);
	return NULL;
}

static void random_reads(uint64_t memory, unsigned workers)
{
	struct span_cache_options o = {.memory = memory, .threads = workers};
	struct span_cache *c = open_cache(all, SHAPES, &o);
	struct reading r[THREADS];
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++) {
		r[i] = (struct reading){.cache = c, .seed = draw(1 << 30)};
		must(pthread_create(&t[i], NULL, read_random, &r[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(r[i].wrong, 0);
	}
	CHECK_EQ(counters(c).failed, 0);
	wait_idle(c);
	/* all is at rest: the bound holds exactly */
	pthread_mutex_lock(&c->lock);
	CHECK(c->used <= c->memory);
	CHECK(c->reader_count <= c->reader_most);
	pthread_mutex_unlock(&c->lock);
	span_cache_destroy(c);
}

/* ---- once, and no further than wanted -------------------------------------------------
 */

static void *read_forwards(void *arg)
{
	struct reading *r = arg;
	const struct buf *plain = &all[r->stream].plain;
	unsigned char *got = malloc(100000);

	must(got != NULL);
	for (uint64_t off = 0; off < plain->len; off += 100000) {
		struct span_part p = {off, got, MIN(100000, plain->len - off), r->stream};

		r->wrong += span_cache_read(r->cache, &p, 1, NULL) != 0 ||
			    memcmp(got, plain->data + off, p.n) != 0;
	}
	free(got);
	return NULL;
}

/* A checkpoint in the last piece begins nothing. */
static uint64_t spans_of(const struct stream *s)
{
	const struct checkpoints *p = &s->checkpoints;

	return p->n + 1 -
	       (p->n && DIV_ROUND_UP(p->v[p->n - 1].out_off, STREAM_PIECE) ==
				DIV_ROUND_UP(s->size, STREAM_PIECE));
}

/* Each span is decoded once, by whichever thread. */
static void decoded_once(unsigned stream)
{
	struct span_cache_options o = {.threads = 3};
	struct span_cache *c = open_cache(all, SHAPES, &o);
	uint64_t spans = spans_of(all[stream].stream);
	struct reading r = {.cache = c, .stream = stream};
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		must(pthread_create(&t[i], NULL, read_forwards, &r) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(r.wrong, 0);
	CHECK_EQ(counters(c).decoded_spans, spans);
	/* zlib's and zstd's checkpoints do not stand at pieces */
	CHECK(counters(c).decoded_bytes >= all[stream].plain.len);
	CHECK(counters(c).decoded_bytes <= all[stream].plain.len + spans * STREAM_PIECE);
	span_cache_destroy(c);
}

static void no_further(void)
{
	struct span_cache_options o = {.threads = 2};
	struct span_cache *c = open_cache(all, SHAPES, &o);
	uint64_t from, to, skipped;
	size_t index;

	/* from a span's checkpoint to its first whole piece: nothing, but for zlib */
	span_bounds(&c->lanes[0], SPAN + SPAN / 2, &from, &to, &index);
	must(index > 0 && to - from >= 3 * STREAM_PIECE);
	skipped = from - all[0].stream->checkpoints.v[index - 1].out_off;
	CHECK_EQ(read_at(c, &all[0], 0, from + 5, 10), 0);
	CHECK_EQ(counters(c).decoded_bytes, skipped + STREAM_PIECE);
	CHECK_EQ(read_at(c, &all[0], 0, from + STREAM_PIECE - 1, 2), 0);
	CHECK_EQ(counters(c).decoded_bytes, skipped + 2 * STREAM_PIECE);
	CHECK_EQ(counters(c).decoded_spans, 1);
	CHECK_EQ(counters(c).hits, 0);
	CHECK_EQ(read_at(c, &all[0], 0, from + 100, 100000), 0);
	CHECK_EQ(counters(c).hits, 1);
	/* from one span into the next: the decoder goes on where it stands */
	CHECK_EQ(read_at(c, &all[0], 0, to - 10, 20), 0);
	CHECK_EQ(counters(c).decoded_spans, 2);
	CHECK_EQ(counters(c).ahead_spans, 0);
	span_cache_destroy(c);
}

static void read_ahead(void)
{
	struct span_cache_options o = {.threads = 2};
	struct span_cache *c = open_cache(all, SHAPES, &o);
	struct fixture *f = &all[0];

	/* at random, and forwards for less than two spans: nothing */
	for (int i = 0; i < 50; i++)
		CHECK_EQ(read_at(c, f, 0, draw((uint32_t)f->plain.len - 4096), 4096), 0);
	CHECK_EQ(counters(c).ahead_spans, 0);
	span_cache_destroy(c);
	c = open_cache(all, SHAPES, &o);
	for (uint64_t off = 0; off < 2 * SPAN - 4096; off += 4096)
		CHECK_EQ(read_at(c, f, 0, off, 4096), 0);
	wait_idle(c);
	CHECK_EQ(counters(c).decoded_spans, 2);
	CHECK_EQ(read_at(c, f, 0, 2 * SPAN - 4096, 4096), 0);
	wait_idle(c);
	/* one: as far as was read, less the two */
	CHECK_EQ(counters(c).ahead_spans, 1);
	for (uint64_t off = 2 * SPAN; off + 4096 < f->plain.len; off += 4096)
		CHECK_EQ(read_at(c, f, 0, off, 4096), 0);
	wait_idle(c);
	CHECK_EQ(counters(c).decoded_spans, spans_of(f->stream));
	span_cache_destroy(c);
}

/* Who needs a span's first piece does not wait for its last one. */
static void served_early(void)
{
	struct span_cache_options o = {.threads = 1};
	struct fixture f;
	struct fetched first, last;

	fixture_init(&f, &noise, 3 << 20, 1 << 20);

	struct span_cache *c = open_cache(&f, 1, &o);

	set_gate(&f.faulty, 800 << 10);
	fetch_start(&last, c, 0, (1 << 20) - 10, 10);
	wait_held(&f.faulty);
	fetch_start(&first, c, 0, 10, 10);
	CHECK_EQ(fetch_end(&first, &f.plain), 0);
	CHECK(!fetch_is_over(&last));
	set_gate(&f.faulty, UINT64_MAX);
	CHECK_EQ(fetch_end(&last, &f.plain), 0);
	CHECK_EQ(counters(c).decoded_spans, 1);
	span_cache_destroy(c);
	fixture_finish(&f);
}

static void wrong_requests(void)
{
	struct span_cache_options o = {.threads = 1};
	struct stream *streams[2] = {all[0].stream, NULL};
	struct span_cache *c;
	unsigned char byte;
	struct o2r_err err = {0};
	struct span_part p = {all[0].plain.len, &byte, 1, 0};

	must(span_cache_create(streams, 2, &o, &test_ctx, &c, NULL) == 0);
	CHECK_EQ(span_cache_read(c, &p, 1, &err), -EINVAL);
	p = (struct span_part){0, &byte, 1, 1};
	CHECK_EQ(span_cache_read(c, &p, 1, &err), -EINVAL);
	p = (struct span_part){0, &byte, 1, 2};
	CHECK_EQ(span_cache_read(c, &p, 1, &err), -EINVAL);
	p = (struct span_part){UINT64_MAX, &byte, 1, 0};
	CHECK_EQ(span_cache_read(c, &p, 1, &err), -EINVAL);
	p = (struct span_part){all[0].plain.len, &byte, 0, 0};
	CHECK_EQ(span_cache_read(c, &p, 1, &err), 0);
	CHECK_EQ(span_cache_read(c, &p, 0, &err), 0);
	span_cache_destroy(c);
	span_cache_destroy(NULL);
}

/* ---- blobs that change ----------------------------------------------------------------
 */

/* Each piece by itself: how many fail, with what. */
static unsigned failing(struct span_cache *c, struct fixture *f, int status)
{
	unsigned failed = 0;

	for (uint64_t off = 0; off < f->plain.len; off += STREAM_PIECE) {
		int r = read_at(c, f, 0, off, MIN(STREAM_PIECE, f->plain.len - off));

		CHECK(r == 0 || r == status);
		failed += r != 0;
	}
	return failed;
}

/* Where the bytes will change: just behind a checkpoint, as what comes before it may be
 * in the saved state and is not needed. */
static uint64_t bad_byte(const struct fixture *f)
{
	const struct checkpoints *p = &f->stream->checkpoints;

	return (p->n ? p->v[p->n / 2].in_off : f->faulty.packed.len / 2) + 777;
}

/* Pieces from there to the next checkpoint, both ends included. */
static unsigned pieces_behind(const struct stream *s)
{
	const struct checkpoints *p = &s->checkpoints;
	uint64_t from = p->v[p->n / 2].out_off;
	uint64_t to = p->n / 2 + 1 < p->n ? p->v[p->n / 2 + 1].out_off : s->size;

	return (unsigned)(DIV_ROUND_UP(to, STREAM_PIECE) - from / STREAM_PIECE);
}

/* Stored blocks and raw ones: a byte that changes harms the piece it lies in only. */
static void one_bad_byte(const struct shape *shape, bool alone)
{
	struct span_cache_options o = {.threads = 2};
	struct fixture f;

	fixture_init(&f, shape, 5 * SPAN + 1000, SPAN);

	struct span_cache *c = open_cache(&f, 1, &o);

	f.faulty.flip = bad_byte(&f);

	unsigned failed = failing(c, &f, -EBADMSG);

	CHECK(failed >= 1 && failed <= (alone ? 1 : pieces_behind(f.stream)));
	CHECK_EQ(counters(c).failed, failed);
	/* not for ever: nothing bad was kept, and what was good was */
	CHECK_EQ(failing(c, &f, -EBADMSG), failed);
	f.faulty.flip = UINT64_MAX;
	CHECK_EQ(failing(c, &f, -EBADMSG), 0);
	span_cache_destroy(c);
	fixture_finish(&f);
}

static void cut_short(const struct shape *shape)
{
	struct span_cache_options o = {.threads = 2};
	struct fixture f;

	fixture_init(&f, shape, 8 * SPAN, SPAN);

	struct span_cache *c = open_cache(&f, 1, &o);

	f.faulty.end = f.faulty.packed.len / 2;

	unsigned failed = failing(c, &f, -EBADMSG);

	/* what is read at once, 128 KiB, may reach over the edge */
	CHECK(failed >= 16 && failed <= 16 + 8);
	f.faulty.end = UINT64_MAX;
	f.faulty.error = -EIO;
	failing(c, &f, -EIO);
	f.faulty.error = 0;
	CHECK_EQ(failing(c, &f, -EIO), 0);
	span_cache_destroy(c);
	fixture_finish(&f);
}

static void damage(void)
{
	static const struct shape stored[] = {
		{CODEC_PLAIN, 1, 0, false, true},
		{CODEC_GZIP, 1, 0, false, true},
		{CODEC_GZIP, 1, 0, true, true},
		{CODEC_ZSTD, 9, 1, false, true},
	};

	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
		/* a zstd frame has a checksum, which ends its decoding */
		one_bad_byte(&stored[i], stored[i].codec != CODEC_ZSTD);
		cut_short(&stored[i]);
	}
	/* from the damage to the end of its span */
	one_bad_byte(&gzip, false);
	one_bad_byte(&shapes[1], false);
}

/* ---- the end --------------------------------------------------------------------------
 */

static void *open_later(void *arg)
{
	struct timespec pause = {.tv_nsec = 30000000};

	nanosleep(&pause, NULL);
	set_gate(arg, UINT64_MAX);
	return NULL;
}

static void destroyed(const struct shape *shape)
{
	struct span_cache_options o = {.threads = 2};
	struct fixture f;
	struct fetched some[20];
	unsigned cancelled = 0;
	pthread_t t;

	fixture_init(&f, shape, 20 * SPAN, SPAN);

	struct span_cache *c = open_cache(&f, 1, &o);

	set_gate(&f.faulty, 0);
	for (unsigned i = 0; i < 20; i++)
		fetch_start(&some[i], c, 0, i * SPAN + 100, SPAN / 2);
	wait_held(&f.faulty);
	must(pthread_create(&t, NULL, open_later, &f.faulty) == 0);
	span_cache_destroy(c);
	pthread_join(t, NULL);
	for (unsigned i = 0; i < 20; i++) {
		CHECK(fetch_is_over(&some[i]));

		int r = fetch_end(&some[i], &f.plain);

		CHECK(r == 0 || r == -ECANCELED);
		cancelled += r != 0;
	}
	CHECK(cancelled >= 10);
	fixture_finish(&f);
}

int main(int argc, char **argv)
{
	take_seed(argc, argv);
	for (unsigned i = 0; i < SHAPES; i++)
		fixture_init(&all[i], &shapes[i], 3333333, SPAN);
	random_reads(0, 3);
	random_reads(1, 2);
	random_reads(1, 1);
	for (unsigned i = 0; i < 6; i++)
		decoded_once(i);
	no_further();
	read_ahead();
	served_early();
	wrong_requests();
	damage();
	destroyed(&gzip);
	destroyed(&shapes[4]);
	destroyed(&shapes[6]);
	destroyed(&shapes[7]);
	for (unsigned i = 0; i < SHAPES; i++)
		fixture_finish(&all[i]);
	TEST_END;
}
