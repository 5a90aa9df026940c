/*
 * Arena: many small allocations freed together. Not thread-safe. Zero-initialised means
 * empty; memory handed out stays where it is until arena_finish. Memory is not zeroed.
 */
#ifndef O2R_BASE_ARENA_H
#define O2R_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	char *next;
	size_t left;
	size_t total; /* bytes taken from the system */
};

/* align is a power of two up to 16. NULL when out of memory. */
void *arena_alloc(struct arena *a, size_t size, size_t align);

/* A copy of n bytes with a NUL behind it. NULL when out of memory. */
char *arena_dup(struct arena *a, const void *p, size_t n);

/* Free everything; the arena is empty and usable again. */
void arena_finish(struct arena *a);

#endif
