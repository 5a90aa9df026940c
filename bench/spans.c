/*
 * What random access to one layer blob costs, without a filesystem around it:
 *
 *	bench-spans BLOB [THREADS [READS]]
 *
 * Reads at random: mean, median and 99th percentile of the latency of one reader with
 * every read in a span that is not kept, then the rate of several. Reads forwards: MB/s
 * at 4 KiB, 128 KiB and 1 MiB a request, by one reader and by several, each in his own
 * part, copied to the reader or lent to him as to a view; beside the decoder alone, which
 * is measured in between, as what else the machine does matters.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "blob/span_cache.h"

enum {
	READERS = 4,
	WORKERS_MAX = 64,
	READS_MAX = 100000,
	PAGE = 4096,
};

struct reader {
	struct span_cache *cache;
	const struct stream *stream; /* without a cache */
	uint64_t from, to;           /* forwards */
	size_t request;
	bool lent;
	uint64_t seed; /* at random */
	double *took;
	pthread_t thread;
};

static unsigned reads = 2000; /* at random, by each reader */
static struct ctx ctx = {.threads = 2, .limits = LIMITS_DEFAULT};

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static _Noreturn void fail(const struct o2r_err *err)
{
	fprintf(stderr, "bench-spans: %s\n", err->text);
	exit(1);
}

static void read_one(struct span_cache *c, uint64_t off, unsigned char *buf, size_t n)
{
	struct span_part p = {.off = off, .dst = buf, .n = n};
	struct o2r_err err = {0};

	if (span_cache_read(c, &p, 1, &err) < 0)
		fail(&err);
}

struct borrowing {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
};

static void borrowed(void *arg, int status, const struct iovec *v, unsigned n,
	const struct o2r_err *err)
{
	struct borrowing *b = arg;

	(void)v, (void)n;
	if (status < 0)
		fail(err);
	pthread_mutex_lock(&b->lock);
	b->done = true;
	pthread_cond_signal(&b->over);
	pthread_mutex_unlock(&b->lock);
}

static void borrow_one(struct span_cache *c, uint64_t off, unsigned char *buf, size_t n)
{
	struct borrowing b = {
		.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
	struct span_part p = {.off = off, .dst = buf, .n = n};

	span_cache_lend(c, &p, 1, borrowed, &b);
	pthread_mutex_lock(&b.lock);
	while (!b.done)
		pthread_cond_wait(&b.over, &b.lock);
	pthread_mutex_unlock(&b.lock);
}

static void *read_forwards(void *arg)
{
	struct reader *r = arg;
	unsigned char *buf = malloc(r->request);

	for (uint64_t off = r->from; buf && off < r->to; off += r->request) {
		size_t n = (size_t)MIN(r->request, r->to - off);

		if (r->lent)
			borrow_one(r->cache, off, buf, n);
		else
			read_one(r->cache, off, buf, n);
	}
	free(buf);
	return NULL;
}

static void *read_random(void *arg)
{
	struct reader *r = arg;
	unsigned char buf[PAGE];

	for (unsigned i = 0; i < reads; i++) {
		double start = seconds(CLOCK_MONOTONIC);

		r->seed = r->seed * 6364136223846793005ULL + 1442695040888963407ULL;
		read_one(r->cache, (r->seed >> 20) % (r->to / PAGE) * PAGE, buf, PAGE);
		r->took[i] = seconds(CLOCK_MONOTONIC) - start;
	}
	return NULL;
}

static double run(struct reader *r, unsigned count, void *(*fn)(void *))
{
	double start = seconds(CLOCK_MONOTONIC);

	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&r[i].thread, NULL, fn, &r[i]) != 0)
			exit(1);
	for (unsigned i = 0; i < count; i++)
		pthread_join(r[i].thread, NULL);
	return seconds(CLOCK_MONOTONIC) - start;
}

static struct span_cache *open_cache(struct stream *s)
{
	struct span_cache_options o = {0};
	struct span_cache *c;
	struct o2r_err err = {0};

