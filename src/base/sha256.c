#include "base/sha256.h"

#include <string.h>

/*
 * Only these functions of the library take and give the bare state that the two
 * implementations share; EVP hides it, and allocates for each digest.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "base/checked.h"
#include "base/sha256_ni.h"

enum {
	BLOCK = 64,
};

static void library_blocks(uint32_t h[8], const unsigned char *p, size_t blocks)
{
	SHA256_CTX lib;

	SHA256_Init(&lib);
	memcpy(lib.h, h, sizeof(lib.h));
	SHA256_Update(&lib, p, blocks * BLOCK);
	memcpy(h, lib.h, sizeof(lib.h));
}

static void compress(struct sha256 *s, const unsigned char *p, size_t blocks)
{
	if (!blocks)
		return;
	if (s->instructions)
		sha256_ni_blocks(s->h, p, blocks);
	else
		library_blocks(s->h, p, blocks);
}

void sha256_init(struct sha256 *s)
{
	static const uint32_t h0[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	memcpy(s->h, h0, sizeof(s->h));
	s->len = 0;
	s->instructions = sha256_ni_usable();
}

/* Input of one update, after what fills the block begun earlier. */
struct feed {
	const unsigned char *p;
	size_t n;
};

static struct feed fill_tail(struct sha256 *s, const void *data, size_t n)
{
	struct feed f = {.p = data, .n = n};
	size_t used = s->len % BLOCK;

	s->len += n;
	if (!used || !n)
		return f;

	size_t take = MIN(n, BLOCK - used);

	memcpy(s->tail + used, f.p, take);
	f.p += take;
	f.n -= take;
	if (used + take == BLOCK)
		compress(s, s->tail, 1);
	return f;
}

static void feed_rest(struct sha256 *s, struct feed f)
{
	size_t whole = f.n / BLOCK;

	compress(s, f.p, whole);
	/* a block begun earlier may still be open: then nothing is left here */
	if (f.n % BLOCK)
		memcpy(s->tail, f.p + whole * BLOCK, f.n % BLOCK);
}

void sha256_update(struct sha256 *s, const void *p, size_t n)
{
	feed_rest(s, fill_tail(s, p, n));
}

void sha256_update2(struct sha256 *a, const void *pa, size_t na, struct sha256 *b,
	const void *pb, size_t nb)
{
	struct feed fa = fill_tail(a, pa, na), fb = fill_tail(b, pb, nb);
	size_t both = MIN(fa.n, fb.n) / BLOCK;

	if (both && a->instructions && b->instructions) {
		sha256_ni_blocks2(a->h, fa.p, b->h, fb.p, both);
		fa.p += both * BLOCK;
		fa.n -= both * BLOCK;
		fb.p += both * BLOCK;
		fb.n -= both * BLOCK;
	}
	feed_rest(a, fa);
	feed_rest(b, fb);
}

static void put_be(unsigned char *p, uint64_t v, int bytes)
{
	while (bytes--) {
		p[bytes] = (unsigned char)v;
		v >>= 8;
	}
}

void sha256_final(struct sha256 *s, unsigned char out[32])
{
	static const unsigned char padding[BLOCK] = {0x80};
	unsigned char bits[8];
	size_t used = s->len % BLOCK;

	put_be(bits, s->len * 8, 8);
	sha256_update(s, padding, used < 56 ? 56 - used : 120 - used);
	sha256_update(s, bits, 8);
	for (int i = 0; i < 8; i++)
		put_be(out + 4 * i, s->h[i], 4);
}
