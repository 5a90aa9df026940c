/* What a token server answers (distribution's token and oauth2 documents; RFC 6749, 5.1).
 * Pure. */
#ifndef O2R_SOURCES_REGISTRY_TOKEN_REPLY_H
#define O2R_SOURCES_REGISTRY_TOKEN_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	TOKEN_BODY_MAX = 1 << 20,   /* bytes */
	TOKEN_LIFETIME_MIN = 60,    /* seconds; also when the server names none */
	TOKEN_LIFETIME_MAX = 86400, /* that is left */
};

struct token {
	char *text;    /* printable ASCII without blanks: fit for a header */
	char *refresh; /* a new refresh token; NULL: none */
	int64_t lasts; /* seconds from now on */
};

/*
 * token or access_token, expires_in (60 s when absent, and at least that; what is no
 * number counts as absent), issued_at (a server may hand out a token that it made a while
 * ago). now: seconds since 1970. Class CORRUPT for anything that cannot be used as one;
 * the text of an error has nothing of the document in it.
 */
int token_reply_parse(const char *text, size_t n, uint64_t max_depth, int64_t now,
	struct token *out, struct o2r_err *err) O2R_MUST_CHECK;
/* Wipes. */
void token_finish(struct token *t);

/* Printable ASCII without blanks, and not empty. */
bool token_is_fit(const char *s);

#endif
