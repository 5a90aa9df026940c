#include "sources/registry/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

enum {
	STRINGS_MAX = 1 << 16,
};

int strings_add(struct strings *l, const char *s, size_t n)
{
	if (VEC_RESERVE(l->s, l->count, l->cap, 1, STRINGS_MAX) < 0)
		return -ENOMEM;

	char *copy = strndup(s, n);

	if (!copy)
		return -ENOMEM;
	l->s[l->count++] = copy;
	return 0;
}

void strings_finish(struct strings *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->s[i]);
	free(l->s);
	*l = (struct strings){0};
}
