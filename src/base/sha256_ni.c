#include "base/sha256_ni.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))
#define INLINE_SHA WITH_SHA __attribute__((always_inline)) static inline

/* FIPS 180-4, 4.2.2 */
static const uint32_t k[64]
	__attribute__((aligned(16))) = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
		0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
		0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
		0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
		0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
		0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138,
		0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
		0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624,
		0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
		0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f,
		0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* One stream in the order that the instructions want: words a b e f and c d g h. */
struct lane {
	__m128i abef, cdgh;
	__m128i w[4]; /* the last 16 words of the message schedule */
};

INLINE_SHA void lane_load(struct lane *l, const uint32_t h[8])
{
	__m128i abcd = _mm_loadu_si128((const __m128i *)h);
	__m128i efgh = _mm_loadu_si128((const __m128i *)(h + 4));
	__m128i cdab = _mm_shuffle_epi32(abcd, 0xb1);

	efgh = _mm_shuffle_epi32(efgh, 0x1b);
	l->abef = _mm_alignr_epi8(cdab, efgh, 8);
	l->cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
}

INLINE_SHA void lane_store(const struct lane *l, uint32_t h[8])
{
	__m128i feba = _mm_shuffle_epi32(l->abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(l->cdgh, 0xb1);

	_mm_storeu_si128((__m128i *)h, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* Rounds 4i to 4i + 3. */
INLINE_SHA void lane_rounds(struct lane *l, const unsigned char *p, int i)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i *w = l->w;

	if (i < 4) {
		__m128i raw = _mm_loadu_si128((const __m128i *)(p + 16 * i));

		w[i] = _mm_shuffle_epi8(raw, swap);
	} else {
		__m128i last = w[(i + 3) & 3];
		__m128i sum = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);

		sum = _mm_add_epi32(sum, _mm_alignr_epi8(last, w[(i + 2) & 3], 4));
		w[i & 3] = _mm_sha256msg2_epu32(sum, last);
	}

	__m128i wk =
		_mm_add_epi32(w[i & 3], _mm_load_si128((const __m128i *)(k + 4 * i)));

	l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, wk);
	l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(wk, 0x0e));
}

INLINE_SHA void lane_add(struct lane *l, __m128i abef, __m128i cdgh)
{
	l->abef = _mm_add_epi32(l->abef, abef);
	l->cdgh = _mm_add_epi32(l->cdgh, cdgh);
}

/* The schedule's indices must be constants for it to stay in registers. */
#define FOUR(step, i) step(i) step((i) + 1) step((i) + 2) step((i) + 3)
#define SIXTEEN(step) FOUR(step, 0) FOUR(step, 4) FOUR(step, 8) FOUR(step, 12)

/*
 * These instructions have the legacy encoding. Code that left the upper halves of the
 * vector registers dirty (ISA-L's checksums do) makes each of them wait for the last
 * write of its register: hashing at half the speed, measured.
 */
static inline void clean_registers(void)
{
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroupper" ::: "memory");
}

WITH_SHA void sha256_ni_blocks(uint32_t h[8], const unsigned char *p, size_t blocks)
{
	struct lane l;

	clean_registers();
	lane_load(&l, h);
	for (; blocks; blocks--, p += 64) {
		__m128i abef = l.abef, cdgh = l.cdgh;

#define STEP(i) lane_rounds(&l, p, i);
		SIXTEEN(STEP)
#undef STEP
		lane_add(&l, abef, cdgh);
	}
	lane_store(&l, h);
}

WITH_SHA void sha256_ni_blocks2(uint32_t ha[8], const unsigned char *pa, uint32_t hb[8],
	const unsigned char *pb, size_t blocks)
{
	struct lane a, b;

	clean_registers();
	lane_load(&a, ha);
	lane_load(&b, hb);
	for (; blocks; blocks--, pa += 64, pb += 64) {
		__m128i a_abef = a.abef, a_cdgh = a.cdgh;
		__m128i b_abef = b.abef, b_cdgh = b.cdgh;

#define STEP(i) lane_rounds(&a, pa, i), lane_rounds(&b, pb, i);
		SIXTEEN(STEP)
#undef STEP
		lane_add(&a, a_abef, a_cdgh);
		lane_add(&b, b_abef, b_cdgh);
	}
	lane_store(&a, ha);
	lane_store(&b, hb);
}

#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>

/* The C library has asked the processor already: in a virtual machine each question takes
 * microseconds, and this is asked for every digest. */
static bool has_sha(void)
{
	return CPU_FEATURE_ACTIVE(SHA);
}
#else
#include <cpuid.h>

static bool has_sha(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#endif

bool sha256_ni_usable(void)
{
	/* compilers do not agree on a name for SHA in __builtin_cpu_supports */
	return __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("ssse3") &&
	       has_sha();
}

#else
#include <stdlib.h>

bool sha256_ni_usable(void)
{
	return false;
}

void sha256_ni_blocks(uint32_t h[8], const unsigned char *p, size_t blocks)
{
	(void)h, (void)p, (void)blocks;
	abort();
}

void sha256_ni_blocks2(uint32_t ha[8], const unsigned char *pa, uint32_t hb[8],
	const unsigned char *pb, size_t blocks)
{
	(void)ha, (void)pa, (void)hb, (void)pb, (void)blocks;
	abort();
}

#endif
