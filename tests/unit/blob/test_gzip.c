/* gzip framing: every header field, bad ones, and members of more than 4 GiB. */
#include "packing.h"

enum {
	HCRC = 2,
	EXTRA = 4,
	NAME = 8,
	COMMENT = 16,
};

/* A member with a header of one's own; cut: bytes taken off the end. */
static void add_member(struct buf *b, const unsigned char head[4], unsigned extra,
	unsigned hcrc_error, const char *text, size_t n)
{
	AUTO_BUF struct buf whole = {0};
	size_t start = b->len;
	unsigned char fixed[10] = {
		head[0], head[1], head[2], head[3], 1, 2, 3, 4, 0, 255};

	add(b, fixed, sizeof(fixed));
	if (head[3] & EXTRA) {
		unsigned char len[2] = {
			(unsigned char)extra, (unsigned char)(extra >> 8)};

		add(b, len, 2);
		for (unsigned i = 0; i < extra; i++)
			add(b, "e", 1);
	}
	if (head[3] & NAME)
		add(b, "name", 5);
	if (head[3] & COMMENT)
		add(b, "a comment", 10);
	if (head[3] & HCRC) {
		uLong crc = crc32(0, (Bytef *)b->data + start, (uInt)(b->len - start));
		unsigned char c[2];

		crc ^= hcrc_error;
		c[0] = (unsigned char)crc;
		c[1] = (unsigned char)(crc >> 8);
		add(b, c, 2);
	}
	add_gzip(&whole, text, n, 6);
	add(b, whole.data + 10, whole.len - 10);
}

static const struct {
	unsigned char head[4];
	unsigned extra, hcrc_error;
	const char *error; /* NULL: accepted */
} headers[] = {
	{{0x1f, 0x8b, 8, 0}, 0, 0, NULL},
	{{0x1f, 0x8b, 8, 1}, 0, 0, NULL},
	{{0x1f, 0x8b, 8, NAME}, 0, 0, NULL},
	{{0x1f, 0x8b, 8, COMMENT}, 0, 0, NULL},
	{{0x1f, 0x8b, 8, EXTRA}, 0, 0, NULL},
	{{0x1f, 0x8b, 8, EXTRA}, 65535, 0, NULL},
	{{0x1f, 0x8b, 8, HCRC}, 0, 0, NULL},
	{{0x1f, 0x8b, 8, 31}, 300, 0, NULL},
	{{0x1f, 0x8b, 8, HCRC}, 0, 1, "does not match its checksum"},
	{{0x1f, 0x8b, 8, 31}, 300, 0x8000, "does not match its checksum"},
	{{0x1f, 0x8b, 7, 0}, 0, 0, "compression method 7"},
	{{0x1f, 0x8b, 8, 32}, 0, 0, "reserved flags"},
	{{0x1f, 0x8b, 8, 128}, 0, 0, "reserved flags"},
	{{0x1f, 0x8c, 8, 0}, 0, 0, "not gzip follow"},
};

static void header(size_t i, bool zlib)
{
	AUTO_BUF struct buf packed = {0}, out = {0};
	static const unsigned char good[4] = {0x1f, 0x8b, 8, 0};
	struct stream_expect e = {.codec = CODEC_GZIP, .zlib = zlib};
	struct blob blob;
	struct stream *s;
	struct o2r_err err = {0};
	char where[64];

	add_member(&packed, good, 0, 0, "one ", 4);
	add_member(&packed, headers[i].head, headers[i].extra, headers[i].hcrc_error,
		"two", 3);
	CHECK_EQ(scan_memory(&blob, &packed, &e, &out, &s, &err) < 0,
		headers[i].error != NULL);
	if (headers[i].error) {
		CHECK(strstr(err.text, headers[i].error) != NULL);
		/* errors name the place */
		CHECK(sscanf(err.text, "byte %63[0-9] of the blob", where) == 1);
	} else {
		CHECK_EQ(out.len, 7);
		CHECK_MEM(out.data, "one two", 7);
	}
	stream_destroy(s);
	blob_close(&blob);
}

/* A trailer is checked whatever member it belongs to. */
static void trailers(bool zlib)
{
	AUTO_BUF struct buf packed = {0};
	size_t ends[3];

	for (int i = 0; i < 3; i++) {
		add_gzip(&packed, "some text some text", 19, 6);
		ends[i] = packed.len;
	}
	for (int i = 0; i < 24; i++) {
		struct stream_expect e = {.codec = CODEC_GZIP, .zlib = zlib};
		size_t at = ends[i / 8] - 1 - (size_t)(i % 8);
		struct blob blob;
		struct stream *s;
		struct o2r_err err = {0};

		packed.data[at] ^= 0x10;
		CHECK(scan_memory(&blob, &packed, &e, NULL, &s, &err) < 0);
		CHECK(strstr(err.text, i % 8 < 4 ? "length it states" : "CRC-32") !=
			NULL);
		packed.data[at] ^= 0x10;
		blob_close(&blob);
	}
}

