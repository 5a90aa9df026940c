/*
 * Raw deflate (RFC 1951) of one gzip member after the other, by a library. gzip.c does
 * the framing around it. Two implementations: ISA-L, whose state can be saved anywhere,
 * and zlib, at the ends of blocks only.
 */
#ifndef O2R_BLOB_INFLATE_H
#define O2R_BLOB_INFLATE_H

#include "blob/decoder.h"

enum {
	INFLATE_MORE = 0, /* output full, input used up, or paused */
	INFLATE_END = 1,  /* the deflate stream has ended, all its output is out */
};

struct inflate_ops {
	size_t save_max;
	void *(*create)(void); /* NULL: out of memory */
	void (*destroy)(void *s);
	/* A new deflate stream; crc: keep the CRC-32 of the output. */
	void (*begin)(void *s, bool crc);
	/* INFLATE_*, -EBADMSG, or another negative errno. */
	int (*run)(void *s, struct decoder_io *io);
	/* After -EBADMSG: what the library says is wrong. */
	const char *(*why)(const void *s);
	/* After INFLATE_END: bytes taken from the input that lie behind the stream. */
	size_t (*unused)(void *s, unsigned char out[8]);
	uint32_t (*crc)(const void *s);
	bool (*can_save)(const void *s);
	size_t (*save)(void *s, unsigned char *out);
	/*
	 * -EINVAL when p is not what save wrote; crc as in begin. Whatever indexes or
	 * counts is checked; the contents of Huffman tables are not.
	 */
	int (*restore)(void *s, const unsigned char *p, size_t n, bool crc);
	/*
	 * Text that differs when a saved state means something else: the library, its
	 * version and build, the layout of the state. 0, or a negative errno when it
	 * cannot be told; *n gets the length.
	 */
	int (*identity)(char *out, size_t room, size_t *n);
};

/* zlib: even where ISA-L is built in. */
const struct inflate_ops *inflate_choose(bool zlib);

extern const struct inflate_ops inflate_zlib;
extern const struct inflate_ops inflate_isal; /* where HAVE_ISAL */

#endif
