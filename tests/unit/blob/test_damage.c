/* Damaged blobs: never wrong bytes, always an error of class CORRUPT. */
#include <errno.h>

#include "base/checked.h"
#include "packing.h"

struct shape {
	enum codec codec;
	unsigned parts;
	bool zlib;
};

static const struct shape shapes[] = {
	{CODEC_GZIP, 1, false},
	{CODEC_GZIP, 1, true},
	{CODEC_GZIP, 3, false},
	{CODEC_GZIP, 3, true},
	{CODEC_ZSTD, 1, false},
	{CODEC_ZSTD, 3, false},
	{CODEC_PLAIN, 1, false},
};

static void make(
	const struct shape *shape, size_t size, struct buf *plain, struct buf *packed)
{
	add_mixed(plain, size);
	if (shape->codec == CODEC_ZSTD && shape->parts > 1)
		add_skippable(packed, 20);
	add_parts(packed, shape->codec, plain, shape->parts, 6);
}

/* 0: accepted, with the bytes in `out`. Anything else has to be CORRUPT. */
static int try_scan(const struct shape *shape, const struct buf *packed, bool digests,
	const struct stream_expect *right, struct buf *out)
{
	struct stream_expect e = {.codec = (int)shape->codec, .zlib = shape->zlib};
	struct blob blob;
	struct stream *s;
	struct o2r_err err = {0};

	if (digests) {
		e.blob_digest = right->blob_digest;
		e.diff_id = right->diff_id;
	}

	int r = scan_memory(&blob, packed, &e, out, &s, &err);

	if (r < 0) {
		CHECK_EQ(err.cls, ERR_CORRUPT);
		CHECK(strlen(err.text) > 10);
	}
	stream_destroy(s);
	blob_close(&blob);
	return r;
}

static void flipped_bytes(const struct shape *shape)
{
	AUTO_BUF struct buf plain = {0}, packed = {0};
	struct stream_expect right;

	make(shape, 700, &plain, &packed);
	fill_digests(&right, &packed, &plain);
	for (size_t i = 0; i < packed.len * 8; i++) {
		AUTO_BUF struct buf out = {0}, unused = {0};

		packed.data[i / 8] = (char)(packed.data[i / 8] ^ 1 << i % 8);
		/* without digests the codec's own checks let no other bytes through */
		if (try_scan(shape, &packed, false, &right, &out) == 0 &&
			shape->codec != CODEC_PLAIN) {
			CHECK_EQ(out.len, plain.len);
			CHECK(out.len == plain.len &&
				memcmp(out.data, plain.data, plain.len) == 0);
		}
		CHECK(try_scan(shape, &packed, true, &right, &unused) < 0);
		packed.data[i / 8] = (char)(packed.data[i / 8] ^ 1 << i % 8);
	}
}

static void truncated(const struct shape *shape)
{
	AUTO_BUF struct buf plain = {0}, packed = {0};
	struct stream_expect right;
	size_t whole, boundaries = 0;

	make(shape, 3000, &plain, &packed);
	fill_digests(&right, &packed, &plain);
	whole = packed.len;
	for (packed.len = 0; packed.len < whole; packed.len++) {
		AUTO_BUF struct buf out = {0}, unused = {0};

		if (shape->codec != CODEC_PLAIN)
			boundaries += try_scan(shape, &packed, false, &right, &out) == 0;
		CHECK(try_scan(shape, &packed, true, &right, &unused) < 0);
	}
	/* only a cut between two members or frames goes unseen by the codec */
	if (shape->codec != CODEC_PLAIN)
		CHECK_EQ(boundaries,
			shape->parts - 1 +
				(shape->codec == CODEC_ZSTD && shape->parts > 1));
}

static const struct {
	const char *bytes;
	size_t n;
} garbage[] = {
	{"\0", 1},
	{"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32},
	{"x", 1},
	{"\x1f", 1},
	{"\x1f\x8b", 2},
	{"\x28\xb5\x2f", 3},
	{"\x27\xb5\x2f\xfd garbage", 12},
	{"garbage garbage garbage garbage garbage", 39},
};

static void trailing_garbage(const struct shape *shape)
{
	AUTO_BUF struct buf plain = {0}, packed = {0};
	size_t whole;

	make(shape, 3000, &plain, &packed);
	whole = packed.len;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		AUTO_BUF struct buf out = {0};

		packed.len = whole;
		add(&packed, garbage[i].bytes, garbage[i].n);
		CHECK(shape->codec == CODEC_PLAIN ||
			try_scan(shape, &packed, false, NULL, &out) < 0);
	}
}

/* One read of a reader over a changed blob: the right bytes or an error. */
static bool read_some(struct stream_reader *r, const struct buf *plain)
{
	static unsigned char got[8 * STREAM_PIECE];
	size_t pieces = plain->len / STREAM_PIECE, first = draw((uint32_t)pieces);
	size_t count = 1 + draw(MIN(8, (uint32_t)(pieces - first)));
	struct o2r_err err = {0};
	int failed = stream_reader_read(
		r, first * STREAM_PIECE, got, count * STREAM_PIECE, &err);

	if (failed < 0)
		CHECK_EQ(err.cls, ERR_CORRUPT);
	else
		CHECK_MEM(got, plain->data + first * STREAM_PIECE, count * STREAM_PIECE);
	return failed < 0;
}

/* The blob changes between the scan and the reads, and back again. */
static void changed_later(const struct shape *shape)
{
	AUTO_BUF struct buf plain = {0}, packed = {0};
	struct stream_expect e = {
		.codec = (int)shape->codec, .span = STREAM_PIECE, .zlib = shape->zlib};
	struct blob blob;
	struct stream *s;
	struct stream_reader *r;
	unsigned errors = 0;

	make(shape, 24 * STREAM_PIECE, &plain, &packed);
	CHECK_EQ(scan_memory(&blob, &packed, &e, NULL, &s, NULL), 0);
	CHECK_EQ(stream_reader_create(s, &test_ctx, &r, NULL), 0);
	for (int round = 0; round < 60; round++) {
		size_t at = draw((uint32_t)packed.len), n = 1 + draw(2000);
		AUTO_BUF struct buf saved = {0};

		n = n < packed.len - at ? n : packed.len - at;
		add(&saved, packed.data + at, n);
		for (size_t i = 0; i < n; i++)
			packed.data[at + i] = (char)draw(256);
		for (int i = 0; i < 8; i++)
			errors += read_some(r, &plain);
		memcpy(packed.data + at, saved.data, n);
		/* what was read ahead may still be the changed bytes, but only once */
		if (read_some(r, &plain))
			CHECK(!read_some(r, &plain));
	}
	CHECK(errors > 20);
	stream_reader_destroy(r);
	/* cut short: whatever it was, the end is missing */
	CHECK_EQ(stream_reader_create(s, &test_ctx, &r, NULL), 0);
	blob.size /= 2;

	static unsigned char all[24 * STREAM_PIECE];
	struct o2r_err err = {0};

	CHECK_EQ(stream_reader_read(r, 0, all, plain.len, &err), -EBADMSG);
	CHECK_EQ(err.cls, ERR_CORRUPT);
	stream_reader_destroy(r);
	stream_destroy(s);
	blob_close(&blob);
}

int main(int argc, char **argv)
{
	take_seed(argc, argv);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		flipped_bytes(&shapes[i]);
		truncated(&shapes[i]);
		trailing_garbage(&shapes[i]);
		changed_later(&shapes[i]);
	}
	TEST_END;
}