/* A blob that repeats one deflated stretch (flushed to a byte boundary) many times, as
 * one member: more than 4 GiB, at little cost. */
struct huge {
	struct buf head, stretch, tail;
	uint64_t repeats;
};

static int huge_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	const struct huge *h = arg;
	uint64_t body = h->stretch.len * h->repeats;
	char *p = buf;

	while (n) {
		const char *from;
		size_t part;

		if (off < h->head.len) {
			from = h->head.data + off;
			part = h->head.len - off;
		} else if (off < h->head.len + body) {
			size_t at = (off - h->head.len) % h->stretch.len;

			from = h->stretch.data + at;
			part = h->stretch.len - at;
		} else {
			from = h->tail.data + (off - h->head.len - body);
			part = n;
		}
		part = part < n ? part : n;
		memcpy(p, from, part);
		p += part;
		off += part;
		n -= part;
	}
	return 0;
}

static void make_huge(struct huge *h, const struct buf *plain)
{
	z_stream z = {0};
	uLong crc = 0, one = crc32(0, (Bytef *)plain->data, (uInt)plain->len);
	uint64_t size = plain->len * h->repeats;
	unsigned char trailer[10] = {3, 0};

	add(&h->head, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
	must(deflateInit2(&z, 1, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK);
	h->stretch.max = 8 << 20;
	must(buf_reserve(&h->stretch, 4 << 20) == 0);
	z.next_in = (Bytef *)plain->data;
	z.avail_in = (uInt)plain->len;
	z.next_out = (Bytef *)h->stretch.data;
	z.avail_out = 4 << 20;
	must(deflate(&z, Z_FULL_FLUSH) == Z_OK && z.avail_out);
	h->stretch.len = (4 << 20) - z.avail_out;
	deflateEnd(&z);
	for (uint64_t i = 0; i < h->repeats; i++)
		crc = crc32_combine(crc, one, (z_off_t)plain->len);
	for (int i = 0; i < 4; i++) {
		trailer[2 + i] = (unsigned char)(crc >> 8 * i);
		trailer[6 + i] = (unsigned char)(size >> 8 * i);
	}
	add(&h->tail, trailer, sizeof(trailer));
}

static void over_4_gib(void)
{
	AUTO_BUF struct buf plain = {0};
	static const struct blob_ops ops = {.pread = huge_pread};
	struct huge h = {.repeats = (4ULL << 20 | 8) / 1024};
	struct stream_expect e = {.codec = CODEC_GZIP, .span = 16 << 20};
	struct blob blob = {.ops = &ops, .arg = &h};
	struct stream *s = NULL;
	struct stream_reader *r = NULL;
	struct o2r_err err = {0};
	static unsigned char got[1 << 20];

	/* long repeats make it quick, and reach back over 4 GiB */
	for (int i = 0; i < 64; i++) {
		add_mixed(&plain, 1000);
		for (int k = 0; k < 1000; k++)
			add(&plain, "0123456789abcde", 15);
	}
	plain.len = 1 << 20;
	h.repeats = 4097;
	make_huge(&h, &plain);
	blob.size = h.head.len + h.stretch.len * h.repeats + h.tail.len;
	CHECK_EQ(stream_scan(&blob, &e, NULL, &test_ctx, NULL, &s, &err), 0);
	CHECK_STR(err.text, "");
	if (s) {
		CHECK_EQ(stream_size(s), plain.len * h.repeats);
		CHECK_EQ(stream_reader_create(s, &test_ctx, &r, NULL), 0);
		for (uint64_t i = 4094; i < h.repeats; i++) {
			CHECK_EQ(stream_reader_read(r, i << 20, got, 1 << 20, &err), 0);
			CHECK_MEM(got, plain.data, 1 << 20);
		}
	}
	stream_reader_destroy(r);
	stream_destroy(s);
	buf_finish(&h.head);
	buf_finish(&h.stretch);
	buf_finish(&h.tail);
}

int main(int argc, char **argv)
{
	take_seed(argc, argv);
	for (int zlib = 0; zlib < 2; zlib++) {
		for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
			header(i, zlib);
		trailers(zlib);
	}
	over_4_gib();
	TEST_END;
}
