/*
 * Decoder: turns the bytes of a blob into decoded bytes, from front to back, in whatever
 * portions the caller has room for. It knows no files and no threads: input and output
 * are memory. At some places its state can be saved, and another decoder of the same kind
 * can go on from there.
 *
 * A decoder belongs to one thread. A saved state is trusted in part: it comes from our
 * own memory, our own unlinked file or a pack that nobody else could write. Its numbers
 * are checked; Huffman tables are not.
 */
#ifndef O2R_BLOB_DECODER_H
#define O2R_BLOB_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "blob/codec.h"

struct decoder_io {
	const unsigned char *in;
	size_t in_left;
	unsigned char *out;
	size_t out_left;
	bool pause; /* return at the next place where the state can be saved */
};

struct decoder;

struct decoder_ops {
	int (*run)(struct decoder *d, struct decoder_io *io, struct o2r_err *err);
	int (*end)(struct decoder *d, struct o2r_err *err);
	bool (*can_save)(const struct decoder *d);
	size_t (*save)(struct decoder *d, unsigned char *out);
	int (*restore)(struct decoder *d, const unsigned char *p, size_t n);
	size_t (*memory)(const struct decoder *d); /* NULL: not worth telling */
	void (*destroy)(struct decoder *d);
};

/* The head of each kind's own structure. */
struct decoder {
	const struct decoder_ops *ops;
	size_t save_max; /* most bytes that save writes */
	uint64_t in_pos; /* of the next input byte in the blob; set by whoever restores */
};

struct decoder_options {
	bool zlib;   /* gzip by zlib even where ISA-L is built in */
	bool verify; /* check what the codec itself has in checksums */
	struct limits limits;
};

/* codec is not CODEC_PLAIN, which needs none. */
int decoder_create(enum codec codec, const struct decoder_options *options,
	struct decoder **out, struct o2r_err *err) O2R_MUST_CHECK;
void decoder_destroy(struct decoder *d);

/*
 * Decode until the output is full, or the input is used up and gives no more output, or
 * (with pause) the state can be saved. Corrupt input is -EBADMSG with the offset.
 */
int decoder_run(
	struct decoder *d, struct decoder_io *io, struct o2r_err *err) O2R_MUST_CHECK;

/* The input is at its end and all output taken: an error in the middle of something. */
int decoder_end(struct decoder *d, struct o2r_err *err) O2R_MUST_CHECK;

bool decoder_can_save(const struct decoder *d);
/* Returns the size of the state, which may be 0. Only when decoder_can_save. */
size_t decoder_save(struct decoder *d, unsigned char *out);
/* in_pos: where the input goes on. n == 0 and in_pos == 0: from the start. */
int decoder_restore(struct decoder *d, const unsigned char *p, size_t n, uint64_t in_pos,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Bytes that it holds because of what it decodes: windows. */
size_t decoder_memory(const struct decoder *d);

/* The kinds, for decoder_create. */
int gzip_decoder_create(
	const struct decoder_options *options, struct decoder **out, struct o2r_err *err);
int zstd_decoder_create(
	const struct decoder_options *options, struct decoder **out, struct o2r_err *err);

#endif
