#include "blob/stream_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/le.h"
#include "blob/inflate.h"
#include "blob/piece_sum.h"
#include "blob/stream_impl.h"

enum {
	TAG_STREAM = 0x4d525453,      /* "STRM" */
	TAG_SUMS = 0x534d5553,        /* "SUMS" */
	TAG_CHECKPOINTS = 0x54504b43, /* "CKPT" */
	TAG_STATES = 0x54415453,      /* "STAT", raw */
	DIGEST_SIZE = 68,
	IDENTITY_ROOM = 300,
	BATCH = 1024, /* records written at once */
};

/* Where the fields of the section STRM stand (docs/cache.md). */
enum stream_at {
	AT_CODEC = 0,
	AT_SUM_ID = 4,
	AT_SPAN = 8,
	AT_SIZE = 16,
	AT_BLOB_SIZE = 24,
	AT_BLOB_DIGEST = 32,
	AT_DIFF_ID = AT_BLOB_DIGEST + DIGEST_SIZE,
	AT_IDENTITY = AT_DIFF_ID + DIGEST_SIZE,
	STREAM_SIZE = AT_IDENTITY + 32,
};

/* And those of a record in CKPT. */
enum checkpoint_at {
	AT_OUT = 0,
	AT_IN = 8,
	AT_STATE = 16,
	AT_RAW = 24,
	AT_PACKED = 28,
	AT_SHA256 = 32,
	CHECKPOINT_SIZE = 64,
};

static void put_digest(unsigned char *p, const struct digest *d)
{
	put_le32(p, d->algo);
	memcpy(p + 4, d->bytes, digest_size(d->algo));
}

static int get_digest(const unsigned char *p, struct digest *d, struct o2r_err *err)
{
	static const unsigned char zeros[64];
	uint32_t algo = get_le32(p);

	if (algo != DIGEST_SHA256 && algo != DIGEST_SHA512)
		return err_corrupt(err, "a digest is of the unknown kind %u", algo);

	size_t n = digest_size((enum digest_algo)algo);

	d->algo = (enum digest_algo)algo;
	memcpy(d->bytes, p + 4, sizeof(d->bytes));
	return memcmp(d->bytes + n, zeros, sizeof(zeros) - n) == 0
		       ? 0
		       : err_corrupt(err, "a digest is malformed");
}

/* SHA-256 of the text that tells whose decoder states these are; zeros: there are none.
 */
static int identity(
	enum codec codec, bool zlib, unsigned char out[32], struct o2r_err *err)
{
	char text[IDENTITY_ROOM];
	struct sha256 sha;
	size_t n = 0;

	memset(out, 0, 32);
	if (codec != CODEC_GZIP)
		return 0;
	if (inflate_choose(zlib)->identity(text, sizeof(text), &n) < 0)
		return err_set(err, ERR_FAIL, ENOTSUP,
			"the build of the inflate library cannot be told, so that its "
			"states cannot be kept");
	sha256_init(&sha);
	sha256_update(&sha, text, n);
	/* states hold numbers as this processor has them */
	sha256_update(&sha, &(uint32_t){0x01020304}, 4);
	sha256_final(&sha, out);
	return 0;
}

static int pack_stream(const struct stream *s, struct pack_writer *w, struct o2r_err *err)
{
	unsigned char h[STREAM_SIZE] = {0};
	int r = identity(s->codec, s->zlib, h + AT_IDENTITY, err);

	if (r < 0)
		return r;
	if (s->blob_digest.algo == DIGEST_NONE)
		return err_set(err, ERR_FAIL, EINVAL,
			"what is not known by its digest cannot be kept");
	put_le32(h + AT_CODEC, s->codec);
	put_le32(h + AT_SUM_ID, PIECE_SUM_ID);
	put_le64(h + AT_SPAN, s->span);
	put_le64(h + AT_SIZE, s->size);
	put_le64(h + AT_BLOB_SIZE, s->blob->size);
	put_digest(h + AT_BLOB_DIGEST, &s->blob_digest);
	put_digest(h + AT_DIFF_ID, &s->diff_id);
	return pack_section(w, TAG_STREAM, h, sizeof(h), err);
}

