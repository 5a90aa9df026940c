#include "base/crc32c.h"

#include "base/le.h"

/*
 * Slicing by 8. A CRC is linear, so the entry of byte i is the sum of the entries of its
 * bits; the preprocessor makes the eight tables from eight values each (the remainder of
 * the single bit, followed by 0 to 7 zero bytes).
 */
#define E(i, a, b, c, d, e, f, g, h)                                                     \
	(((i)&1 ? (a) : 0) ^ ((i)&2 ? (b) : 0) ^ ((i)&4 ? (c) : 0) ^ ((i)&8 ? (d) : 0) ^ \
		((i)&16 ? (e) : 0) ^ ((i)&32 ? (f) : 0) ^ ((i)&64 ? (g) : 0) ^           \
		((i)&128 ? (h) : 0))
#define E4(i, ...)                                                                       \
	E(i, __VA_ARGS__), E((i) + 1, __VA_ARGS__), E((i) + 2, __VA_ARGS__),             \
		E((i) + 3, __VA_ARGS__)
#define E16(i, ...)                                                                      \
	E4(i, __VA_ARGS__), E4((i) + 4, __VA_ARGS__), E4((i) + 8, __VA_ARGS__),          \
		E4((i) + 12, __VA_ARGS__)
#define E64(i, ...)                                                                      \
	E16(i, __VA_ARGS__), E16((i) + 16, __VA_ARGS__), E16((i) + 32, __VA_ARGS__),     \
		E16((i) + 48, __VA_ARGS__)
#define TABLE(...)                                                                       \
	{                                                                                \
		E64(0, __VA_ARGS__), E64(64, __VA_ARGS__), E64(128, __VA_ARGS__),        \
			E64(192, __VA_ARGS__)                                            \
	}

/* clang-format off */
static const uint32_t table[8][256] = {
	TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf,
	      0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
	TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8,
	      0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
	TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5,
	      0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
	TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6,
	      0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
	TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91,
	      0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
	TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f,
	      0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
	TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53,
	      0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
	TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da,
	      0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};
/* clang-format on */

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t v = get_le64(p) ^ crc;

		crc = table[7][v & 255] ^ table[6][v >> 8 & 255] ^
		      table[5][v >> 16 & 255] ^ table[4][v >> 24 & 255] ^
		      table[3][v >> 32 & 255] ^ table[2][v >> 40 & 255] ^
		      table[1][v >> 48 & 255] ^ table[0][v >> 56];
	}
	while (n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 255];
	return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define WITH_CRC __attribute__((target("sse4.2,pclmul")))

/* crc followed by zero bytes, as many as k stands for: k = x^(8 * bytes - 33) mod P. */
WITH_CRC static inline uint32_t append_zeros(uint32_t crc, uint32_t k)
{
	__m128i product = _mm_clmulepi64_si128(
		_mm_cvtsi32_si128((int)crc), _mm_cvtsi32_si128((int)k), 0);

	return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/*
 * The instruction takes 3 cycles but one can begin each cycle: three blocks side by side.
 * k1 and k2 append one and two blocks of zeros.
 */
WITH_CRC static inline uint32_t three_blocks(
	uint32_t crc, const unsigned char *p, size_t block, uint32_t k1, uint32_t k2)
{
	uint64_t a = crc, b = 0, c = 0;

	for (size_t i = 0; i < block; i += 8) {
		a = _mm_crc32_u64(a, get_le64(p + i));
		b = _mm_crc32_u64(b, get_le64(p + block + i));
		c = _mm_crc32_u64(c, get_le64(p + 2 * block + i));
	}
	return append_zeros((uint32_t)a, k2) ^ append_zeros((uint32_t)b, k1) ^
	       (uint32_t)c;
}

WITH_CRC static uint32_t crc32c_sse42(uint32_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (; n >= 3 * 1024; n -= 3 * 1024, p += 3 * 1024)
		crc = three_blocks(crc, p, 1024, 0x170076fa, 0xa51b6135);
	for (; n >= 3 * 128; n -= 3 * 128, p += 3 * 128)
		crc = three_blocks(crc, p, 128, 0x0d3b6092, 0xb9e02b86);
	for (; n >= 8; n -= 8, p += 8)
		crc = (uint32_t)_mm_crc32_u64(crc, get_le64(p));
	while (n--)
		crc = _mm_crc32_u8(crc, *p++);
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
		return crc32c_sse42(crc, p, n);
	return crc32c_portable(crc, p, n);
}

#else

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	return crc32c_portable(crc, p, n);
}

#endif
