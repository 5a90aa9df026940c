/*
 * What scanning and reading one layer blob costs, without a command around it:
 *
 *	bench-stream BLOB [SPAN_KIB [zlib]]
 *
 * One line: CPU seconds of the scanning thread and of the hashing one, wall seconds, size
 * of the index, then CPU time of reading it all, of a random piece, of a random span.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "blob/stream.h"

static const struct ctx ctx = {.threads = 2, .limits = LIMITS_DEFAULT};

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static _Noreturn void fail(const struct o2r_err *err)
{
	fprintf(stderr, "bench-stream: %s\n", err->text);
	exit(1);
}

static struct stream *scan(const struct blob *blob, uint64_t span, bool zlib)
{
	/* a digest to check makes the scan compute it; it is wrong, so a second scan
	 * knows the right one */
	struct stream_expect e = {.codec = -1, .span = span, .zlib = zlib};
	struct stream *s = NULL;
	struct o2r_err err = {0};
	const char *is;

	e.blob_digest.algo = DIGEST_SHA256;
	if (stream_scan(blob, &e, NULL, &ctx, NULL, &s, &err) == 0)
		fail(&err);
	is = strstr(err.text, "sha256:");
	if (!is || digest_parse(is, 7 + 64, &e.blob_digest, &err) < 0)
		fail(&err);

	double wall = seconds(CLOCK_MONOTONIC), all = seconds(CLOCK_PROCESS_CPUTIME_ID);
	double own = seconds(CLOCK_THREAD_CPUTIME_ID);

	if (stream_scan(blob, &e, NULL, &ctx, NULL, &s, &err) < 0)
		fail(&err);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	all = seconds(CLOCK_PROCESS_CPUTIME_ID) - all;
	own = seconds(CLOCK_THREAD_CPUTIME_ID) - own;
	printf("span %4llu KiB: scan %.3f s + hash %.3f s (wall %.3f), ",
		(unsigned long long)stream_span(s) >> 10, own, all - own, wall);
	return s;
}

/* CPU seconds of `count` reads of n bytes at random multiples of `unit`. */
static double random_reads(struct stream_reader *r, const struct stream *s,
	unsigned char *buf, uint64_t unit, int count)
{
	uint64_t x = 1, units = DIV_ROUND_UP(stream_size(s), unit);
	double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
	struct o2r_err err = {0};

	for (int i = 0; i < count; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;

		uint64_t off = (x >> 20) % units * unit;
		size_t n = (size_t)MIN(unit, stream_size(s) - off);

		if (stream_reader_read(r, off, buf, n, &err) < 0)
			fail(&err);
	}
	return seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static void read_back(const struct stream *s)
{
	struct stream_reader *r;
	struct o2r_err err = {0};
	uint64_t size = stream_size(s), span = stream_span(s);
	unsigned char *buf = malloc(span);

	if (!buf || stream_reader_create(s, &ctx, &r, &err) < 0)
		fail(&err);

	double start = seconds(CLOCK_PROCESS_CPUTIME_ID);

	for (uint64_t off = 0; off < size; off += span)
		if (stream_reader_read(r, off, buf, MIN(span, size - off), &err) < 0)
			fail(&err);

	double through = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;

	printf("through %.0f MB/s, ", (double)size / through / 1e6);
	printf("piece %.2f ms, ", random_reads(r, s, buf, STREAM_PIECE, 500) * 2);
	printf("span %.0f MB/s\n",
		200 * (double)span / random_reads(r, s, buf, span, 200) / 1e6);
	stream_reader_destroy(r);
	free(buf);
}

int main(int argc, char **argv)
{
	struct blob blob = {0};
	struct o2r_err err = {0};

	if (argc < 2) {
		fprintf(stderr, "usage: bench-stream BLOB [SPAN_KIB [zlib]]\n");
		return 2;
	}
	if (blob_open_file(&blob, AT_FDCWD, argv[1], &err) < 0)
		fail(&err);

	uint64_t span = argc > 2 ? strtoull(argv[2], NULL, 10) << 10 : 0;
	struct stream *s = scan(&blob, span, argc > 3);
	uint64_t index = stream_index_memory(s) + stream_index_spilled(s);

	printf("%.1f MB, index %.2f MB (%.2f %%), ", (double)stream_size(s) / 1e6,
		(double)index / 1e6, 100.0 * (double)index / (double)stream_size(s));
	read_back(s);
	stream_destroy(s);
	blob_close(&blob);
	return 0;
}
