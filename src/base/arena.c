#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_MIN = 16 << 10,
	CHUNK_MAX = 1 << 20,
};

struct arena_chunk {
	struct arena_chunk *prev;
	char data[] __attribute__((aligned(16)));
};

static int grow(struct arena *a, size_t need)
{
	/* small trees stay small, large ones do not pay a call to malloc for every 16 KiB
	 */
	size_t size = a->total < CHUNK_MIN ? CHUNK_MIN : a->total;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	if (size < need)
		size = need;
	if (size > SIZE_MAX - sizeof(struct arena_chunk))
		return -1;

	struct arena_chunk *c = malloc(sizeof(*c) + size);

	if (!c)
		return -1;
	c->prev = a->chunks;
	a->chunks = c;
	a->next = c->data;
	a->left = size;
	a->total += sizeof(*c) + size;
	return 0;
}

void *arena_alloc(struct arena *a, size_t size, size_t align)
{
	size_t pad = -(uintptr_t)a->next & (align - 1);

	if (!a->next || pad > a->left || size > a->left - pad) {
		if (size > SIZE_MAX - 16 || grow(a, size) < 0)
			return NULL;
		pad = 0;
	}

	void *p = a->next + pad;

	a->next += pad + size;
	a->left -= pad + size;
	return p;
}

char *arena_dup(struct arena *a, const void *p, size_t n)
{
	char *s = n < SIZE_MAX ? arena_alloc(a, n + 1, 1) : NULL;

	if (s) {
		memcpy(s, p, n);
		s[n] = '\0';
	}
	return s;
}

void arena_finish(struct arena *a)
{
	struct arena_chunk *c = a->chunks;

	while (c) {
		struct arena_chunk *prev = c->prev;

		free(c);
		c = prev;
	}
	*a = (struct arena){0};
}