static int pack_sums(const struct stream *s, struct pack_writer *w, struct o2r_err *err)
{
	unsigned char part[BATCH * 4];
	int r = pack_section_begin(w, TAG_SUMS, false, err);

	for (size_t i = 0; i < s->n_crcs && r == 0;) {
		size_t n = 0;

		for (; n < BATCH && i < s->n_crcs; n++, i++)
			put_le32(part + 4 * n, s->crcs[i]);
		r = pack_append(w, part, 4 * n, err);
	}
	return r;
}

/* The states, as they are; their digests for the table that follows. */
static int pack_states(const struct stream *s, struct pack_writer *w,
	unsigned char (*digests)[32], struct o2r_err *err)
{
	const struct checkpoints *c = &s->checkpoints;
	AUTO_FREE unsigned char *scratch = malloc(checkpoints_room(c) + 1);
	int r = pack_section_begin(w, TAG_STATES, true, err);

	if (!scratch)
		return err_nomem(err);
	for (size_t i = 0; i < c->n && r == 0; i++) {
		const unsigned char *state = NULL;
		struct sha256 sha;

		if (!c->v[i].packed)
			continue;
		r = checkpoints_packed(c, &c->v[i], scratch, &state, err);
		if (r < 0)
			return r;
		sha256_init(&sha);
		sha256_update(&sha, state, c->v[i].packed);
		sha256_final(&sha, digests[i]);
		r = pack_append(w, state, c->v[i].packed, err);
	}
	return r;
}

static int pack_table(const struct stream *s, struct pack_writer *w,
	unsigned char (*digests)[32], struct o2r_err *err)
{
	const struct checkpoints *c = &s->checkpoints;
	unsigned char h[CHECKPOINT_SIZE];
	uint64_t at = 0;
	int r = pack_section_begin(w, TAG_CHECKPOINTS, false, err);

	for (size_t i = 0; i < c->n && r == 0; i++) {
		const struct checkpoint *p = &c->v[i];

		put_le64(h + AT_OUT, p->out_off);
		put_le64(h + AT_IN, p->in_off);
		put_le64(h + AT_STATE, at);
		put_le32(h + AT_RAW, p->raw);
		put_le32(h + AT_PACKED, p->packed);
		memcpy(h + AT_SHA256, digests[i], 32);
		at += p->packed;
		r = pack_append(w, h, sizeof(h), err);
	}
	return r;
}

int stream_pack(const struct stream *s, struct pack_writer *w, struct o2r_err *err)
{
	AUTO_FREE unsigned char(*digests)[32] =
		calloc(s->checkpoints.n + 1, sizeof(*digests));
	int r;

	if (!digests)
		return err_nomem(err);
	r = pack_stream(s, w, err);
	if (r == 0)
		r = pack_sums(s, w, err);
	if (r == 0)
		r = pack_states(s, w, digests, err);
	return r < 0 ? r : pack_table(s, w, digests, err);
}

static int check_expected(const struct stream *s, const struct stream_expect *e,
	uint64_t blob_size, struct o2r_err *err)
{
	uint64_t span = e->span ? e->span : STREAM_SPAN;

	if (s->blob->size != blob_size)
		return err_corrupt(err, "it is of a blob of %llu bytes, not %llu",
			(unsigned long long)blob_size, (unsigned long long)s->blob->size);
	if (e->blob_digest.algo != DIGEST_NONE &&
		!digest_equal(&e->blob_digest, &s->blob_digest))
		return err_corrupt(err, "it is of another blob");
	if (e->diff_id.algo != DIGEST_NONE && !digest_equal(&e->diff_id, &s->diff_id))
		return err_corrupt(err, "it is of a layer with the diff_id %s, not %s",
			digest_format(&s->diff_id).s, digest_format(&e->diff_id).s);
	if (e->codec >= 0 && (int)s->codec != e->codec)
		return err_corrupt(err, "it is of a %s blob, not %s",
			codec_name(s->codec), codec_name((enum codec)e->codec));
	if (s->span != span)
		return err_set(err, ERR_CORRUPT, ESTALE,
			"its span is %llu bytes, not %llu", (unsigned long long)s->span,
			(unsigned long long)span);
	return 0;
}

