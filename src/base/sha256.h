/*
 * SHA-256 (FIPS 180-4), streaming. With the processor's SHA instructions the compression
 * function is bound by latency, so two streams interleaved in one loop run at nearly
 * twice the speed of one: sha256_update2 feeds two independent states at once. Without
 * the instructions the crypto library does the work.
 *
 * A state belongs to one thread; states are independent of each other.
 */
#ifndef O2R_BASE_SHA256_H
#define O2R_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sha256 {
	uint32_t h[8];
	bool instructions; /* the processor has them; tests clear it after sha256_init */
	uint64_t len;      /* bytes fed so far */
	unsigned char tail[64];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *p, size_t n);
/* Exactly sha256_update(a, pa, na) and sha256_update(b, pb, nb); a != b. */
void sha256_update2(struct sha256 *a, const void *pa, size_t na, struct sha256 *b,
	const void *pb, size_t nb);
/* The state is used up. */
void sha256_final(struct sha256 *s, unsigned char out[32]);

#endif
