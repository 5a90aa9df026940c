#include "cli/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

int seen_first(struct seen *s, uint64_t ino)
{
	size_t at = (size_t)(ino / 8);
	unsigned char bit = (unsigned char)(1u << ino % 8);

	if (at >= s->bytes) {
		size_t bytes = MAX(at + 1, s->bytes * 2);
		unsigned char *bits = realloc(s->bits, bytes);

		if (!bits)
			return -ENOMEM;
		memset(bits + s->bytes, 0, bytes - s->bytes);
		s->bits = bits;
		s->bytes = bytes;
	}
	if (s->bits[at] & bit)
		return 0;
	s->bits[at] |= bit;
	return 1;
}

void seen_finish(struct seen *s)
{
	free(s->bits);
	*s = (struct seen){0};
}