static int check_stream(
	const struct stream *s, const struct ctx *ctx, struct o2r_err *err)
{
	if (s->span < STREAM_PIECE || (s->span & (s->span - 1)))
		return err_corrupt(err, "its span is no power of two");
	if (s->size > ctx->limits.layer_bytes)
		return err_corrupt(err, "its layer has %llu bytes, more than %llu",
			(unsigned long long)s->size,
			(unsigned long long)ctx->limits.layer_bytes);
	if (s->codec == CODEC_PLAIN && s->size != s->blob->size)
		return err_corrupt(err, "the size of a plain layer is another");
	return 0;
}

static int unpack_stream(const struct pack_reader *p, const struct stream_expect *e,
	const struct ctx *ctx, struct stream *s, struct o2r_err *err)
{
	unsigned char h[STREAM_SIZE], own[32];
	const struct pack_part part = {.tag = TAG_STREAM, .p = h, .n = sizeof(h)};
	int r = pack_load(p, &part, 1, err);

	if (r < 0)
		return r;

	uint32_t codec = get_le32(h + AT_CODEC);

	if (codec > CODEC_ZSTD)
		return err_corrupt(err, "its codec %u is unknown", codec);
	if (get_le32(h + AT_SUM_ID) != PIECE_SUM_ID)
		return err_set(
			err, ERR_CORRUPT, ESTALE, "its checksums are of another kind");
	s->codec = (enum codec)codec;
	s->zlib = e->zlib;
	s->span = get_le64(h + AT_SPAN);
	s->size = get_le64(h + AT_SIZE);
	r = get_digest(h + AT_BLOB_DIGEST, &s->blob_digest, err);
	if (r == 0)
		r = get_digest(h + AT_DIFF_ID, &s->diff_id, err);
	if (r == 0)
		r = check_expected(s, e, get_le64(h + AT_BLOB_SIZE), err);
	if (r == 0)
		r = check_stream(s, ctx, err);
	if (r == 0)
		r = identity(s->codec, s->zlib, own, err);
	if (r == 0 && memcmp(own, h + AT_IDENTITY, sizeof(own)) != 0)
		r = err_set(err, ERR_CORRUPT, ESTALE,
			"it was made with another inflate library");
	return r;
}

static int unpack_sums(const struct pack_reader *p, struct stream *s, struct o2r_err *err)
{
	uint64_t n = s->size / STREAM_PIECE + (s->size % STREAM_PIECE != 0);

	if (n > SIZE_MAX / 8)
		return err_nomem(err);

	struct pack_part part = {.tag = TAG_SUMS, .n = (size_t)n * 4};
	size_t len = 0;
	/* the size is only a claim so far: nothing is allocated that is not there */
	int r = pack_len(p, TAG_SUMS, part.n, &len, err);

	if (r == 0 && len != part.n)
		r = err_corrupt(err, "it has %zu checksums, not %llu", len / 4,
			(unsigned long long)n);
	if (r < 0)
		return r;
	s->crcs = part.p = malloc(part.n + 1);
	if (!s->crcs)
		return err_nomem(err);
	s->n_crcs = s->cap_crcs = (size_t)n;
	r = pack_load(p, &part, 1, err);
	for (size_t i = 0; r == 0 && i < s->n_crcs; i++)
		s->crcs[i] = get_le32(&s->crcs[i]);
	return r;
}

/* What one record of the table must be, given those before it. */
struct table {
	uint64_t out_off, in_off; /* of the last one */
	uint64_t states;          /* bytes of states before this one */
	uint64_t base, len;       /* the section of states in the file */
};

static bool has_state(const struct checkpoint *p, const unsigned char *sha256)
{
	static const unsigned char zeros[32];

	if (!p->raw)
		return !p->packed && memcmp(sha256, zeros, sizeof(zeros)) == 0;
	return p->packed && p->raw <= CHECKPOINT_RAW_MAX &&
	       p->packed <= checkpoints_packed_max(p->raw);
}

static int unpack_checkpoint(const unsigned char *h, const struct stream *s,
	struct table *t, struct checkpoint *p, struct o2r_err *err)
{
	uint64_t state = get_le64(h + AT_STATE);

