#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/checked.h"
#include "blob/decoder.h"
#include "blob/piece_sum.h"
#include "blob/stream_impl.h"

enum {
	IN_SIZE = 128 << 10,
	SKIP_SIZE = 256 << 10,
};

struct stream_reader {
	const struct stream *stream;
	const struct ctx *ctx;
	struct decoder *decoder; /* NULL: plain */
	ZSTD_DCtx *zstd;         /* for checkpoints */
	unsigned char *state, *packed;
	unsigned char *in;
	unsigned char *skip; /* decoded bytes that nobody wants */
	uint64_t in_off;     /* of the next blob byte to read */
	uint64_t pos;        /* decoded offset where the decoder stands */
	bool valid;          /* it does stand there */
	uint64_t decoded;    /* bytes, in all */
	size_t memory;       /* bytes of the buffers */
	struct decoder_io io;
};

static int allocate(struct stream_reader *r, struct o2r_err *err)
{
	const struct stream *s = r->stream;
	size_t room = checkpoints_room(&s->checkpoints);
	/* what the codec has in checksums was checked while scanning, and each piece is
	 * checked here */
	struct decoder_options options = {
		.zlib = s->zlib, .verify = false, .limits = r->ctx->limits};

	r->memory = IN_SIZE + SKIP_SIZE + 2 * room;
	r->in = malloc(IN_SIZE);
	r->skip = malloc(SKIP_SIZE);
	r->state = malloc(room + 1);
	r->packed = malloc(room + 1);
	r->zstd = ZSTD_createDCtx();
	if (!r->in || !r->skip || !r->state || !r->packed || !r->zstd)
		return err_nomem(err);
	return decoder_create(s->codec, &options, &r->decoder, err);
}

int stream_reader_create(const struct stream *s, const struct ctx *ctx,
	struct stream_reader **out, struct o2r_err *err)
{
	struct stream_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return err_nomem(err);
	r->stream = s;
	r->ctx = ctx;
	if (s->codec != CODEC_PLAIN) {
		int failed = allocate(r, err);

		if (failed < 0) {
			stream_reader_destroy(r);
			return failed;
		}
	}
	*out = r;
	return 0;
}

void stream_reader_destroy(struct stream_reader *r)
{
	if (!r)
		return;
	decoder_destroy(r->decoder);
	ZSTD_freeDCtx(r->zstd);
	free(r->state);
	free(r->packed);
	free(r->in);
	free(r->skip);
	free(r);
}

static int restart(
	struct stream_reader *r, const struct checkpoint *c, struct o2r_err *err)
{
	int failed = 0;

	r->valid = false;
	r->io.in_left = 0;
	r->in_off = c ? c->in_off : 0;
	r->pos = c ? c->out_off : 0;
	if (c)
		failed = checkpoints_load(
			&r->stream->checkpoints, c, r->zstd, r->packed, r->state, err);
	if (failed == 0)
		failed = decoder_restore(
			r->decoder, r->state, c ? c->raw : 0, r->in_off, err);
	r->valid = failed == 0;
	return failed;
}

static int more_input(struct stream_reader *r, struct o2r_err *err)
{
	const struct blob *b = r->stream->blob;
	size_t n = (size_t)MIN(b->size - r->in_off, IN_SIZE);

	if (!n)
		return err_corrupt(err, "decoded bytes end at %llu, not at %llu",
			(unsigned long long)(r->pos),
			(unsigned long long)r->stream->size);

	int failed = blob_pread(b, r->in, n, r->in_off, err);

	r->io.in = r->in;
	r->io.in_left = n;
	r->in_off += n;
	return failed;
}

/* Decode exactly n bytes to p. */
static int decode(
	struct stream_reader *r, unsigned char *p, size_t n, struct o2r_err *err)
{
	int failed = 0;

	r->io.out = p;
	r->io.out_left = n;
	for (;;) {
		size_t before = r->io.out_left;

		failed = decoder_run(r->decoder, &r->io, err);
		r->pos += before - r->io.out_left;
		r->decoded += before - r->io.out_left;
		if (failed < 0 || !r->io.out_left)
			return failed;
		failed = ctx_check(r->ctx, err);
		if (failed == 0)
			failed = more_input(r, err);
		if (failed < 0)
			return failed;
	}
}

