/*
 * A kept index of any content, its digests right: the container's header, a layer, a
 * stream. The first byte says which. Whatever is taken must be as good as what a scan
 * makes: a layer keeps to its rules and is written again as it was, a stream gives the
 * right bytes or an error.
 */
#include "blob/stream_pack.h"
#include "fs/layer_pack.h"
#include "blob/packing.h"
#include "blob/state_edit.h"
#include "layer_invariants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SPAN = STREAM_PIECE,
	EDIT = 8,
	EDITS_MAX = 16,
};

static const struct pack_id id = {
	.kind = 1, .version = 1, .key = {.algo = DIGEST_SHA256, .bytes = "key"}};

static void make_pack(const struct stream *s, const struct layer *l, struct buf *out)
{
	int fd = pf_empty();
	struct pack_writer w;

	REQUIRE(pack_begin(&w, fd, &id, NULL) == 0);
	REQUIRE(!s || stream_pack(s, &w, NULL) == 0);
	REQUIRE(!l || layer_pack(l, &w, NULL) == 0);
	REQUIRE(pack_end(&w, NULL) == 0);
	pf_read(fd, out);
	close(fd);
}

static void require_error(int r, const struct o2r_err *err)
{
	REQUIRE(r == err->code && err->text[0]);
	REQUIRE(err->cls == ERR_CORRUPT || r == -ENOMEM);
	for (const char *p = err->text; *p; p++)
		REQUIRE((unsigned char)*p >= ' ' && *p != 0x7f);
}

/* Bytes of a file; with the flag its header's checksum is right. */
static void read_file(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf file = {0}, content = {0};
	struct o2r_err err = {0};
	struct pack_reader r;
	uint64_t off, len;

	if (!size)
		return;
	add(&file, data + 1, size - 1);
	if (data[0] & 1 && file.len >= PF_HEADER)
		pf_reseal_header(&file);
	if (data[0] & 2 && file.len >= PF_HEADER) {
		/* the length too, which every change of size would make wrong */
		put_le64(pf_at(&file, PF_FILE_LEN), file.len);
		pf_reseal_header(&file);
	}

	int fd = pf_file(&file), failed = pack_open(&r, fd, &id, &err);

	if (failed < 0)
		require_error(failed, &err);
	for (unsigned i = 0; failed == 0 && i < r.count; i++) {
		uint32_t tag = r.sections[i].tag;
		int other = pack_raw(&r, tag, &off, &len, NULL);

		content.len = 0;
		REQUIRE(pack_read(&r, tag, 1 << 20, &content, NULL) < 0 || other < 0);
		REQUIRE(other < 0 || (off >= PF_HEADER && off + len <= file.len));
		REQUIRE(content.len <= file.len);
	}
	close(fd);
}

/* Size of the decoded layer (4), lengths of ENTR, XATT and MAPS (2 each), these, NAME. */
static void read_layer(const uint8_t *data, size_t size)
{
	static const char *const tags[] = {"ENTR", "XATT", "MAPS", "NAME"};
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	AUTO_BUF struct buf pack = {0}, again = {0};
	struct layer l = {0};
	struct o2r_err err = {0};
	struct pack_reader r;
	size_t at = 10;

	if (size < at)
		return;
	make_pack(NULL, &l, &pack);
	for (unsigned i = 0; i < 4; i++) {
		size_t n = i < 3 ? get_le16(data + 4 + 2 * i) : size - at;

		n = n < size - at ? n : size - at;
		pf_replace(&pack, tags[i], data + at, n);
		at += n;
	}
	pf_reseal(&pack);

	uint64_t decoded = get_le32(data);
	int fd = pf_file(&pack);

	REQUIRE(pack_open(&r, fd, &id, NULL) == 0);

	int failed = layer_unpack(&r, decoded, &ctx, &l, &err);

	close(fd);
	if (failed < 0) {
		require_error(failed, &err);
		REQUIRE(!l.entries);
		return;
	}
	require_layer(&l, decoded);
	make_pack(NULL, &l, &again);
	REQUIRE(again.len == pack.len && memcmp(again.data, pack.data, pack.len) == 0);
	layer_finish(&l);
}

struct sample {
	struct buf plain, packed, pack;
	struct stream_expect expect;
	struct blob blob;
};

