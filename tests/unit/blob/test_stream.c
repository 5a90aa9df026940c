/* Streams of every codec and shape: scanned once, then read in any order. */
#include <errno.h>

#include "packing.h"

enum {
	SPAN = STREAM_PIECE,
};

struct shape {
	enum codec codec;
	unsigned parts; /* members or frames */
	int level;
	bool zlib;
};

static const struct shape shapes[] = {
	{CODEC_PLAIN, 1, 0, false},
	{CODEC_GZIP, 1, 6, false},
	{CODEC_GZIP, 1, 6, true},
	{CODEC_GZIP, 1, 0, false}, /* stored blocks */
	{CODEC_GZIP, 1, 0, true},
	{CODEC_GZIP, 1, 1, false},
	{CODEC_GZIP, 7, 9, false},
	{CODEC_GZIP, 7, 9, true},
	{CODEC_GZIP, 300, 6, false},
	{CODEC_GZIP, 300, 6, true},
	{CODEC_ZSTD, 1, 3, false},
	{CODEC_ZSTD, 9, 1, false},
	{CODEC_ZSTD, 300, 3, false},
};

static const size_t sizes[] = {0, 1, 511, STREAM_PIECE - 1, STREAM_PIECE,
	STREAM_PIECE + 1, 3 * SPAN, 8 * SPAN - 1, 8 * SPAN, 8 * SPAN + 1, 1 << 20,
	(1 << 20) + 1, 3333333};

static void read_range(
	struct stream_reader *r, const struct buf *plain, uint64_t off, size_t n)
{
	static unsigned char got[4 << 20];
	struct o2r_err err = {0};

	CHECK_EQ(stream_reader_read(r, off, got, n, &err), 0);
	if (err.code)
		CHECK_STR(err.text, "");
	if (n)
		CHECK_MEM(got, plain->data + off, n);
}

/* Everything, each piece in random order, random runs of pieces, two readers. */
static void read_all(const struct stream *s, const struct buf *plain)
{
	struct stream_reader *r[2];
	size_t pieces = (plain->len + STREAM_PIECE - 1) / STREAM_PIECE;

	for (int i = 0; i < 2; i++)
		CHECK_EQ(stream_reader_create(s, &test_ctx, &r[i], NULL), 0);
	read_range(r[0], plain, 0, plain->len);
	for (size_t i = 0; i < pieces + 20 && pieces; i++) {
		size_t first = i < pieces ? i * 7919 % pieces : draw((uint32_t)pieces);
		size_t count = 1 + draw(draw(3) ? 2 : (uint32_t)(pieces - first));
		uint64_t off = first * STREAM_PIECE;
		size_t n = count * STREAM_PIECE;

		n = n < plain->len - off ? n : (size_t)(plain->len - off);
		read_range(r[draw(2)], plain, off, n);
	}
	for (int i = 0; i < 2; i++)
		stream_reader_destroy(r[i]);
}

static void one(const struct shape *shape, size_t size, uint64_t span)
{
	AUTO_BUF struct buf plain = {0}, packed = {0}, decoded = {0};
	struct stream_expect e = {
		.codec = (int)shape->codec, .span = span, .zlib = shape->zlib};
	struct blob blob;
	struct stream *s;
	struct o2r_err err = {0};

	add_mixed(&plain, size);
	add_parts(&packed, shape->codec, &plain, shape->parts, shape->level);
	fill_digests(&e, &packed, &plain);
	CHECK_EQ(scan_memory(&blob, &packed, &e, &decoded, &s, &err), 0);
	if (!s) {
		CHECK_STR(err.text, "");
		return;
	}
	CHECK_EQ(stream_size(s), size);
	CHECK_EQ(stream_span(s), span ? span : STREAM_SPAN);
	CHECK_EQ(stream_codec(s), shape->codec);
	CHECK(digest_equal(stream_blob_digest(s), &e.blob_digest));
	CHECK(digest_equal(stream_diff_id(s), &e.diff_id));
	CHECK_EQ(decoded.len, plain.len);
	if (size)
		CHECK_MEM(decoded.data, plain.data, size);
	read_all(s, &plain);
	if (shape->codec != CODEC_ZSTD || shape->parts > 1)
		CHECK_EQ(stream_is_seekable(s), 1);
	else
		CHECK_EQ(stream_is_seekable(s), size <= 8 * SPAN || !span);
	stream_destroy(s);
	blob_close(&blob);
}

