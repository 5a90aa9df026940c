/*
 * Streams that come out of a pack: they read like those that went in, and whatever is
 * changed in between gives an error or the right bytes, never others.
 */
#include <errno.h>

#include "base/checked.h"
#include "blob/stream_pack.h"
#include "packing.h"
#include "config.h"
#include "state_edit.h"

enum {
	SPAN = STREAM_PIECE,
	SMALL = 5 * SPAN + 12345,
	LARGER = 30 * SPAN, /* zlib finds few places to restart */
};

static const struct pack_id id = {.kind = 1, .version = 1};

struct shape {
	enum codec codec;
	unsigned parts;
	int level;
	bool zlib, spilled;
};

static const struct shape shapes[] = {
	{CODEC_PLAIN, 1, 0, false, false},
	{CODEC_GZIP, 1, 6, false, false},
	{CODEC_GZIP, 1, 6, true, false},
	{CODEC_GZIP, 1, 0, false, true}, /* stored blocks */
	{CODEC_GZIP, 1, 1, false, true},
	{CODEC_GZIP, 60, 9, false, false},
	{CODEC_GZIP, 60, 9, true, true},
	{CODEC_ZSTD, 1, 3, false, false},
	{CODEC_ZSTD, 60, 3, false, false},
};

/* One blob, what was scanned of it, and the pack of that. */
struct sample {
	struct buf plain, packed, pack;
	struct stream_expect expect;
	struct blob blob;
	struct stream *stream;
	_Atomic uint64_t no_memory;
};

static void make_pack(const struct stream *s, struct buf *out)
{
	int fd = pf_empty();
	struct pack_writer w;
	struct o2r_err err = {0};

	CHECK_EQ(pack_begin(&w, fd, &id, NULL), 0);
	CHECK_EQ(stream_pack(s, &w, &err), 0);
	if (err.code)
		CHECK_STR(err.text, "");
	CHECK_EQ(pack_end(&w, NULL), 0);
	pf_read(fd, out);
	close(fd);
}

static void make(struct sample *s, const struct shape *shape, size_t size)
{
	struct o2r_err err = {0};

	*s = (struct sample){0};
	add_mixed(&s->plain, size);
	add_parts(&s->packed, shape->codec, &s->plain, shape->parts, shape->level);
	s->expect = (struct stream_expect){
		.codec = (int)shape->codec, .span = SPAN, .zlib = shape->zlib};
	if (shape->spilled)
		s->expect.index_budget = &s->no_memory;
	fill_digests(&s->expect, &s->packed, &s->plain);
	CHECK_EQ(
		scan_memory(&s->blob, &s->packed, &s->expect, NULL, &s->stream, &err), 0);
	must(s->stream != NULL);
	make_pack(s->stream, &s->pack);
}

static void finish(struct sample *s)
{
	stream_destroy(s->stream);
	blob_close(&s->blob);
	buf_finish(&s->plain);
	buf_finish(&s->packed);
	buf_finish(&s->pack);
}

static int unpack(const struct sample *s, const struct buf *pack,
	const struct stream_expect *e, struct stream **out, struct o2r_err *err)
{
	int fd = pf_file(pack);
	struct pack_reader r;
	int failed = pack_open(&r, fd, &id, err);

	*out = NULL;
	if (failed == 0)
		failed = stream_unpack(&r, &s->blob, e, &test_ctx, out, err);
	close(fd);
	CHECK_EQ(failed == 0, *out != NULL);
	return failed;
}

static int refused(const struct sample *s, const struct buf *pack)
{
	struct o2r_err err = {0};
	struct stream *got = NULL;
	int r = unpack(s, pack, &s->expect, &got, &err);

	if (r < 0) {
		CHECK(err.cls == ERR_CORRUPT || r == -ENOMEM);
		CHECK(err.text[0]);
	}
	stream_destroy(got);
	return r;
}

