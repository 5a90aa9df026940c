/* Tokens from a registry's token server: distribution's token protocol (GET) and its
 * OAuth2 one (POST, for identity tokens), with the ways round servers that lack one. */
#ifndef O2R_SOURCES_REGISTRY_TOKEN_H
#define O2R_SOURCES_REGISTRY_TOKEN_H

#include "base/ctx.h"
#include "base/err.h"
#include "sources/registry/http.h"
#include "sources/registry/refusal.h"
#include "sources/registry/strings.h"
#include "sources/registry/token_reply.h"
#include "sources/registry/url.h"

struct token_question {
	const struct asker *who;
	const struct url *registry;  /* where it was asked: the realm is judged by it */
	const struct http_tls *tls;  /* of the registry */
	const char *realm, *service; /* of the challenge; service may be NULL */
	const struct strings *scopes;
	uint64_t json_depth;
};

/*
 * Errors: ACCESS (refused, or a realm that is not asked), CORRUPT (an answer that is no
 * token), those of http_perform, and -ETIMEDOUT for the statuses that may pass (408, 429,
 * 5xx).
 */
int token_fetch(struct http *http, const struct token_question *q, struct token *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
