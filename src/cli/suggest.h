/* The name that somebody probably meant. Pure. */
#ifndef O2R_CLI_SUGGEST_H
#define O2R_CLI_SUGGEST_H

#include <stddef.h>

struct suggestion {
	const char *best; /* NULL: nothing is near */
	unsigned distance;
};

/* Offer one candidate after the other; the nearest stays in s->best (zero-initialise). */
void suggest_offer(
	struct suggestion *s, const char *wrong, size_t wrong_len, const char *candidate);

#endif
