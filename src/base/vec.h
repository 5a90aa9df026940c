/*
 * Growing arrays of any type, kept as plain { data, count, capacity } in their owners.
 *
 *	struct thing *v = NULL; size_t n = 0, cap = 0;
 *	if (VEC_RESERVE(v, n, cap, 1, limit) < 0) ...
 *	v[n++] = thing;
 */
#ifndef O2R_BASE_VEC_H
#define O2R_BASE_VEC_H

#include <stddef.h>

#include "base/err.h"

/* Room for `more` elements after `n`; 0, -ENOMEM, or -E2BIG when n + more > max. */
int vec_reserve(void *data, size_t n, size_t *cap, size_t more, size_t max,
	size_t elem) O2R_MUST_CHECK;

#define VEC_RESERVE(v, n, cap, more, max)                                                \
	vec_reserve(&(v), (n), &(cap), (more), (max), sizeof(*(v)))

#endif