static void wrong_requests(void)
{
	AUTO_BUF struct buf plain = {0}, packed = {0};
	struct stream_expect e = {.codec = -1, .span = SPAN};
	struct blob blob;
	struct stream *s;
	struct stream_reader *r;
	char got[16];

	add_mixed(&plain, 200000);
	add_gzip(&packed, plain.data, plain.len, 6);
	CHECK_EQ(scan_memory(&blob, &packed, &e, NULL, &s, NULL), 0);
	CHECK_EQ(stream_blob_digest(s)->algo, DIGEST_NONE);
	CHECK_EQ(stream_diff_id(s)->algo, DIGEST_SHA256);
	CHECK_EQ(stream_reader_create(s, &test_ctx, &r, NULL), 0);
	CHECK(stream_reader_read(r, 1, got, 1, NULL) < 0);
	CHECK(stream_reader_read(r, 0, got, 1, NULL) < 0);
	CHECK(stream_reader_read(r, 3 * STREAM_PIECE, got, 3393, NULL) < 0);
	CHECK(stream_reader_read(r, 4 * STREAM_PIECE, got, 0, NULL) < 0);
	stream_reader_destroy(r);
	stream_destroy(s);
	blob_close(&blob);
	e.span = 3 * STREAM_PIECE;
	CHECK(scan_memory(&blob, &packed, &e, NULL, &s, NULL) < 0);
	blob_close(&blob);
	e.span = STREAM_PIECE / 2;
	CHECK(scan_memory(&blob, &packed, &e, NULL, &s, NULL) < 0);
	blob_close(&blob);
}

/* Checkpoints that do not fit the budget go to a file, and come back from it. */
static void spilled(bool zlib)
{
	AUTO_BUF struct buf plain = {0}, packed = {0};
	_Atomic uint64_t budget = 60000;
	struct stream_expect e = {
		.codec = -1, .span = SPAN, .zlib = zlib, .index_budget = &budget};
	struct blob blob;
	struct stream *s;

	add_mixed(&plain, 3 << 20);
	add_gzip(&packed, plain.data, plain.len, 6);
	CHECK_EQ(scan_memory(&blob, &packed, &e, NULL, &s, NULL), 0);
	CHECK(stream_index_spilled(s) > 0);
	CHECK(budget < 60000);
	CHECK(stream_index_memory(s) < 60000 + 20000);
	read_all(s, &plain);
	stream_destroy(s);
	blob_close(&blob);
}

/* Digests of both algorithms, right and wrong, for the blob and for its content. */
static void digests(enum codec codec)
{
	AUTO_BUF struct buf plain = {0}, packed = {0};

	add_mixed(&plain, 100000);
	add_parts(&packed, codec, &plain, 2, 3);
	for (int i = 0; i < 16; i++) {
		struct stream_expect e = {.codec = (int)codec};
		enum digest_algo a = i & 1 ? DIGEST_SHA512 : DIGEST_SHA256;
		enum digest_algo b = i & 2 ? DIGEST_SHA512 : DIGEST_SHA256;
		struct blob blob;
		struct stream *s;
		struct o2r_err err = {0};

		must(digest_of(a, packed.data, packed.len, &e.blob_digest, NULL) == 0);
		must(digest_of(b, plain.data, plain.len, &e.diff_id, NULL) == 0);
		e.blob_digest.bytes[31] ^= (unsigned char)(i & 4);
		e.diff_id.bytes[0] ^= (unsigned char)(i & 8);
		CHECK_EQ(scan_memory(&blob, &packed, &e, NULL, &s, &err) < 0, i >= 4);
		if (i >= 4) {
			CHECK_EQ(err.cls, ERR_CORRUPT);
			CHECK(strstr(err.text, i & 4 ? "blob has the digest"
						     : "decoded layer has the digest") !=
				NULL);
		}
		stream_destroy(s);
		blob_close(&blob);
	}
}

