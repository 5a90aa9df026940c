#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
	DEFAULT_MAX = 16 << 20,
};

int buf_reserve(struct buf *b, size_t n)
{
	size_t max = b->max ? b->max : DEFAULT_MAX;

	/* doubling and the NUL stay below SIZE_MAX */
	if (max > SIZE_MAX / 4)
		max = SIZE_MAX / 4;
	if (b->len > max || n > max - b->len)
		return -EFBIG;

	size_t need = b->len + n + 1;

	if (need <= b->cap)
		return 0;

	size_t cap = b->cap ? b->cap : 256;

	while (cap < need)
		cap *= 2;

	char *p = realloc(b->data, cap);

	if (!p)
		return -ENOMEM;
	b->data = p;
	b->cap = cap;
	return 0;
}

int buf_append(struct buf *b, const void *p, size_t n)
{
	int r = buf_reserve(b, n);

	if (r < 0)
		return r;
	if (n)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;

	int r = buf_reserve(b, (size_t)n);

	if (r < 0)
		return r;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}
