/*
 * gzip framing (RFC 1952): member headers, trailers, any number of members, over either
 * inflate implementation. Nothing may follow the last member, no zero padding either: no
 * tool that writes layers is known to add any.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/le.h"
#include "blob/decoder.h"
#include "blob/inflate.h"
#include "config.h"

enum {
	HEADER = 10,
	TRAILER = 8,
};

enum flag { /* RFC 1952, 2.3.1 */
	FLAG_HCRC = 2,
	FLAG_EXTRA = 4,
	FLAG_NAME = 8,
	FLAG_COMMENT = 16,
	FLAG_RESERVED = 0xe0,
};

enum phase {
	PHASE_HEADER, /* with nothing taken yet: between members */
	PHASE_EXTRA_LEN,
	PHASE_EXTRA,
	PHASE_NAME,
	PHASE_COMMENT,
	PHASE_HCRC,
	PHASE_DATA,
	PHASE_TRAILER,
};

/* Plain data, saved as it is. */
struct framing {
	enum phase phase;
	uint32_t have; /* bytes of the current field in `field` */
	uint32_t extra_left;
	uint32_t header_crc;
	uint32_t member_size; /* decoded, modulo 2^32 as the trailer has it */
	uint32_t members;     /* whole ones so far, stops at 1 */
	unsigned char flags;
	unsigned char field[HEADER];
};

struct gzip {
	struct decoder decoder;
	const struct inflate_ops *inflate;
	void *state;
	bool verify;
	struct framing f;
};

static struct gzip *gzip_of(struct decoder *d)
{
	return (struct gzip *)d; /* the decoder is the first member */
}

/* Collect a field of n bytes; true when it is whole. */
static bool take_field(struct gzip *g, struct decoder_io *io, uint32_t n)
{
	uint32_t part = (uint32_t)MIN(io->in_left, n - g->f.have);

	if (part)
		memcpy(g->f.field + g->f.have, io->in, part);
	g->f.have += part;
	io->in += part;
	io->in_left -= part;
	if (g->f.have < n)
		return false;
	g->f.have = 0;
	return true;
}

static void add_to_header_crc(struct gzip *g, const unsigned char *p, size_t n)
{
	g->f.header_crc = (uint32_t)crc32_z(g->f.header_crc, p, n);
}

/* Each of these ends with the phase after its own; 1: go on, 0: more input is needed. */
static int fixed_header(struct gzip *g, struct decoder_io *io, struct o2r_err *err)
{
	const unsigned char *h = g->f.field;

	if (!take_field(g, io, HEADER))
		return 0;
	if (h[0] != 0x1f || h[1] != 0x8b)
		return g->f.members
			       ? err_corrupt(err,
					 "bytes that are not gzip follow the last member")
			       : err_corrupt(err, "gzip header is missing");
	if (h[2] != 8)
		return err_corrupt(err, "gzip compression method %u is unknown", h[2]);
	if (h[3] & FLAG_RESERVED)
		return err_corrupt(err, "gzip header has reserved flags 0x%x", h[3]);
	g->f.flags = h[3];
	g->f.header_crc = 0;
	add_to_header_crc(g, h, HEADER);
	g->f.phase = PHASE_EXTRA_LEN;
	return 1;
}

static int extra_len(struct gzip *g, struct decoder_io *io)
{
	g->f.extra_left = 0;
	if (g->f.flags & FLAG_EXTRA) {
		if (!take_field(g, io, 2))
			return 0;
		add_to_header_crc(g, g->f.field, 2);
		g->f.extra_left = get_le16(g->f.field);
	}
	g->f.phase = PHASE_EXTRA;
	return 1;
}

static int extra(struct gzip *g, struct decoder_io *io)
{
	uint32_t part = (uint32_t)MIN(io->in_left, g->f.extra_left);

	add_to_header_crc(g, io->in, part);
	io->in += part;
	io->in_left -= part;
	g->f.extra_left -= part;
	if (g->f.extra_left)
		return 0;
	g->f.phase = PHASE_NAME;
	return 1;
}

/* A text that ends with a NUL, if the flag says that there is one. */
static int text(struct gzip *g, struct decoder_io *io, enum flag flag, enum phase next)
{
	if (g->f.flags & flag) {
		const unsigned char *nul =
			io->in_left ? memchr(io->in, 0, io->in_left) : NULL;
		size_t part = nul ? (size_t)(nul - io->in) + 1 : io->in_left;

		add_to_header_crc(g, io->in, part);
		io->in += part;
		io->in_left -= part;
		if (!nul)
			return 0;
	}
	g->f.phase = next;
	return 1;
}

static int header_crc(struct gzip *g, struct decoder_io *io, struct o2r_err *err)
{
	if (g->f.flags & FLAG_HCRC) {
		if (!take_field(g, io, 2))
			return 0;
		if (get_le16(g->f.field) != (g->f.header_crc & 0xffff))
			return err_corrupt(
				err, "gzip header does not match its checksum");
	}
	g->inflate->begin(g->state, g->verify);
	g->f.member_size = 0;
	g->f.phase = PHASE_DATA;
	return 1;
}

static int data(struct gzip *g, struct decoder_io *io, struct o2r_err *err)
{
	size_t in_left = io->in_left, out_left = io->out_left;
	int r = g->inflate->run(g->state, io);

	g->f.member_size += (uint32_t)(out_left - io->out_left);
	if (r == -EBADMSG)
		return err_corrupt(
			err, "gzip data is corrupt (%s)", g->inflate->why(g->state));
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return err_errno(err, -r, "cannot decode gzip data");
	if (r == INFLATE_END) {
		g->f.have = (uint32_t)g->inflate->unused(g->state, g->f.field);
		g->f.phase = PHASE_TRAILER;
		return 1;
	}
	if (!io->out_left || !io->in_left || io->pause)
		return 0;
	if (in_left == io->in_left && out_left == io->out_left)
		return err_corrupt(err, "gzip data makes the decoder stand still");
	return 1;
}