static int fail_at_third(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	(void)p, (void)n;
	if (++*(int *)arg < 3)
		return 0;
	return err_set(err, ERR_USAGE, ENOTTY, "the sink's own words");
}

/* What ends a scan early leaves the other's words alone. */
static void stopped(enum codec codec)
{
	AUTO_BUF struct buf plain = {0}, packed = {0};
	struct stream_expect e = {.codec = -1, .span = SPAN};
	struct ctx ctx = test_ctx;
	struct blob blob;
	struct stream *s = NULL;
	struct o2r_err err = {0};
	_Atomic uint64_t done = 0;
	int calls = 0;
	struct stream_sink sink = {.data = fail_at_third, .arg = &calls};
	volatile int cancel = 1;

	add_mixed(&plain, 2 << 20);
	add_parts(&packed, codec, &plain, 1, 3);
	must(blob_open_memory(&blob, packed.data, packed.len, 0, NULL) == 0);
	CHECK_EQ(stream_scan(&blob, &e, &sink, &ctx, NULL, &s, &err), -ENOTTY);
	CHECK_STR(err.text, "the sink's own words");
	CHECK_EQ(calls, 3);
	ctx.cancel = &cancel;
	CHECK_EQ(stream_scan(&blob, &e, NULL, &ctx, NULL, &s, &err), -EINTR);
	CHECK_EQ(err.cls, ERR_INTERRUPTED);
	cancel = 0;
	ctx.limits.layer_bytes = plain.len - 1;
	CHECK(stream_scan(&blob, &e, NULL, &ctx, NULL, &s, &err) < 0);
	CHECK_EQ(err.cls, ERR_CORRUPT);
	CHECK(strstr(err.text, "--limit layer-bytes=N") != NULL);
	ctx.limits.layer_bytes = plain.len;
	CHECK_EQ(stream_scan(&blob, &e, NULL, &ctx, &done, &s, &err), 0);
	CHECK_EQ(done, packed.len);
	stream_destroy(s);
	e.codec = codec == CODEC_ZSTD ? CODEC_GZIP : CODEC_ZSTD;
	CHECK(stream_scan(&blob, &e, NULL, &ctx, NULL, &s, &err) < 0);
	CHECK(strstr(err.text, "its media type says") != NULL);
	blob_close(&blob);
}

static void zstd_window(void)
{
	AUTO_BUF struct buf plain = {0}, packed = {0};
	struct stream_expect e = {.codec = -1};
	struct ctx ctx = test_ctx;
	struct blob blob;
	struct stream *s = NULL;
	struct o2r_err err = {0};
	ZSTD_CCtx *c = ZSTD_createCCtx();

	add_mixed(&plain, 3 << 20);
	packed.max = 8 << 20;
	must(buf_reserve(&packed, 4 << 20) == 0);
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 20);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	packed.len = ZSTD_compress2(c, packed.data, 4 << 20, plain.data, plain.len);
	must(!ZSTD_isError(packed.len));
	ZSTD_freeCCtx(c);
	must(blob_open_memory(&blob, packed.data, packed.len, 0, NULL) == 0);
	ctx.limits.zstd_window = 1 << 20;
	CHECK_EQ(stream_scan(&blob, &e, NULL, &ctx, NULL, &s, &err), 0);
	stream_destroy(s);
	ctx.limits.zstd_window = (1 << 20) - 1;
	CHECK(stream_scan(&blob, &e, NULL, &ctx, NULL, &s, &err) < 0);
	CHECK(strstr(err.text, "--limit zstd-window=N") != NULL);
	CHECK_EQ(err.cls, ERR_CORRUPT);
	blob_close(&blob);
}

int main(int argc, char **argv)
{
	take_seed(argc, argv);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			one(&shapes[i], sizes[k], SPAN);
			if (k + 1 == sizeof(sizes) / sizeof(sizes[0]))
				one(&shapes[i], sizes[k], 0);
		}
	wrong_requests();
	spilled(false);
	spilled(true);
	for (int c = CODEC_PLAIN; c <= CODEC_ZSTD; c++) {
		digests((enum codec)c);
		stopped((enum codec)c);
	}
	zstd_window();
	TEST_END;
}
