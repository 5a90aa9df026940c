/* Bytes that are lent: right while they are borrowed, never too many; and spans that have
 * been read, which make room before others. */
#include "base/checked.h"
#include "blob/span_impl.h"
#include "span_fixture.h"

enum {
	THREADS = 6,
	READS = 150,
	SIZE = 24 * SPAN + 4321,
};

static const struct shape shapes[] = {
	{CODEC_GZIP, 1, 6, false, false},
	{CODEC_GZIP, 40, 1, true, false},
	{CODEC_ZSTD, 30, 3, false, false},
	{CODEC_ZSTD, 1, 3, false, false},
	{CODEC_PLAIN, 1, 0, false, false},
};

enum {
	SHAPES = sizeof(shapes) / sizeof(shapes[0]),
};

static struct fixture all[SHAPES];

struct borrower {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done, keep, has;
	pthread_t thread; /* who borrows, if he keeps it */
	int status;
	const unsigned char *plain; /* what it should be */
	unsigned char *dst;
	size_t n, lent; /* bytes: wanted, not at dst */
	bool wrong;
};

/* Gives the bytes back when it returns. */
static void borrowed(void *arg, int status, const struct iovec *v, unsigned n,
	const struct o2r_err *err)
{
	struct borrower *b = arg;
	size_t at = 0;

	(void)err;
	pthread_mutex_lock(&b->lock);
	/* as long as somebody wants to see what others do meanwhile; a worker would keep
	 * them waiting */
	b->has = b->keep;
	if (b->keep)
		must(pthread_equal(pthread_self(), b->thread));
	pthread_cond_broadcast(&b->over);
	while (b->keep)
		pthread_cond_wait(&b->over, &b->lock);
	b->status = status;
	for (unsigned i = 0; status == 0 && i < n; at += v[i++].iov_len) {
		b->wrong |= memcmp(v[i].iov_base, b->plain + at, v[i].iov_len) != 0;
		if (v[i].iov_base != b->dst + at)
			b->lent += v[i].iov_len;
	}
	b->wrong |= status == 0 && at != b->n;
	b->done = true;
	pthread_cond_broadcast(&b->over);
	pthread_mutex_unlock(&b->lock);
}

static void borrower_init(struct borrower *b, bool keep)
{
	*b = (struct borrower){.keep = keep};
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->over, NULL);
}

static void borrow_start(struct borrower *b, struct span_cache *c, unsigned stream,
	uint64_t off, unsigned char *dst, size_t n)
{
	struct span_part p = {.off = off, .dst = dst, .n = n, .stream = stream};

	pthread_mutex_lock(&b->lock);
	b->done = false;
	pthread_mutex_unlock(&b->lock);
	b->plain = (const unsigned char *)all[stream].plain.data + off;
	b->dst = dst;
	b->n = n;
	span_cache_lend(c, &p, 1, borrowed, b);
}

/* 0 if all was right. */
static int borrow_end(struct borrower *b)
{
	pthread_mutex_lock(&b->lock);
	while (!b->done)
		pthread_cond_wait(&b->over, &b->lock);
	pthread_mutex_unlock(&b->lock);
	return b->wrong ? -EBADMSG : b->status;
}

static void borrower_finish(struct borrower *b)
{
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->over);
}

/* ---- at random, by many ---------------------------------------------------------------
 */

struct reading {
	struct span_cache *cache;
	uint64_t seed;
	size_t lent;
	unsigned wrong;
};

/* SPAN, except where zlib has to wait for the end of a block. */
static uint64_t longest(const struct span_cache *c)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < c->count; i++)
		if (!c->lanes[i].plain)
			most = MAX(most, span_longest(&c->lanes[i]));
	return most;
}

static bool within_bounds(struct span_cache *c)
{
	pthread_mutex_lock(&c->lock);

	bool fits = c->lent <= c->memory / 4 &&
		    c->used <= c->memory + c->workers.most * 2 * longest(c);

	pthread_mutex_unlock(&c->lock);
	return fits;
}

static void *borrow_random(void *arg)
{
	struct reading *r = arg;
	unsigned char *dst = malloc(4 * SPAN);
	struct borrower b;

	must(dst != NULL);
	borrower_init(&b, false);
	for (int i = 0; i < READS; i++) {
		r->seed = r->seed * 6364136223846793005ULL + 1442695040888963407ULL;

		uint32_t v = (uint32_t)(r->seed >> 32);
		uint64_t off = (v >> 4) % SIZE;
		size_t n = 1 + (v & 1 ? (v >> 3) % 5000 : (v >> 3) % (4 * SPAN - 1));

		borrow_start(&b, r->cache, v % SHAPES, off, dst, MIN(n, SIZE - off));
		r->wrong += borrow_end(&b) != 0;
		r->wrong += !within_bounds(r->cache);
	}
	r->lent = b.lent;
	borrower_finish(&b);
	free(dst);
	return NULL;
}

