/* A list of strings that it owns. Zero-initialised is empty. */
#ifndef O2R_SOURCES_REGISTRY_STRINGS_H
#define O2R_SOURCES_REGISTRY_STRINGS_H

#include <stddef.h>

#include "base/err.h"

struct strings {
	char **s;
	size_t count, cap;
};

/* A copy of n bytes, NUL-terminated. -ENOMEM */
int strings_add(struct strings *l, const char *s, size_t n) O2R_MUST_CHECK;
void strings_finish(struct strings *l);

#endif
