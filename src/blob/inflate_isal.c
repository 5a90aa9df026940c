#include "blob/inflate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <isa-l.h>

#include "base/checked.h"
#include "blob/library_build.h"

enum {
	WINDOW = ISAL_DEF_HIST_SIZE,
	COUNT_MAX = 1 << 30, /* of output, see keep_count_small */
};

/*
 * The state is saved as parts of the library's own structure: what is live in it, with
 * the pointers gone. Only a process with this build of the library reads it back.
 */
struct saved {
	uint64_t read_in;
	int32_t read_in_length;
	uint32_t total_out, dict_length, bfinal, crc;
	uint32_t block_state;
	int32_t type0_block_len;
	int32_t tmp_in_size, tmp_out_valid, tmp_out_processed;
	uint32_t tables; /* 1: the Huffman tables follow */
	uint32_t zero;   /* no padding: it may be written to a file */
};

struct isal {
	struct inflate_state s;
	int result; /* of the last call */
};

static void *isal_create(void)
{
	struct isal *i = calloc(1, sizeof(*i));

	if (i)
		isal_inflate_init(&i->s);
	return i;
}

static void isal_destroy(void *arg)
{
	free(arg);
}

static void isal_begin(void *arg, bool crc)
{
	struct inflate_state *s = &((struct isal *)arg)->s;

	isal_inflate_init(s);
	s->crc_flag = crc ? ISAL_GZIP_NO_HDR : ISAL_DEFLATE;
}

/*
 * The library compares distances with its 32-bit count of the output, which would be
 * wrong where the count wraps at 4 GiB: it is kept small, and over the window.
 */
static void keep_count_small(struct inflate_state *s)
{
	if (s->total_out > COUNT_MAX)
		s->total_out -= 1u << 29;
}

static int isal_run(void *arg, struct decoder_io *io)
{
	struct isal *i = arg;
	struct inflate_state *s = &i->s;
	uint32_t in = (uint32_t)MIN(io->in_left, 1u << 30);
	uint32_t out = (uint32_t)MIN(io->out_left, 1u << 29);

	s->next_in = (uint8_t *)io->in;
	s->avail_in = in;
	s->next_out = io->out;
	s->avail_out = out;

	int r = isal_inflate(s);

	io->in += in - s->avail_in;
	io->in_left -= in - s->avail_in;
	io->out += out - s->avail_out;
	io->out_left -= out - s->avail_out;
	i->result = r;
	if (r < 0)
		return -EBADMSG;
	keep_count_small(s);
	return s->block_state == ISAL_BLOCK_FINISH ? INFLATE_END : INFLATE_MORE;
}

static const char *isal_why(const void *arg)
{
	switch (((const struct isal *)arg)->result) {
	case ISAL_INVALID_BLOCK:
		return "invalid block";
	case ISAL_INVALID_SYMBOL:
		return "invalid symbol";
	case ISAL_INVALID_LOOKBACK:
		return "invalid distance";
	default:
		return "invalid";
	}
}

static size_t isal_unused(void *arg, unsigned char out[8])
{
	struct inflate_state *s = &((struct isal *)arg)->s;
	size_t n = s->read_in_length > 0 ? (size_t)s->read_in_length / 8 : 0;
	uint64_t bits = s->read_in >> (s->read_in_length > 0 ? s->read_in_length % 8 : 0);

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)(bits >> 8 * i);
	s->read_in_length = 0;
	return n;
}

static uint32_t isal_crc(const void *arg)
{
	return ((const struct isal *)arg)->s.crc;
}

static bool isal_can_save(const void *arg)
{
	const struct inflate_state *s = &((const struct isal *)arg)->s;

	/* between two calls nothing is left of a symbol that did not fit, except where
	 * the library would have to hold it back: then not here */
	return s->block_state <= ISAL_BLOCK_INPUT_DONE && !s->write_overflow_len &&
	       !s->copy_overflow_length;
}

static size_t isal_save(void *arg, unsigned char *out)
{
	struct inflate_state *s = &((struct isal *)arg)->s;
	struct saved head = {
		.read_in = s->read_in,
		.read_in_length = s->read_in_length,
		.total_out = s->total_out,
		.dict_length = s->dict_length,
		.bfinal = s->bfinal,
		.crc = s->crc,
		.block_state = s->block_state,
		.type0_block_len = s->type0_block_len,
		.tmp_in_size = s->tmp_in_size,
		.tables = s->block_state == ISAL_BLOCK_CODED,
	};
	unsigned char *p = out + sizeof(head);
	/* the last 32 KiB of history, and what is decoded but not handed out */
	int32_t from = MIN(s->tmp_out_processed, s->tmp_out_valid - WINDOW);

	from = MAX(from, 0);
	head.tmp_out_valid = s->tmp_out_valid - from;
	head.tmp_out_processed = s->tmp_out_processed - from;
	memcpy(out, &head, sizeof(head));
	if (head.tables) {
		memcpy(p, &s->lit_huff_code, sizeof(s->lit_huff_code));
		p += sizeof(s->lit_huff_code);
		memcpy(p, &s->dist_huff_code, sizeof(s->dist_huff_code));
		p += sizeof(s->dist_huff_code);
	}
	memcpy(p, s->tmp_in_buffer, (size_t)head.tmp_in_size);
	p += head.tmp_in_size;
	memcpy(p, s->tmp_out_buffer + from, (size_t)head.tmp_out_valid);
	p += head.tmp_out_valid;
	return (size_t)(p - out);
}