static void at_random(uint64_t memory, unsigned workers)
{
	struct span_cache_options o = {.memory = memory, .threads = workers};
	struct span_cache *c = open_cache(all, SHAPES, &o);
	struct reading r[THREADS];
	pthread_t t[THREADS];
	size_t lent = 0;

	for (int i = 0; i < THREADS; i++) {
		r[i] = (struct reading){.cache = c, .seed = draw(1 << 30)};
		must(pthread_create(&t[i], NULL, borrow_random, &r[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(r[i].wrong, 0);
		lent += r[i].lent;
	}
	CHECK(lent > 0 || memory == 1);
	wait_idle(c);
	CHECK_EQ(c->lent, 0);
	CHECK(c->used <= c->memory);
	span_cache_destroy(c);
}

/* ---- one borrower who takes his time ------------------------------------------------
 */

static void let_go(struct borrower *b)
{
	pthread_mutex_lock(&b->lock);
	CHECK(!b->done);
	b->keep = false;
	pthread_cond_broadcast(&b->over);
	pthread_mutex_unlock(&b->lock);
}

/* Or it would be late, and find what others have thrown out. */
static void wait_until_it_has(struct borrower *b)
{
	pthread_mutex_lock(&b->lock);
	while (!b->has)
		pthread_cond_wait(&b->over, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

struct slow {
	struct span_cache *cache;
	struct borrower borrower;
	unsigned char dst[2 * SPAN];
};

static void *borrow_slowly(void *arg)
{
	struct slow *s = arg;

	s->borrower.thread = pthread_self();
	borrow_start(&s->borrower, s->cache, 0, SPAN / 2, s->dst, sizeof(s->dst));
	return NULL;
}

/* Others go through everything in as little memory as there can be: what is lent stays
 * as it is. */
static void kept_while_lent(void)
{
	struct span_cache_options o = {.memory = 20 * SPAN, .threads = 2};
	struct slow s = {.cache = open_cache(all, SHAPES, &o)};
	pthread_t t;

	/* each piece is there already, wherever spans begin: the borrower's callback must
	 * not be a worker's, which it would keep from its work */
	for (uint64_t off = 0; off < 4 * SPAN; off += STREAM_PIECE)
		CHECK_EQ(read_at(s.cache, &all[0], 0, off, 10), 0);
	borrower_init(&s.borrower, true);
	must(pthread_create(&t, NULL, borrow_slowly, &s) == 0);
	wait_until_it_has(&s.borrower);
	for (int round = 0; round < 3; round++)
		for (unsigned i = 0; i < 3; i++)
			for (uint64_t off = 0; off + SPAN <= SIZE; off += SPAN)
				CHECK_EQ(read_at(s.cache, &all[i], i, off, SPAN), 0);
	let_go(&s.borrower);
	pthread_join(t, NULL);
	CHECK_EQ(borrow_end(&s.borrower), 0);
	CHECK(s.borrower.lent == 2 * SPAN);
	for (size_t i = 0; i < sizeof(s.dst); i++)
		must(s.dst[i] == 0);
	borrower_finish(&s.borrower);
	span_cache_destroy(s.cache);
}

/* What does not fit into a quarter of the memory is copied: all of it where that is less
 * than a span, as with spans of one length. */
static void copied(void)
{
	struct span_cache_options o = {.memory = 1, .threads = 1};
	struct span_cache *c = open_cache(all, 1, &o);
	static unsigned char dst[2 * SPAN];
	struct borrower b;

	borrower_init(&b, false);
	borrow_start(&b, c, 0, 1000, dst, sizeof(dst));
	CHECK_EQ(borrow_end(&b), 0);
	CHECK(b.lent <= c->memory / 4);
	borrower_finish(&b);
	span_cache_destroy(c);
}

static void wrong_requests(void)
{
	struct span_cache_options o = {.threads = 1};
	struct span_cache *c = open_cache(all, 1, &o);
	struct borrower b;
	unsigned char byte;

	borrower_init(&b, false);
	borrow_start(&b, c, 0, SIZE, &byte, 1);
	CHECK_EQ(borrow_end(&b), -EINVAL);
	borrow_start(&b, c, 0, SIZE, &byte, 0);
	CHECK_EQ(borrow_end(&b), 0);
	CHECK_EQ(counters(c).failed, 1);
	borrower_finish(&b);
	span_cache_destroy(c);
}

/* ---- what has been read ---------------------------------------------------------------
 */

static void make_room(void)
{
	struct span_cache_options o = {.memory = 32 * SPAN, .threads = 2};
	struct span_cache *c = open_cache(all, 2, &o);

	/* a few bytes of some spans: they are kept */
	for (uint64_t off = 0; off + SPAN <= 20 * SPAN; off += SPAN)
		CHECK_EQ(read_at(c, &all[1], 1, off, 10), 0);
	wait_idle(c);

	uint64_t hits = counters(c).hits, used = c->used;

	for (uint64_t off = 0; off < SIZE; off += 100000)
		CHECK_EQ(read_at(c, &all[0], 0, off, MIN(100000, SIZE - off)), 0);
	wait_idle(c);
	/* those that were read whole take up an eighth, and what was decoded ahead */
	CHECK(c->read_bytes <= c->memory / 8 + 6 * longest(c));
	CHECK(c->used <= used + c->memory / 8 + 6 * longest(c));
	hits = counters(c).hits;
	for (uint64_t off = 0; off + SPAN <= 20 * SPAN; off += SPAN)
		CHECK_EQ(read_at(c, &all[1], 1, off, 10), 0);
	CHECK_EQ(counters(c).hits, hits + 20);
	/* the last ones can be had once more */
	hits = counters(c).hits;
	CHECK_EQ(read_at(c, &all[0], 0, SIZE - SPAN / 2, SPAN / 2 - 5), 0);
	CHECK(counters(c).hits > hits);
	span_cache_destroy(c);
}

int main(int argc, char **argv)
{
	take_seed(argc, argv);
	for (unsigned i = 0; i < SHAPES; i++)
		fixture_init(&all[i], &shapes[i], SIZE, SPAN);
	at_random(0, 3);
	at_random(20 * SPAN, 2);
	at_random(1, 1);
	kept_while_lent();
	copied();
	wrong_requests();
	make_room();
	for (unsigned i = 0; i < SHAPES; i++)
		fixture_finish(&all[i]);
	TEST_END;
}