/* Each piece in some order: how many could not be read. No wrong byte ever. */
static size_t read_pieces(const struct sample *s, const struct stream *got, size_t hop)
{
	unsigned char *p = malloc(STREAM_PIECE);
	size_t pieces = (s->plain.len + STREAM_PIECE - 1) / STREAM_PIECE, failed = 0;
	struct stream_reader *r = NULL;

	must(p != NULL);
	CHECK_EQ(stream_reader_create(got, &test_ctx, &r, NULL), 0);
	for (size_t i = 0, at = 0; i < pieces; i++, at = (at + hop) % pieces) {
		size_t off = at * STREAM_PIECE, n = STREAM_PIECE;
		struct o2r_err err = {0};

		n = n < s->plain.len - off ? n : s->plain.len - off;
		if (stream_reader_read(r, off, p, n, &err) == 0) {
			CHECK_MEM(p, s->plain.data + off, n);
		} else {
			CHECK(err.text[0]);
			failed++;
		}
	}
	stream_reader_destroy(r);
	free(p);
	return failed;
}

static void round_trip(const struct shape *shape, size_t size)
{
	struct sample s;
	struct stream *got;
	struct o2r_err err = {0};
	AUTO_BUF struct buf again = {0};

	make(&s, shape, size);
	CHECK_EQ(unpack(&s, &s.pack, &s.expect, &got, &err), 0);
	if (!got) {
		CHECK_STR(err.text, "");
		finish(&s);
		return;
	}
	CHECK_EQ(stream_size(got), size);
	CHECK_EQ(stream_span(got), SPAN);
	CHECK_EQ(stream_codec(got), shape->codec);
	CHECK(digest_equal(stream_blob_digest(got), &s.expect.blob_digest));
	CHECK(digest_equal(stream_diff_id(got), &s.expect.diff_id));
	CHECK_EQ(stream_is_seekable(got), stream_is_seekable(s.stream));
	CHECK_EQ(read_pieces(&s, got, 1), 0);
	CHECK_EQ(read_pieces(&s, got, 7919), 0);
	/* packed once more it is the same, byte for byte */
	make_pack(got, &again);
	CHECK_EQ(again.len, s.pack.len);
	CHECK_MEM(again.data, s.pack.data, s.pack.len);
	stream_destroy(got);
	finish(&s);
}

static void expectations(void)
{
	struct sample s;
	struct stream *got;
	struct stream_expect e;
	struct o2r_err err = {0};
	struct ctx small = test_ctx;

	make(&s, &shapes[1], SMALL);
	e = s.expect;
	e.blob_digest.algo = e.diff_id.algo = DIGEST_NONE;
	e.codec = -1;
	CHECK_EQ(unpack(&s, &s.pack, &e, &got, &err), 0);
	stream_destroy(got);
	e = s.expect;
	e.blob_digest.bytes[0] ^= 1;
	CHECK_EQ(unpack(&s, &s.pack, &e, &got, &err), -EBADMSG);
	e = s.expect;
	e.diff_id.bytes[31] ^= 1;
	CHECK_EQ(unpack(&s, &s.pack, &e, &got, &err), -EBADMSG);
	e = s.expect;
	e.codec = CODEC_ZSTD;
	CHECK_EQ(unpack(&s, &s.pack, &e, &got, &err), -EBADMSG);
	e = s.expect;
	e.span = 2 * SPAN;
	CHECK_EQ(unpack(&s, &s.pack, &e, &got, &err), -ESTALE);
	e = s.expect;
	e.zlib = true;
	/* where ISA-L is not built in, all is by zlib */
	CHECK(unpack(&s, &s.pack, &e, &got, &err) == (HAVE_ISAL ? -ESTALE : 0));
	stream_destroy(got);
	s.blob.size--;
	CHECK_EQ(unpack(&s, &s.pack, &s.expect, &got, &err), -EBADMSG);
	s.blob.size++;

	small.limits.layer_bytes = SMALL - 1;

	int fd = pf_file(&s.pack);
	struct pack_reader r;

	CHECK_EQ(pack_open(&r, fd, &id, NULL), 0);
	CHECK_EQ(stream_unpack(&r, &s.blob, &s.expect, &small, &got, NULL), -EBADMSG);
	close(fd);

	/* the library's build, as if another one had made the states */
	size_t n;

	pf_section(&s.pack, "STRM", &n)[n - 1] ^= 1;
	pf_reseal(&s.pack);
	CHECK_EQ(unpack(&s, &s.pack, &s.expect, &got, &err), -ESTALE);
	finish(&s);
}

