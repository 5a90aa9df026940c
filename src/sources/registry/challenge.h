/* WWW-Authenticate (RFC 9110, 11.6.1): what a server wants to know. Pure. */
#ifndef O2R_SOURCES_REGISTRY_CHALLENGE_H
#define O2R_SOURCES_REGISTRY_CHALLENGE_H

#include "base/err.h"

enum challenge_kind {
	CHALLENGE_NONE, /* only schemes that we do not speak */
	CHALLENGE_BASIC,
	CHALLENGE_BEARER,
};

enum {
	CHALLENGE_MAX = 16 << 10, /* bytes of one line */
};

struct challenge {
	enum challenge_kind kind;
	char *realm, *service, *scope, *error; /* NULL where absent */
};

/*
 * The best of all challenges in the lines (each may hold several): Bearer, then Basic.
 * Lines that cannot be understood are passed over when another can; otherwise CORRUPT.
 */
int challenge_choose(char *const *lines, size_t count, struct challenge *out,
	struct o2r_err *err) O2R_MUST_CHECK;
void challenge_finish(struct challenge *c);

#endif
