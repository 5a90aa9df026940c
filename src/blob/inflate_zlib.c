#include "blob/inflate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/checked.h"

enum {
	WINDOW = 32 << 10,
};

struct zlib {
	z_stream z;
	bool want_crc;
	bool at_block_end; /* between two blocks: the only place to restart */
	uint32_t crc;
	unsigned char last; /* the input byte taken last, which may be used in part */
};

/* A saved state: this, then the window. */
struct saved {
	uint32_t crc;
	uint32_t window;
	unsigned char bits; /* unused bits of `last`, its upper ones */
	unsigned char last;
	uint16_t zero; /* no padding: it may be written to a file */
};

static void *zlib_create(void)
{
	struct zlib *s = calloc(1, sizeof(*s));

	if (s && inflateInit2(&s->z, -MAX_WBITS) != Z_OK) {
		free(s);
		return NULL;
	}
	return s;
}

static void zlib_destroy(void *arg)
{
	struct zlib *s = arg;

	inflateEnd(&s->z);
	free(s);
}

static void zlib_begin(void *arg, bool crc)
{
	struct zlib *s = arg;

	inflateReset(&s->z);
	s->want_crc = crc;
	s->crc = 0;
	s->at_block_end = false;
}

/* One call of the library; the sizes fit its counters. */
static int run_once(struct zlib *s, struct decoder_io *io)
{
	uInt in = (uInt)MIN(io->in_left, UINT_MAX),
	     out = (uInt)MIN(io->out_left, UINT_MAX);

	s->z.next_in = (z_const Bytef *)io->in;
	s->z.avail_in = in;
	s->z.next_out = io->out;
	s->z.avail_out = out;

	int r = inflate(&s->z, io->pause ? Z_BLOCK : Z_NO_FLUSH);
	size_t taken = in - s->z.avail_in, made = out - s->z.avail_out;

	if (taken)
		s->last = io->in[taken - 1];
	if (s->want_crc && made)
		s->crc = (uint32_t)crc32_z(s->crc, io->out, made);
	io->in += taken;
	io->in_left -= taken;
	io->out += made;
	io->out_left -= made;
	return r;
}

static int zlib_run(void *arg, struct decoder_io *io)
{
	struct zlib *s = arg;
	int r = run_once(s, io);

	s->at_block_end = r == Z_OK && (s->z.data_type & 128) && !(s->z.data_type & 64);
	switch (r) {
	case Z_OK:
	case Z_BUF_ERROR: /* no progress: out of room or of input, which the caller sees
			   */
		return INFLATE_MORE;
	case Z_STREAM_END:
		return INFLATE_END;
	case Z_MEM_ERROR:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

static const char *zlib_why(const void *arg)
{
	const struct zlib *s = arg;

	return s->z.msg ? s->z.msg : "it needs a dictionary";
}

static size_t zlib_unused(void *arg, unsigned char out[8])
{
	/* the library gives whole bytes back by itself */
	(void)arg, (void)out;
	return 0;
}

static uint32_t zlib_crc(const void *arg)
{
	return ((const struct zlib *)arg)->crc;
}

static bool zlib_can_save(const void *arg)
{
	return ((const struct zlib *)arg)->at_block_end;
}

static size_t zlib_save(void *arg, unsigned char *out)
{
	struct zlib *s = arg;
	struct saved head = {.crc = s->crc, .last = s->last};
	uInt window = 0;

	head.bits = (unsigned char)(s->z.data_type & 7);
	inflateGetDictionary(&s->z, out + sizeof(head), &window);
	head.window = window;
	memcpy(out, &head, sizeof(head));
	return sizeof(head) + window;
}

static int zlib_restore(void *arg, const unsigned char *p, size_t n, bool crc)
{
	struct zlib *s = arg;
	struct saved head;

	if (n < sizeof(head))
		return -EINVAL;
	memcpy(&head, p, sizeof(head));
	if (head.window > WINDOW || n != sizeof(head) + head.window || head.bits > 7 ||
		head.zero)
		return -EINVAL;
	zlib_begin(s, crc);
	s->crc = head.crc;
	s->last = head.last;
	if (head.bits &&
		inflatePrime(&s->z, head.bits, head.last >> (8 - head.bits)) != Z_OK)
		return -EINVAL;
	if (inflateSetDictionary(&s->z, p + sizeof(head), head.window) != Z_OK)
		return -EINVAL;
	return 0;
}

/* What is saved is the format's, not the library's: any version takes it back. */
static int zlib_identity(char *out, size_t room, size_t *n)
{
	*n = (size_t)snprintf(
		out, room, "zlib %s %zu", zlibVersion(), sizeof(struct saved));
	return *n < room ? 0 : -ENOBUFS;
}

const struct inflate_ops inflate_zlib = {
	.save_max = sizeof(struct saved) + WINDOW,
	.create = zlib_create,
	.destroy = zlib_destroy,
	.begin = zlib_begin,
	.run = zlib_run,
	.why = zlib_why,
	.unused = zlib_unused,
	.crc = zlib_crc,
	.can_save = zlib_can_save,
	.save = zlib_save,
	.restore = zlib_restore,
	.identity = zlib_identity,
};
