/* Memory that runs out at every single place: whoever waits is told, nothing else breaks.
 * And no threads: the callers do the work. */
#include "base/checked.h"
#include "blob/span_impl.h"
#include "span_fixture.h"

/* The linker sends the library's calls here (--wrap). */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);

static _Atomic long until_failure = -1; /* this many more succeed; below 0: all do */
static _Atomic long refused;

static bool fails(void)
{
	long left = until_failure;

	while (left > 0 && !atomic_compare_exchange_weak(&until_failure, &left, left - 1))
		;
	if (left != 0)
		return false;
	refused++;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

int __real_pthread_create(
	pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(
	pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);

static _Atomic long threads_left = -1; /* as above */

int __wrap_pthread_create(
	pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
	if (threads_left == 0)
		return EAGAIN;
	threads_left--;
	return __real_pthread_create(t, a, fn, arg);
}

static const struct shape shapes[] = {
	{CODEC_GZIP, 1, 6, false, false},
	{CODEC_GZIP, 1, 6, true, false},
	{CODEC_ZSTD, 30, 3, false, false},
	{CODEC_ZSTD, 1, 3, false, false},
	{CODEC_PLAIN, 1, 0, false, false},
};

enum {
	SHAPES = sizeof(shapes) / sizeof(shapes[0]),
	SIZE = 10 * SPAN,
	TRIES = 40,
	READS = 12,
};

/* From some point on there is no memory, then there is again. */
static void starve(struct fixture *f, long after)
{
	struct span_cache_options o = {.threads = 2};
	struct span_cache *c = open_cache(f, 1, &o);
	struct fetched some[READS];
	unsigned failed = 0;

	if (after & 1) /* with something in the cache already */
		CHECK_EQ(read_at(c, f, 0, 0, 3 * SPAN), 0);
	for (unsigned i = 0; i < READS; i++)
		if (i == 2)
			until_failure = after / 2;
		else
			fetch_start(&some[i], c, 0, (i * 37 % 40) * STREAM_PIECE, 5000);
	for (unsigned i = 0; i < READS; i++)
		if (i != 2) {
			int r = fetch_end(&some[i], &f->plain);

			CHECK(r == 0 || r == -ENOMEM);
			failed += r != 0;
		}
	wait_idle(c);
	until_failure = -1;
	for (uint64_t off = 0; off < SIZE; off += SPAN)
		CHECK_EQ(read_at(c, f, 0, off, SPAN), 0);
	CHECK_EQ(counters(c).failed, failed);
	span_cache_destroy(c);
}

static void short_of_threads(struct fixture *f, unsigned threads)
{
	struct span_cache_options o = {.threads = 4};
	struct span_cache *c = open_cache(f, 1, &o);

	threads_left = threads;
	for (uint64_t off = 0; off < SIZE; off += SPAN)
		CHECK_EQ(read_at(c, f, 0, off + 1, SPAN - 1), 0);
	wait_idle(c);
	CHECK(c->workers.threads <= threads);
	threads_left = -1;
	span_cache_destroy(c);
}

int main(int argc, char **argv)
{
	take_seed(argc, argv);
	for (unsigned i = 0; i < SHAPES; i++) {
		struct fixture f;

		fixture_init(&f, &shapes[i], SIZE, SPAN);
		for (long after = 0; after < TRIES; after++)
			starve(&f, after);
		short_of_threads(&f, 0);
		short_of_threads(&f, 1);
		fixture_finish(&f);
	}
	/* the library's calls did come this way */
	CHECK(refused > SHAPES * TRIES / 4);
	TEST_END;
}