/* Start at c, or at the nearest one before it whose state is sound: what was kept by an
 * earlier run may be damaged, which must cost time, not the read. */
static int restart_before(
	struct stream_reader *r, const struct checkpoint *c, struct o2r_err *err)
{
	const struct checkpoints *all = &r->stream->checkpoints;
	struct o2r_err why = {0};
	int failed = restart(r, c, &why);

	while (failed < 0 && failed != -ENOMEM && c && all->damaged) {
		atomic_store(all->damaged, true);
		c = c > all->v ? c - 1 : NULL;
		failed = restart(r, c, &why);
	}
	if (failed < 0 && err)
		*err = why;
	return failed;
}

/* Bring the decoder to off, by the nearest way. */
static int seek(struct stream_reader *r, uint64_t off, struct o2r_err *err)
{
	const struct checkpoint *c = checkpoints_find(&r->stream->checkpoints, off);
	int failed = 0;

	if (!r->valid || r->pos > off || (c && c->out_off > r->pos))
		failed = restart_before(r, c, err);
	while (failed == 0 && r->pos < off)
		failed = decode(r, r->skip, (size_t)MIN(off - r->pos, SKIP_SIZE), err);
	return failed;
}

static int check_pieces(const struct stream *s, uint64_t off, const unsigned char *p,
	size_t n, struct o2r_err *err)
{
	if (s->unchecked)
		return 0;
	for (size_t i = 0; i < n; i += STREAM_PIECE) {
		size_t piece = (size_t)((off + i) / STREAM_PIECE);

		if (piece_sum(p + i, MIN(n - i, STREAM_PIECE)) != s->crcs[piece])
			return err_corrupt(err,
				"decoded bytes at %llu are not those that were indexed",
				(unsigned long long)(off + i));
	}
	return 0;
}

static int decode_at(struct stream_reader *r, uint64_t off, unsigned char *buf, size_t n,
	struct o2r_err *err)
{
	int failed = seek(r, off, err);

	if (failed == 0)
		failed = decode(r, buf, n, err);
	if (failed == 0)
		failed = check_pieces(r->stream, off, buf, n, err);
	/* what led to wrong bytes is not gone on with: the next read starts afresh */
	if (failed < 0)
		r->valid = false;
	if (failed == -EBADMSG)
		err_wrap(err, "blob has changed since it was indexed");
	return failed;
}

static int read_plain(const struct stream *s, uint64_t off, unsigned char *buf, size_t n,
	struct o2r_err *err)
{
	int failed = blob_pread(s->blob, buf, n, off, err);

	if (failed == 0)
		failed = check_pieces(s, off, buf, n, err);
	if (failed == -EBADMSG)
		err_wrap(err, "blob has changed since it was indexed");
	return failed;
}

int stream_reader_read(
	struct stream_reader *r, uint64_t off, void *buf, size_t n, struct o2r_err *err)
{
	const struct stream *s = r->stream;

	if (off > s->size || n > s->size - off || off % STREAM_PIECE ||
		(n % STREAM_PIECE && off + n != s->size))
		return err_set(err, ERR_FAIL, EINVAL,
			"%zu bytes at %llu are not whole pieces of the %llu decoded", n,
			(unsigned long long)off, (unsigned long long)s->size);
	if (!n)
		return 0;

	int failed = r->decoder ? decode_at(r, off, buf, n, err)
				: read_plain(s, off, buf, n, err);

	if (failed == -EBADMSG)
		blob_doubt(s->blob, false);
	return failed;
}

uint64_t stream_reader_at(const struct stream_reader *r)
{
	return r->valid ? r->pos : UINT64_MAX;
}

uint64_t stream_reader_decoded(const struct stream_reader *r)
{
	return r->decoded;
}

size_t stream_reader_memory(const struct stream_reader *r)
{
	return r->decoder ? r->memory + decoder_memory(r->decoder) : 0;
}
