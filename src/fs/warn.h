/*
 * Warnings that an image can cause by the thousand: the first few of each kind by name,
 * the rest counted and reported once. One thread only.
 */
#ifndef O2R_FS_WARN_H
#define O2R_FS_WARN_H

#include <stdbool.h>

#include "base/ctx.h"

enum {
	WARN_SHOWN = 5,
	WARN_KINDS = 16,
};

struct warn {
	const struct ctx *ctx;
	const char *name; /* in front of each line; may be NULL */
	uint64_t count[WARN_KINDS];
};

/* Count one of this kind (chosen by the caller, < WARN_KINDS); true while its text is
 * wanted, so that nobody makes a text that is not shown. */
static inline bool warn_due(struct warn *w, unsigned kind)
{
	return w->count[kind]++ < WARN_SHOWN;
}

void warn_text(struct warn *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define warn_about(w, kind, ...)                                                         \
	do {                                                                             \
		if (warn_due((w), (kind)))                                               \
			warn_text((w), __VA_ARGS__);                                     \
	} while (0)

/* "N more warnings of the kind ..." for each kind over the limit; counts start anew. */
void warn_flush(struct warn *w, const char *const kind_names[WARN_KINDS]);

#endif