/* A scan that was not told the digest has none. */
static void without_digest(void)
{
	struct sample s;
	struct stream *other = NULL;
	struct stream_expect e = {.codec = -1};
	struct pack_writer w;
	struct blob blob;
	int fd = pf_empty();

	make(&s, &shapes[1], 1000);
	CHECK_EQ(scan_memory(&blob, &s.packed, &e, NULL, &other, NULL), 0);
	CHECK_EQ(pack_begin(&w, fd, &id, NULL), 0);
	CHECK_EQ(stream_pack(other, &w, NULL), -EINVAL);
	stream_destroy(other);
	blob_close(&blob);
	close(fd);
	finish(&s);
}

/* One in three, so that all kinds of bytes have their turn in all shapes together. */
static void every_third_byte(const struct shape *shape)
{
	AUTO_BUF struct buf bad = {0};
	struct sample s;
	size_t n, from;

	make(&s, shape, 3 * SPAN + 1);
	from = (size_t)(pf_section(&s.pack, "STAT", &n) - pf_at(&s.pack, 0));
	pf_copy(&bad, &s.pack);
	for (size_t i = draw(3); i < bad.len; i += 3) {
		if (i >= from && i < from + n)
			continue;
		bad.data[i] ^= (char)(1 << draw(8));
		CHECK(refused(&s, &bad) < 0);
		bad.data[i] = s.pack.data[i];
	}
	finish(&s);
}

/* One byte of a state changed: reads that need it take another way, and it is told. */
static void damaged_states(const struct shape *shape)
{
	AUTO_BUF struct buf bad = {0};
	struct sample s;
	struct stream *got;
	struct o2r_err err = {0};

	make(&s, shape, shape->zlib || !HAVE_ISAL ? LARGER : SMALL);
	CHECK(se_count(&s.pack) >= 2);
	for (size_t i = 0; i < se_count(&s.pack); i++) {
		size_t n;

		pf_copy(&bad, &s.pack);
		se_packed(&bad, i, &n);
		se_packed(&bad, i, &n)[draw((uint32_t)n)] ^=
			(unsigned char)(1 << draw(8));
		CHECK_EQ(unpack(&s, &bad, &s.expect, &got, &err), 0);
		/* backwards, so that every read enters by its own checkpoint */
		size_t pieces = (s.plain.len + STREAM_PIECE - 1) / STREAM_PIECE;

		CHECK(!stream_index_damaged(got));
		CHECK_EQ(read_pieces(&s, got, pieces - 1), 0);
		/* no piece begins behind the last one's start */
		CHECK(stream_index_damaged(got) ||
			get_le64(se_record(&s.pack, i)) > (pieces - 1) * STREAM_PIECE);
		CHECK_EQ(read_pieces(&s, got, 1), 0);
		stream_destroy(got);
	}
	finish(&s);
}

/* What the reader of a field at `at` may not be led astray by. */
static void mutate(
	const struct sample *s, const char *tag, size_t at, unsigned w, bool must_refuse)
{
	AUTO_BUF struct buf bad = {0};
	size_t n;
	uint64_t v;

	pf_copy(&bad, &s->pack);

	unsigned char *p = pf_section(&bad, tag, &n) + at;
	uint64_t is = pf_get(p, w);

	for (unsigned i = 0; pf_interesting(i, w, is, &v); i++) {
		struct stream *got = NULL;

		if (v == is)
			continue;
		pf_put(p, w, v);
		pf_reseal(&bad);
		if (must_refuse && refused(s, &bad) == 0) {
			fprintf(stderr, "%s at %zu: %" PRIu64 "\n", tag, at, v);
			CHECK(!"refused");
		}
		if (!must_refuse && unpack(s, &bad, &s->expect, &got, NULL) == 0) {
			read_pieces(s, got, 1);
			read_pieces(s, got, 3);
		}
		stream_destroy(got);
	}
}

