/* For the tests of this room: bytes to pack, and packing them as gzip and zstd. */
#ifndef O2R_TESTS_BLOB_PACKING_H
#define O2R_TESTS_BLOB_PACKING_H

#include <assert.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "blob/stream.h"
#include "unit.h"

static uint64_t draw_state;

static inline uint32_t draw(uint32_t below)
{
	draw_state = draw_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(draw_state >> 33) % below;
}

static inline void take_seed(int argc, char **argv)
{
	draw_state = argc > 1 ? strtoull(argv[1], NULL, 0) : 20260102;
	fprintf(stderr, "seed %" PRIu64 "\n", draw_state);
}

static inline void must(int ok)
{
	if (!ok) {
		fprintf(stderr, "test setup failed\n");
		abort();
	}
}

static inline void add(struct buf *b, const void *p, size_t n)
{
	b->max = (size_t)1 << 31;
	must(buf_append(b, p, n) == 0);
}

/* Stretches of noise, of zeros, of text, and of repeats from near and far. */
static inline void add_mixed(struct buf *b, size_t n)
{
	static const char words[][8] = {"usr", "lib", "the", "of", "include", "0644"};
	size_t end = b->len + n;

	b->max = (size_t)1 << 31;
	must(buf_reserve(b, n) == 0);
	while (b->len < end) {
		size_t part = 1 + draw(draw(8) ? 400 : 60000), kind = draw(4);

		part = part < end - b->len ? part : end - b->len;
		if (kind == 3 && b->len) {
			size_t back =
				1 + draw((uint32_t)(b->len < 32768 ? b->len : 32768));

			for (size_t i = 0; i < part; i++)
				b->data[b->len + i] = b->data[b->len + i - back];
		} else {
			for (size_t i = 0; i < part; i++)
				b->data[b->len + i] =
					(char)(kind == 0    ? draw(256)
						: kind == 1 ? 0
							    : words[draw(6)][i % 8]);
		}
		b->len += part;
	}
}

/* One gzip member. */
static inline void add_gzip(struct buf *b, const void *p, size_t n, int level)
{
	z_stream z = {0};

	must(deflateInit2(&z, level, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY) == Z_OK);
	b->max = (size_t)1 << 31;

	size_t room = deflateBound(&z, n) + 32;

	must(buf_reserve(b, room) == 0);
	z.next_in = (z_const Bytef *)p;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)b->data + b->len;
	z.avail_out = (uInt)room;
	must(deflate(&z, Z_FINISH) == Z_STREAM_END);
	b->len += room - z.avail_out;
	deflateEnd(&z);
}

/* One zstd frame with a content checksum. */
static inline void add_zstd(struct buf *b, const void *p, size_t n, int level)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(n);

	b->max = (size_t)1 << 31;
	must(c && buf_reserve(b, room) == 0);
	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);

	size_t r = ZSTD_compress2(c, b->data + b->len, room, p, n);

	must(!ZSTD_isError(r));
	b->len += r;
	ZSTD_freeCCtx(c);
}

static inline void add_skippable(struct buf *b, uint32_t n)
{
	unsigned char head[8] = {0x53, 0x2a, 0x4d, 0x18, (unsigned char)n,
		(unsigned char)(n >> 8), (unsigned char)(n >> 16), 0};

	add(b, head, 8);
	for (uint32_t i = 0; i < n; i++)
		add(b, "x", 1);
}

/* The bytes in `parts` gzip members or zstd frames (the last ones may be empty). */
static inline void add_parts(struct buf *b, enum codec codec, const struct buf *plain,
	unsigned parts, int level)
{
	size_t part = parts ? (plain->len + parts - 1) / parts : 0, off = 0;

	if (codec == CODEC_PLAIN)
		add(b, plain->data, plain->len);
	for (unsigned i = 0; i < parts && codec != CODEC_PLAIN; i++) {
		size_t n = part < plain->len - off ? part : plain->len - off;
		const char *p = plain->data ? plain->data + off : "";

		if (codec == CODEC_GZIP)
			add_gzip(b, p, n, level);
		else
			add_zstd(b, p, n, level);
		off += n;
	}
}

static inline void fill_digests(
	struct stream_expect *e, const struct buf *packed, const struct buf *plain)
{
	must(digest_of(DIGEST_SHA256, packed->data, packed->len, &e->blob_digest, NULL) ==
		0);
	must(digest_of(DIGEST_SHA256, plain->data, plain->len, &e->diff_id, NULL) == 0);
}

static inline int collect(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	(void)err;
	add(arg, p, n);
	return 0;
}

static const struct ctx test_ctx = {.threads = 2, .limits = LIMITS_DEFAULT};

/* Scan memory; the decoded bytes go to `out` when it is given. */
static inline int scan_memory(struct blob *blob, const struct buf *packed,
	const struct stream_expect *e, struct buf *out, struct stream **s,
	struct o2r_err *err)
{
	struct stream_sink sink = {.data = collect, .arg = out};

	*s = NULL;
	must(blob_open_memory(blob, packed->data, packed->len, 0, NULL) == 0);
	return stream_scan(blob, e, out ? &sink : NULL, &test_ctx, NULL, s, err);
}

#endif
