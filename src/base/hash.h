/*
 * Keyed hash for tables whose keys are chosen by the author of an image: who does not
 * know the key cannot make chains long. For memory only: values differ on every run.
 */
#ifndef O2R_BASE_HASH_H
#define O2R_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Goes on from h, which begins as the secret key and is one after each call. */
static inline uint64_t hash_keyed(uint64_t h, const void *p, size_t n)
{
	const unsigned char *c = p;
	uint64_t w;

	h ^= (uint64_t)n << 32;
	for (; n >= 8; c += 8, n -= 8) {
		memcpy(&w, c, 8);
		h = hash_mix(h ^ w, 0x9e3779b97f4a7c15);
	}
	w = 0;
	memcpy(&w, c, n);
	return hash_mix(h ^ w, 0xd6e8feb86659fd93);
}

#endif
