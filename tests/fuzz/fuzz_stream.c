/*
 * A blob of any codec: scanned, then read in pieces in any order, then read again with
 * one byte changed. Nothing but the bytes that the scan gave out may come back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "blob/codec.h"
#include "blob/stream.h"

enum {
	OUT_MAX = 1 << 20,
};

struct collected {
	unsigned char *p;
	size_t n;
};

static int collect(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct collected *c = arg;

	(void)err;
	if (n > OUT_MAX - c->n)
		abort(); /* the limit is the scan's to keep */
	memcpy(c->p + c->n, p, n);
	c->n += n;
	return 0;
}

/* Read piece by piece, hopping by `hop`; `sure`: the blob is what it was. */
static void read_pieces(
	struct stream_reader *r, const struct collected *c, size_t hop, bool sure)
{
	static const size_t size = 3 * STREAM_PIECE;
	unsigned char *got = malloc(size);
	size_t pieces = DIV_ROUND_UP(c->n, STREAM_PIECE), at = 0;

	for (size_t i = 0; i < MIN(pieces, 6); i++) {
		size_t off = at * STREAM_PIECE, n = MIN(size, c->n - off);
		int failed = stream_reader_read(r, off, got, n, NULL);

		if (failed ? sure : memcmp(got, c->p + off, n) != 0)
			abort();
		at = (at + hop) % pieces;
	}
	free(got);
}

/* What the stream says of itself is what was scanned. */
static void check_facts(const struct stream *s, const struct stream_expect *e,
	const unsigned char *blob, size_t size, const struct collected *c)
{
	struct digest d;

	if (digest_of(DIGEST_SHA256, c->p, c->n, &d, NULL) < 0 ||
		!digest_equal(&d, stream_diff_id(s)))
		abort();
	if (digest_of(stream_blob_digest(s)->algo, blob, size, &d, NULL) < 0 ||
		!digest_equal(&d, stream_blob_digest(s)))
		abort();
	if (stream_codec(s) != codec_detect(blob, size) ||
		(e->codec >= 0 && e->codec != (int)stream_codec(s)))
		abort();
	/* of one frame, zstd is not; plain bytes always are */
	if (stream_span(s) < STREAM_PIECE || stream_is_files(s) ||
		(stream_codec(s) == CODEC_PLAIN && !stream_is_seekable(s)))
		abort();
	if (!e->index_budget && stream_index_spilled(s))
		abort();
}

static void read_back(const struct stream *s, const struct ctx *ctx, unsigned char *blob,
	size_t size, const struct collected *c, const uint8_t *options)
{
	struct stream_reader *r = NULL;

	if (stream_size(s) != c->n || stream_reader_create(s, ctx, &r, NULL) < 0)
		abort();
	read_pieces(r, c, 1, true);
	read_pieces(r, c, 1 + options[1], true);
	if (size) {
		blob[(options[2] | options[3] << 8) % size] ^= 1 + options[1] % 255;
		read_pieces(r, c, 3, false);
	}
	stream_reader_destroy(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctx ctx = {.threads = 2, .limits = LIMITS_DEFAULT};
	struct stream_expect e = {.codec = -1, .span = STREAM_PIECE};
	_Atomic uint64_t no_memory = 0;

	if (size < 4)
		return 0;
	e.zlib = data[0] & 1;
	if (data[0] & 2)
		e.index_budget = &no_memory;
	if (data[0] & 4)
		e.blob_digest.algo = DIGEST_SHA512;
	e.span <<= data[0] >> 4 & 1;
	if (data[0] & 8)
		e.codec = data[3] % 3;
	ctx.limits.layer_bytes = OUT_MAX;
	ctx.limits.zstd_window = 1 << 20;

	struct collected c = {.p = malloc(OUT_MAX)};
	struct stream_sink sink = {.data = collect, .arg = &c};
	unsigned char *copy = malloc(size);
	struct blob blob;
	struct stream *s = NULL;

	memcpy(copy, data + 4, size - 4);
	if (blob_open_memory(&blob, copy, size - 4, 0, NULL) < 0)
		abort();
	if (data[0] & 4 &&
		digest_of(DIGEST_SHA512, copy, size - 4, &e.blob_digest, NULL) < 0)
		abort();
	if (stream_scan(&blob, &e, &sink, &ctx, NULL, &s, NULL) == 0) {
		check_facts(s, &e, copy, size - 4, &c);
		read_back(s, &ctx, copy, size - 4, &c, data);
	}
	stream_destroy(s);
	blob_close(&blob);
	free(copy);
	free(c.p);
	return 0;
}
