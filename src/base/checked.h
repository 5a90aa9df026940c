/* Arithmetic on sizes that come from input. Each returns false on overflow. */
#ifndef O2R_BASE_CHECKED_H
#define O2R_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

/* Round up to a multiple of align, a power of two. */
static inline bool align_u64(uint64_t a, uint64_t align, uint64_t *out)
{
	uint64_t t;

	if (__builtin_add_overflow(a, align - 1, &t))
		return false;
	*out = t & ~(align - 1);
	return true;
}

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define DIV_ROUND_UP(a, b) (((a) + (b)-1) / (b))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