	if (span_cache_create(&s, 1, &o, &ctx, &c, &err) < 0)
		fail(&err);
	return c;
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void at_random(struct stream *s, unsigned readers)
{
	struct span_cache *c = open_cache(s);
	static double took[READERS * READS_MAX];
	struct reader r[READERS];
	double sum = 0;

	for (unsigned i = 0; i < readers; i++)
		r[i] = (struct reader){.cache = c,
			.to = stream_size(s),
			.seed = i,
			.took = took + i * reads};

	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	double wall = run(r, readers, read_random);

	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;

	unsigned n = readers * reads;

	qsort(took, n, sizeof(took[0]), by_time);
	for (unsigned i = 0; i < n; i++)
		sum += took[i];
	printf("random 4 KiB, %u readers: mean %.3f ms, median %.3f, 99 %% %.3f, %.0f "
	       "reads/s, %.3f ms of CPU time each\n",
		readers, sum / n * 1e3, took[n / 2] * 1e3, took[n * 99 / 100] * 1e3,
		n / wall, cpu / n * 1e3);
	span_cache_destroy(c);
}

static void *decode_part(void *arg)
{
	const struct reader *part = arg;
	const struct stream *s = part->stream;
	uint64_t span = stream_span(s);
	unsigned char *buf = malloc(span);
	struct stream_reader *r;
	struct o2r_err err = {0};

	if (!buf || stream_reader_create(s, &ctx, &r, &err) < 0)
		exit(1);
	for (uint64_t off = part->from; off < part->to; off += span)
		if (stream_reader_read(r, off, buf, MIN(span, part->to - off), &err) < 0)
			fail(&err);
	stream_reader_destroy(r);
	free(buf);
	return NULL;
}

/* MB/s of CPU time of decoders without a cache: as many as it has, because processors
 * that work at the same time slow each other down. */
static double alone(struct stream *s)
{
	uint64_t size = stream_size(s), spans = size / stream_span(s) + 1;
	struct reader r[WORKERS_MAX];
	unsigned n = MIN(ctx.threads, (unsigned)WORKERS_MAX);

	for (unsigned i = 0; i < n; i++)
		r[i] = (struct reader){.stream = s,
			.from = spans * i / n * stream_span(s),
			.to = MIN(spans * (i + 1) / n * stream_span(s), size)};

	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

	run(r, n, decode_part);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	return (double)size / cpu / 1e6;
}

static void forwards(struct stream *s, unsigned readers, size_t request, bool lent)
{
	double before = alone(s);
	struct span_cache *c = open_cache(s);
	struct span_cache_counters n;
	struct reader r[READERS];
	uint64_t size = stream_size(s), part = size / readers;

	for (unsigned i = 0; i < readers; i++)
		r[i] = (struct reader){.cache = c,
			.from = i * part,
			.to = i + 1 == readers ? size : (i + 1) * part,
			.request = request,
			.lent = lent};

	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	double wall = run(r, readers, read_forwards);

	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	span_cache_counters(c, &n);
	span_cache_destroy(c);

	double rate = (double)size / cpu / 1e6, decoder = (before + alone(s)) / 2;

	printf("forwards %4zu KiB, %u readers, %s: %.0f MB/s, %.0f MB/s of CPU time, "
	       "%.0f %% of the decoder's %.0f; %llu spans, %llu ahead, decoded %.2f "
	       "times\n",
		request >> 10, readers, lent ? "lent" : "copied",
		(double)size / wall / 1e6, rate, 100 * rate / decoder, decoder,
		(unsigned long long)n.decoded_spans, (unsigned long long)n.ahead_spans,
		(double)n.decoded_bytes / (double)size);
}

int main(int argc, char **argv)
{
	static const size_t requests[] = {PAGE, 128 << 10, 1 << 20};
	struct stream_expect e = {.codec = -1};
	struct blob blob = {0};
	struct stream *s = NULL;
	struct o2r_err err = {0};

	if (argc < 2) {
		fprintf(stderr, "usage: bench-spans BLOB [THREADS [READS]]\n");
		return 2;
	}
	if (argc > 2)
		ctx.threads = (unsigned)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		reads = (unsigned)MIN(strtoul(argv[3], NULL, 10), READS_MAX);
	if (blob_open_file(&blob, AT_FDCWD, argv[1], &err) < 0 ||
		stream_scan(&blob, &e, NULL, &ctx, NULL, &s, &err) < 0)
		fail(&err);
	printf("%s, %.1f MB decoded, %u workers\n", codec_name(stream_codec(s)),
		(double)stream_size(s) / 1e6, ctx.threads);
	at_random(s, 1);
	at_random(s, READERS);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		for (int lent = 0; lent < 2; lent++) {
			forwards(s, 1, requests[i], lent);
			forwards(s, READERS, requests[i], lent);
		}
	}
	stream_destroy(s);
	blob_close(&blob);
	return 0;
}