static void every_field(const struct shape *shape)
{
	struct sample s;
	size_t n;

	make(&s, shape, SMALL);
	/* what is not the size of the content is known from elsewhere */
	for (size_t at = 0; at < 200; at += 4)
		mutate(&s, "STRM", at, 4, at != 16 && at != 20);
	for (size_t at = 8; at <= 24; at += 8)
		mutate(&s, "STRM", at, 8, at != 16);
	pf_section(&s.pack, "SUMS", &n);
	for (size_t at = 0; at < n; at += 4)
		mutate(&s, "SUMS", at, 4, false);
	for (size_t i = 0, last = se_count(&s.pack); i < last; i += 2) {
		size_t at = i * SE_RECORD;

		mutate(&s, "CKPT", at, 8, false);
		mutate(&s, "CKPT", at + 8, 8, false);
		mutate(&s, "CKPT", at + SE_OFF, 8, true);
		mutate(&s, "CKPT", at + SE_RAW, 4, false);
		mutate(&s, "CKPT", at + SE_PACKED, 4, true);
		mutate(&s, "CKPT", at + SE_SHA256, 8, shape->codec != CODEC_GZIP);
	}
	finish(&s);
}

/* The numbers of a saved state, all digests right: they lead nowhere outside. */
static void every_number(const struct shape *shape)
{
	AUTO_BUF struct buf raw = {0}, bad = {0};
	struct sample s;

	make(&s, shape, shape->zlib || !HAVE_ISAL ? LARGER / 2 : SMALL);
	CHECK(se_count(&s.pack) >= 2);
	for (size_t i = 1; i < MIN(se_count(&s.pack), 2); i++) {
		size_t end = SE_FRAMING + (shape->zlib || !HAVE_ISAL ? SE_ZLIB : SE_ISAL);

		for (size_t at = 0; at < end; at += 4) {
			uint64_t v, is;

			se_take(&s.pack, i, &raw);
			if (at + 4 > raw.len)
				break;
			is = get_le32(raw.data + at);
			for (unsigned k = 0; pf_interesting(k, 4, is, &v); k++) {
				struct stream *got = NULL;

				put_le32(raw.data + at, (uint32_t)v);
				pf_copy(&bad, &s.pack);
				se_put(&bad, i, raw.data, raw.len);
				CHECK_EQ(unpack(&s, &bad, &s.expect, &got, NULL), 0);
				read_pieces(&s, got, 5);
				stream_destroy(got);
			}
		}
	}
	finish(&s);
}

/* States shorter and longer than they say. */
static void other_lengths(const struct shape *shape)
{
	AUTO_BUF struct buf raw = {0}, bad = {0};
	struct sample s;

	make(&s, shape, shape->zlib || !HAVE_ISAL ? LARGER : SMALL);
	for (size_t i = 0; i < se_count(&s.pack); i++) {
		static const int by[] = {-40000, -100, -1, 1, 500};

		for (size_t k = 0; k < sizeof(by) / sizeof(by[0]); k++) {
			struct stream *got = NULL;

			se_take(&s.pack, i, &raw);

			size_t n = (int)raw.len + by[k] < 1 ? 1 : raw.len + (size_t)by[k];

			raw.len = n < raw.len ? n : raw.len;
			while (raw.len < n)
				add(&raw, "x", 1);
			pf_copy(&bad, &s.pack);
			se_put(&bad, i, raw.data, raw.len);
			CHECK_EQ(unpack(&s, &bad, &s.expect, &got, NULL), 0);
			/* passed over, used and found out by the checksums, or of no use
			 * to anybody: behind the start of the last piece */
			size_t pieces = DIV_ROUND_UP(s.plain.len, STREAM_PIECE);

			CHECK(read_pieces(&s, got, pieces - 1) >= 1 ||
				stream_index_damaged(got) ||
				get_le64(se_record(&s.pack, i)) >
					(pieces - 1) * STREAM_PIECE);
			stream_destroy(got);
		}
	}
	finish(&s);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {0, 1, SPAN, SPAN + 1, SMALL, 3333333};

	take_seed(argc, argv);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			round_trip(&shapes[i], sizes[k]);
		every_third_byte(&shapes[i]);
		every_field(&shapes[i]);
		if (shapes[i].codec != CODEC_GZIP || shapes[i].parts > 1)
			continue;
		damaged_states(&shapes[i]);
		every_number(&shapes[i]);
		other_lengths(&shapes[i]);
	}
	expectations();
	without_digest();
	TEST_END;
}