	*p = (struct checkpoint){
		.out_off = get_le64(h + AT_OUT),
		.in_off = get_le64(h + AT_IN),
		.raw = get_le32(h + AT_RAW),
		.packed = get_le32(h + AT_PACKED),
		.spilled = true,
	};
	/* at least a span apart, as a scan takes them */
	if (p->out_off > s->size || p->out_off < t->out_off ||
		p->out_off - t->out_off < s->span || p->in_off < t->in_off ||
		p->in_off > s->blob->size)
		return err_corrupt(err, "a checkpoint is out of order");
	if (!has_state(p, h + AT_SHA256) || (p->raw != 0) != (s->codec == CODEC_GZIP) ||
		state != t->states || p->packed > t->len - t->states)
		return err_corrupt(err, "a checkpoint is malformed");
	p->at.file_off = t->base + state;
	t->out_off = p->out_off;
	t->in_off = p->in_off;
	t->states += p->packed;
	return 0;
}

static int unpack_table(const struct pack_reader *p, const unsigned char *records,
	struct stream *s, struct o2r_err *err)
{
	struct checkpoints *c = &s->checkpoints;
	struct table t = {0};
	int r = pack_raw(p, TAG_STATES, &t.base, &t.len, err);

	for (size_t i = 0; i < c->n && r == 0; i++) {
		const unsigned char *h = records + i * CHECKPOINT_SIZE;

		memcpy(c->sha256[i], h + AT_SHA256, 32);
		r = unpack_checkpoint(h, s, &t, &c->v[i], err);
	}
	if (r == 0 && t.states != t.len)
		r = err_corrupt(err, "its states have %llu bytes, not %llu",
			(unsigned long long)t.len, (unsigned long long)t.states);
	c->spilled = t.len;
	return r;
}

static int unpack_checkpoints(
	const struct pack_reader *p, struct stream *s, struct o2r_err *err)
{
	struct checkpoints *c = &s->checkpoints;
	size_t len = 0;
	int r = pack_len(p, TAG_CHECKPOINTS, (uint64_t)CHECKPOINTS_MAX * CHECKPOINT_SIZE,
		&len, err);

	if (r < 0)
		return r;
	if (len % CHECKPOINT_SIZE || len / CHECKPOINT_SIZE > s->size / s->span ||
		(len && s->codec == CODEC_PLAIN))
		return err_corrupt(err, "it has %zu bytes of checkpoints", len);

	AUTO_FREE unsigned char *records = malloc(len + 1);
	size_t n = len / CHECKPOINT_SIZE;

	c->v = calloc(n + 1, sizeof(*c->v));
	c->sha256 = calloc(n + 1, sizeof(*c->sha256));
	c->damaged = calloc(1, sizeof(*c->damaged));
	if (!records || !c->v || !c->sha256 || !c->damaged)
		return err_nomem(err);

	const struct pack_part part = {.tag = TAG_CHECKPOINTS, .p = records, .n = len};

	r = pack_load(p, &part, 1, err);
	if (r < 0)
		return r;
	/* from here on finishing takes them for checkpoints: none of them in memory */
	for (size_t i = 0; i < n; i++)
		c->v[i].spilled = true;
	c->n = n;
	c->cap = n + 1;
	return unpack_table(p, records, s, err);
}

static void cleanup_stream(struct stream **s)
{
	stream_destroy(*s);
}

int stream_unpack(struct pack_reader *p, const struct blob *blob,
	const struct stream_expect *expect, const struct ctx *ctx, struct stream **out,
	struct o2r_err *err)
{
	CLEANUP(cleanup_stream) struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err);
	checkpoints_init(&s->checkpoints, NULL);
	s->blob = blob;
	r = unpack_stream(p, expect, ctx, s, err);
	if (r == 0)
		r = unpack_sums(p, s, err);
	if (r == 0)
		r = unpack_checkpoints(p, s, err);
	if (r < 0)
		return r;
	s->checkpoints.fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
	if (s->checkpoints.fd < 0)
		return err_errno(err, errno, "cannot keep the index open");
	*out = STEAL(s);
	return 0;
}
