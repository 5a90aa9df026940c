#include "ext4/dirhash.h"

#include <string.h>

enum {
	CHUNK = 32, /* bytes of a name that go into one transformation */
	WORDS = CHUNK / 4,
};

static uint32_t rol32(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static uint32_t select_bits(uint32_t x, uint32_t y, uint32_t z)
{
	return z ^ (x & (y ^ z));
}

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
	return (x & y) | (x & z) | (y & z);
}

static uint32_t parity(uint32_t x, uint32_t y, uint32_t z)
{
	return x ^ y ^ z;
}

/* One of the three rounds: eight steps, each on the word that `order` names. */
#define ROUND(s, in, f, k, order, shifts)                                                \
	for (unsigned i = 0; i < WORDS; i++) {                                           \
		uint32_t t = rol32(s[0] + f(s[1], s[2], s[3]) + in[(order)[i]] + (k),    \
			(shifts)[i % 4]);                                                \
                                                                                         \
		s[0] = s[3];                                                             \
		s[3] = s[2];                                                             \
		s[2] = s[1];                                                             \
		s[1] = t;                                                                \
	}

/* MD4 (RFC 1320) with half of the words and steps. */
static void half_md4(uint32_t state[4], const uint32_t in[WORDS])
{
	static const unsigned char order[3][WORDS] = {
		{0, 1, 2, 3, 4, 5, 6, 7},
		{1, 3, 5, 7, 0, 2, 4, 6},
		{3, 7, 2, 6, 1, 5, 0, 4},
	};
	static const unsigned char shifts[3][4] = {
		{3, 7, 11, 19},
		{3, 5, 9, 13},
		{3, 9, 11, 15},
	};
	uint32_t s[4];

	memcpy(s, state, sizeof(s));
	ROUND(s, in, select_bits, 0, order[0], shifts[0])
	ROUND(s, in, majority, 0x5a827999, order[1], shifts[1])
	ROUND(s, in, parity, 0x6ed9eba1, order[2], shifts[2])
	for (unsigned i = 0; i < 4; i++)
		state[i] += s[i];
}

/*
 * Up to 32 bytes as words, first byte highest; what is missing is filled with the length
 * of the rest of the name. Bytes over 127 count as negative: that is the "signed" hash.
 */
static void load_words(const char *p, size_t left, uint32_t out[WORDS])
{
	const signed char *c = (const signed char *)p;
	uint32_t pad = (uint32_t)(left & 0xff) * 0x01010101u;
	size_t n = left < CHUNK ? left : CHUNK;

	for (size_t w = 0; w < WORDS; w++) {
		uint32_t v = pad;

		for (size_t i = w * 4; i < n && i < w * 4 + 4; i++)
			v = (v << 8) + (uint32_t)(int32_t)c[i];
		out[w] = v;
	}
}

uint32_t dirhash(const uint32_t seed[4], const char *name, size_t len)
{
	uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	uint32_t words[WORDS], hash;

	if (seed[0] | seed[1] | seed[2] | seed[3])
		memcpy(state, seed, sizeof(state));
	while (len > 0) {
		size_t n = len < CHUNK ? len : CHUNK;

		load_words(name, len, words);
		half_md4(state, words);
		name += n;
		len -= n;
	}
	hash = state[1] & ~1u;
	/* The largest value is the kernel's mark for "end of directory". */
	return hash == 0xfffffffe ? 0xfffffffc : hash;
}