static int trailer(struct gzip *g, struct decoder_io *io, struct o2r_err *err)
{
	if (!take_field(g, io, TRAILER))
		return 0;
	if (g->verify && get_le32(g->f.field) != g->inflate->crc(g->state))
		return err_corrupt(err, "gzip member does not match its CRC-32");
	if (g->verify && get_le32(g->f.field + 4) != g->f.member_size)
		return err_corrupt(err, "gzip member does not have the length it states");
	g->f.members = 1;
	g->f.phase = PHASE_HEADER;
	return !io->pause;
}

static int step(struct gzip *g, struct decoder_io *io, struct o2r_err *err)
{
	switch (g->f.phase) {
	case PHASE_HEADER:
		return fixed_header(g, io, err);
	case PHASE_EXTRA_LEN:
		return extra_len(g, io);
	case PHASE_EXTRA:
		return extra(g, io);
	case PHASE_NAME:
		return text(g, io, FLAG_NAME, PHASE_COMMENT);
	case PHASE_COMMENT:
		return text(g, io, FLAG_COMMENT, PHASE_HCRC);
	case PHASE_HCRC:
		return header_crc(g, io, err);
	case PHASE_DATA:
		return data(g, io, err);
	case PHASE_TRAILER:
		return trailer(g, io, err);
	}
	return err_set(err, ERR_FAIL, EIO, "gzip decoder is in an unknown phase");
}

static int gzip_run(struct decoder *d, struct decoder_io *io, struct o2r_err *err)
{
	int r;

	do
		r = step(gzip_of(d), io, err);
	while (r > 0);
	return r;
}

static bool between_members(const struct gzip *g)
{
	return g->f.phase == PHASE_HEADER && !g->f.have;
}

static int gzip_end(struct decoder *d, struct o2r_err *err)
{
	struct gzip *g = gzip_of(d);

	if (g->f.phase == PHASE_HEADER && g->f.members && g->f.have)
		return err_corrupt(
			err, "%u bytes follow the last gzip member", g->f.have);
	if (!between_members(g) || !g->f.members)
		return err_corrupt(err, "gzip data is cut short");
	return 0;
}

static bool gzip_can_save(const struct decoder *d)
{
	const struct gzip *g = (const struct gzip *)d;

	/* in headers and trailers the inflate state is not live */
	return g->f.phase != PHASE_DATA || g->inflate->can_save(g->state);
}

static size_t gzip_save(struct decoder *d, unsigned char *out)
{
	struct gzip *g = gzip_of(d);

	memcpy(out, &g->f, sizeof(g->f));
	if (g->f.phase != PHASE_DATA)
		return sizeof(g->f);
	return sizeof(g->f) + g->inflate->save(g->state, out + sizeof(g->f));
}

/* Whether a saved one can be gone on with: nothing in it may lead out of a buffer. */
static bool is_valid(const struct framing *f)
{
	/* phases with a field of their own; a trailer may be whole already */
	static const uint32_t most[] = {
		[PHASE_HEADER] = HEADER - 1,
		[PHASE_EXTRA_LEN] = 1,
		[PHASE_HCRC] = 1,
		[PHASE_TRAILER] = TRAILER,
	};

	return (unsigned)f->phase <= PHASE_TRAILER && f->have <= most[f->phase] &&
	       f->extra_left <= UINT16_MAX && f->members <= 1 &&
	       !(f->flags & FLAG_RESERVED);
}

static int gzip_restore(struct decoder *d, const unsigned char *p, size_t n)
{
	struct gzip *g = gzip_of(d);

	if (!n) {
		g->f = (struct framing){.phase = PHASE_HEADER};
		return 0;
	}
	if (n < sizeof(g->f))
		return -EINVAL;
	memcpy(&g->f, p, sizeof(g->f));
	if (!is_valid(&g->f))
		return -EINVAL;
	if (g->f.phase != PHASE_DATA)
		return n == sizeof(g->f) ? 0 : -EINVAL;
	return g->inflate->restore(
		g->state, p + sizeof(g->f), n - sizeof(g->f), g->verify);
}

static void gzip_destroy(struct decoder *d)
{
	struct gzip *g = gzip_of(d);

	if (g->state)
		g->inflate->destroy(g->state);
	free(g);
}

static const struct decoder_ops gzip_ops = {
	.run = gzip_run,
	.end = gzip_end,
	.can_save = gzip_can_save,
	.save = gzip_save,
	.restore = gzip_restore,
	.destroy = gzip_destroy,
};

const struct inflate_ops *inflate_choose(bool zlib)
{
#if HAVE_ISAL
	if (!zlib)
		return &inflate_isal;
#endif
	(void)zlib;
	return &inflate_zlib;
}

int gzip_decoder_create(
	const struct decoder_options *options, struct decoder **out, struct o2r_err *err)
{
	struct gzip *g = calloc(1, sizeof(*g));

	if (!g)
		return err_nomem(err);
	g->inflate = inflate_choose(options->zlib);
	g->verify = options->verify;
	g->decoder.ops = &gzip_ops;
	g->decoder.save_max = sizeof(g->f) + g->inflate->save_max;
	g->state = g->inflate->create();
	if (!g->state) {
		gzip_destroy(&g->decoder);
		return err_nomem(err);
	}
	*out = &g->decoder;
	return 0;
}