static void make_sample(struct sample *s, unsigned which)
{
	static const struct {
		enum codec codec;
		unsigned parts;
		bool zlib;
	} shapes[] = {{CODEC_PLAIN, 1, false}, {CODEC_GZIP, 1, false},
		{CODEC_GZIP, 1, true}, {CODEC_GZIP, 40, false}, {CODEC_ZSTD, 40, false}};
	struct stream *st = NULL;

	draw_state = which;
	add_mixed(&s->plain, 4 * SPAN + 321);
	add_parts(&s->packed, shapes[which].codec, &s->plain, shapes[which].parts, 6);
	s->expect = (struct stream_expect){
		.codec = -1, .span = SPAN, .zlib = shapes[which].zlib};
	fill_digests(&s->expect, &s->packed, &s->plain);
	REQUIRE(scan_memory(&s->blob, &s->packed, &s->expect, NULL, &st, NULL) == 0);
	make_pack(st, NULL, &s->pack);
	stream_destroy(st);
	s->expect.diff_id.algo = DIGEST_NONE;
}

/* Section and width (1), which state (1), place (2), value (4). */
static void edit(struct buf *pack, const uint8_t *e)
{
	static const char *const tags[] = {"STRM", "SUMS", "CKPT", "STAT"};
	AUTO_BUF struct buf raw = {0};
	unsigned section = e[0] & 3, width = 1u << (e[0] >> 2 & 3);
	size_t n, at = get_le16(e + 2), count = se_count(pack);
	uint64_t v = get_le32(e + 4);

	if (e[0] & 128) {
		/* the numbers of a state, which is then packed anew; the Huffman tables
		 * behind them have nothing but their digest (docs/decoding.md) */
		if (!count || !get_le32(se_record(pack, e[1] % count) + SE_RAW))
			return;
		se_take(pack, e[1] % count, &raw);
		width = width > 4 ? 4 : width;
		at %= SE_FRAMING + SE_ISAL - width + 1;
		if (at + width > raw.len)
			return;
		pf_put((unsigned char *)raw.data + at, width, v);
		se_put(pack, e[1] % count, raw.data, raw.len);
		return;
	}

	unsigned char *p = pf_section(pack, tags[section], &n);

	if (n < width)
		return;
	at %= n - width + 1;
	/* differences reach what is nearly right */
	pf_put(p + at, width,
		e[0] & 64 ? v : pf_get(p + at, width) + (uint64_t)(int32_t)v);
}

static void read_pieces(const struct sample *s, const struct stream *st,
	const struct ctx *ctx, size_t hop)
{
	static unsigned char got[STREAM_PIECE];
	size_t pieces = (s->plain.len + STREAM_PIECE - 1) / STREAM_PIECE;
	struct stream_reader *r = NULL;

	REQUIRE(stream_reader_create(st, ctx, &r, NULL) == 0);
	for (size_t i = 0, at = 0; i < pieces; i++, at = (at + hop) % pieces) {
		size_t off = at * STREAM_PIECE, n = s->plain.len - off;

		n = n < STREAM_PIECE ? n : STREAM_PIECE;
		if (stream_reader_read(r, off, got, n, NULL) == 0)
			REQUIRE(memcmp(got, s->plain.data + off, n) == 0);
	}
	stream_reader_destroy(r);
}

/* A sample (1), a hop (1), edits. */
static void read_stream(const uint8_t *data, size_t size)
{
	static struct sample samples[5];
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	AUTO_BUF struct buf pack = {0};
	struct stream *st = NULL;
	struct o2r_err err = {0};
	struct pack_reader r;

	if (size < 2)
		return;

	struct sample *s = &samples[data[0] % 5];

	if (!s->pack.len)
		make_sample(s, data[0] % 5);
	pf_copy(&pack, &s->pack);
	/* states first: their table must still be right */
	for (unsigned pass = 2; pass--;)
		for (size_t i = 0, at = 2; i < EDITS_MAX && at + EDIT <= size;
			i++, at += EDIT)
			if ((data[at] & 128) == 128 * pass)
				edit(&pack, data + at);
	pf_reseal(&pack);

	int fd = pf_file(&pack);

	REQUIRE(pack_open(&r, fd, &id, NULL) == 0);

	int failed = stream_unpack(&r, &s->blob, &s->expect, &ctx, &st, &err);

	close(fd);
	if (failed < 0)
		require_error(failed, &err);
	else
		read_pieces(s, st, &ctx, 1 + data[1] % 5);
	stream_destroy(st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0:
		read_file(data + 1, size - 1);
		break;
	case 1:
		read_layer(data + 1, size - 1);
		break;
	default:
		read_stream(data + 1, size - 1);
	}
	return 0;
}
