/*
 * zstd (RFC 8878): any number of frames, skippable ones too, nothing else. A stream can
 * be restarted where a frame begins.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/checked.h"
#include "base/le.h"
#include "blob/decoder.h"

struct zstd {
	struct decoder decoder;
	ZSTD_DCtx *ctx;
	uint64_t window_max;
	bool in_frame;
	bool frames; /* at least one is whole */
	uint32_t have;
	unsigned char magic[4];
};

static struct zstd *zstd_of(struct decoder *d)
{
	return (struct zstd *)d; /* the decoder is the first member */
}

static int corrupt(struct zstd *z, size_t code, struct o2r_err *err)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_memory_allocation:
		return err_nomem(err);
	case ZSTD_error_frameParameter_windowTooLarge:
		return err_corrupt(err,
			"zstd frame needs a window of more than %llu bytes (raise it "
			"with "
			"--limit zstd-window=N)",
			(unsigned long long)z->window_max);
	default:
		return err_corrupt(
			err, "zstd data is corrupt (%s)", ZSTD_getErrorName(code));
	}
}

/* Hand the library up to n bytes; 1: the frame has ended, 0: not yet. */
static int feed(struct zstd *z, const unsigned char *p, size_t n, size_t *taken,
	struct decoder_io *io, struct o2r_err *err)
{
	ZSTD_inBuffer in = {.src = p, .size = n};
	ZSTD_outBuffer out = {.dst = io->out, .size = io->out_left};
	size_t r = ZSTD_decompressStream(z->ctx, &out, &in);

	*taken = in.pos;
	io->out += out.pos;
	io->out_left -= out.pos;
	if (ZSTD_isError(r))
		return corrupt(z, r, err);
	return r == 0;
}

/*
 * The magic number is looked at here, so that bytes behind the last frame are told from
 * a bad frame, and old formats that the library may know are refused. 1: go on.
 */
static int begin_frame(struct zstd *z, struct decoder_io *io, struct o2r_err *err)
{
	uint32_t part = (uint32_t)MIN(io->in_left, sizeof(z->magic) - z->have);
	size_t taken;

	if (part)
		memcpy(z->magic + z->have, io->in, part);
	z->have += part;
	io->in += part;
	io->in_left -= part;
	if (z->have < sizeof(z->magic))
		return 0;
	if (codec_detect(z->magic, sizeof(z->magic)) != CODEC_ZSTD)
		return z->frames
			       ? err_corrupt(err,
					 "bytes that are not zstd follow the last frame")
			       : err_corrupt(err, "zstd frame header is missing");

	int r = feed(z, z->magic, sizeof(z->magic), &taken, io, err);

	if (r < 0)
		return r;
	if (r > 0 || taken != sizeof(z->magic))
		return err_corrupt(err, "zstd frame header is corrupt");
	z->have = 0;
	z->in_frame = true;
	return 1;
}

static int frame(struct zstd *z, struct decoder_io *io, struct o2r_err *err)
{
	size_t taken, out_left = io->out_left;
	int r = feed(z, io->in, io->in_left, &taken, io, err);

	io->in += taken;
	io->in_left -= taken;
	if (r < 0)
		return r;
	if (r > 0) {
		z->in_frame = false;
		z->frames = true;
		return !io->pause;
	}
	if (!io->out_left || !io->in_left)
		return 0;
	if (!taken && out_left == io->out_left)
		return err_corrupt(err, "zstd data makes the decoder stand still");
	return 1;
}

static int zstd_run(struct decoder *d, struct decoder_io *io, struct o2r_err *err)
{
	struct zstd *z = zstd_of(d);
	int r;

	do
		r = z->in_frame ? frame(z, io, err) : begin_frame(z, io, err);
	while (r > 0);
	return r;
}

static int zstd_end(struct decoder *d, struct o2r_err *err)
{
	struct zstd *z = zstd_of(d);

	if (z->in_frame || !z->frames)
		return err_corrupt(err, "zstd data is cut short");
	if (z->have)
		return err_corrupt(err, "%u bytes follow the last zstd frame", z->have);
	return 0;
}

static bool zstd_can_save(const struct decoder *d)
{
	const struct zstd *z = (const struct zstd *)d;

	return !z->in_frame && !z->have;
}

static size_t zstd_save(struct decoder *d, unsigned char *out)
{
	(void)d, (void)out;
	return 0; /* a frame stands for itself */
}

static int zstd_restore(struct decoder *d, const unsigned char *p, size_t n)
{
	struct zstd *z = zstd_of(d);

	(void)p;
	if (n || ZSTD_isError(ZSTD_DCtx_reset(z->ctx, ZSTD_reset_session_only)))
		return -EINVAL;
	z->in_frame = false;
	z->frames = d->in_pos != 0;
	z->have = 0;
	return 0;
}

static size_t zstd_memory(const struct decoder *d)
{
	return ZSTD_sizeof_DCtx(((const struct zstd *)d)->ctx);
}

static void zstd_destroy(struct decoder *d)
{
	struct zstd *z = zstd_of(d);

	ZSTD_freeDCtx(z->ctx);
	free(z);
}

static const struct decoder_ops zstd_ops = {
	.run = zstd_run,
	.end = zstd_end,
	.can_save = zstd_can_save,
	.save = zstd_save,
	.restore = zstd_restore,
	.memory = zstd_memory,
	.destroy = zstd_destroy,
};

/* The library's limit is a power of two: the largest one within ours. */
static int set_window_max(struct zstd *z)
{
	ZSTD_bounds b = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
	int log = b.lowerBound;

	while (log < b.upperBound && 2ULL << log <= z->window_max)
		log++;
	return ZSTD_isError(ZSTD_DCtx_setParameter(z->ctx, ZSTD_d_windowLogMax, log)) ? -1
										      : 0;
}

int zstd_decoder_create(
	const struct decoder_options *options, struct decoder **out, struct o2r_err *err)
{
	struct zstd *z = calloc(1, sizeof(*z));

	if (!z)
		return err_nomem(err);
	z->decoder.ops = &zstd_ops;
	z->window_max = options->limits.zstd_window;
	z->ctx = ZSTD_createDCtx();
	if (!z->ctx || set_window_max(z) < 0) {
		zstd_destroy(&z->decoder);
		return err_nomem(err);
	}
	*out = &z->decoder;
	return 0;
}