/* Copy the next part of a saved state; the sizes have been checked. */
static void take(void *to, size_t n, const unsigned char **p)
{
	memcpy(to, *p, n);
	*p += n;
}

/*
 * What isal_inflate would index or count with, held against what it leaves behind (see
 * isal_save: history and output not handed out stand in tmp_out). A look-back is
 * compared with the number of bytes put out, so as many, or a whole window, must be
 * there.
 */
static bool is_valid(const struct saved *h, const struct inflate_state *s)
{
	uint32_t history, valid = (uint32_t)h->tmp_out_valid;

	if (h->block_state > ISAL_BLOCK_INPUT_DONE || h->zero || h->dict_length ||
		h->bfinal > 1 || h->tables != (h->block_state == ISAL_BLOCK_CODED))
		return false;
	if (h->read_in_length < 0 || h->read_in_length > 64 || h->type0_block_len < 0 ||
		h->type0_block_len > UINT16_MAX)
		return false;
	if (h->tmp_in_size < 0 || (size_t)h->tmp_in_size > sizeof(s->tmp_in_buffer) ||
		(h->tmp_in_size && h->block_state != ISAL_BLOCK_HDR))
		return false;
	if (h->tmp_out_valid < 0 || valid > sizeof(s->tmp_out_buffer) ||
		h->tmp_out_processed < 0 || h->tmp_out_processed > h->tmp_out_valid ||
		(valid > WINDOW && h->tmp_out_processed) || h->total_out > COUNT_MAX)
		return false;
	history = h->total_out + (valid - (uint32_t)h->tmp_out_processed);
	return valid >= MIN(history, WINDOW);
}

static int isal_restore(void *arg, const unsigned char *p, size_t n, bool crc)
{
	struct inflate_state *s = &((struct isal *)arg)->s;
	size_t tables = sizeof(s->lit_huff_code) + sizeof(s->dist_huff_code);
	struct saved head;

	if (n < sizeof(head))
		return -EINVAL;
	take(&head, sizeof(head), &p);
	if (!is_valid(&head, s))
		return -EINVAL;
	if (n != sizeof(head) + (head.tables ? tables : 0) + (size_t)head.tmp_in_size +
			 (size_t)head.tmp_out_valid)
		return -EINVAL;
	isal_begin(s, crc);
	s->read_in = head.read_in;
	s->read_in_length = head.read_in_length;
	s->total_out = head.total_out;
	s->dict_length = head.dict_length;
	s->bfinal = head.bfinal;
	s->crc = head.crc;
	s->block_state = (enum isal_block_state)head.block_state;
	s->type0_block_len = head.type0_block_len;
	s->tmp_in_size = (int16_t)head.tmp_in_size;
	s->tmp_out_valid = head.tmp_out_valid;
	s->tmp_out_processed = head.tmp_out_processed;
	if (head.tables) {
		take(&s->lit_huff_code, sizeof(s->lit_huff_code), &p);
		take(&s->dist_huff_code, sizeof(s->dist_huff_code), &p);
	}
	take(s->tmp_in_buffer, (size_t)head.tmp_in_size, &p);
	take(s->tmp_out_buffer, (size_t)head.tmp_out_valid, &p);
	return 0;
}

static int isal_identity(char *out, size_t room, size_t *n)
{
	struct library_build build;
	int r = library_build((const void *)(uintptr_t)isal_inflate, &build);

	if (r < 0)
		return r;
	*n = (size_t)snprintf(out, room, "isa-l %d.%d.%d %zu %zu %s", ISAL_MAJOR_VERSION,
		ISAL_MINOR_VERSION, ISAL_PATCH_VERSION, sizeof(struct inflate_state),
		sizeof(struct saved), build.text);
	return *n < room ? 0 : -ENOBUFS;
}

const struct inflate_ops inflate_isal = {
	.save_max = sizeof(struct saved) + sizeof(struct inflate_state),
	.create = isal_create,
	.destroy = isal_destroy,
	.begin = isal_begin,
	.run = isal_run,
	.why = isal_why,
	.unused = isal_unused,
	.crc = isal_crc,
	.can_save = isal_can_save,
	.save = isal_save,
	.restore = isal_restore,
	.identity = isal_identity,
};
