/*
 * Byte buffer with a cap: grows by doubling, never past max, always with a NUL behind the
 * content. Zero-initialise, then set max (0 means 16 MiB). Not thread-safe.
 */
#ifndef O2R_BASE_BUF_H
#define O2R_BASE_BUF_H

#include <stddef.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"

struct buf {
	char *data; /* NULL while empty */
	size_t len;
	size_t cap;
	size_t max;
};

/* Each returns 0, -ENOMEM, or -EFBIG when the cap would be passed. */
int buf_append(struct buf *b, const void *p, size_t n) O2R_MUST_CHECK;
int buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3))) O2R_MUST_CHECK;
/* Room for n more bytes at data + len; the caller adds to len. */
int buf_reserve(struct buf *b, size_t n) O2R_MUST_CHECK;

static inline void buf_finish(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}

#define AUTO_BUF CLEANUP(buf_finish)

#endif
