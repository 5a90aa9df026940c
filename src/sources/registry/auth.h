/*
 * Authentication at registries: which Authorization header a request gets. One object for
 * all threads of a pull: credentials are looked up once for each registry and repository,
 * a token is fetched once however many threads wait for it, and again before it expires.
 *
 * docs/registries.md has the flow. A secret is in no message at any level, and is sent to
 * nobody but the registry that it is for and the token server that this registry names:
 * https unless the registry itself is http, not on a private address unless it is the
 * registry's own.
 */
#ifndef O2R_SOURCES_REGISTRY_AUTH_H
#define O2R_SOURCES_REGISTRY_AUTH_H

#include "base/ctx.h"
#include "base/err.h"
#include "sources/registry/endpoint.h"
#include "sources/registry/http.h"
#include "sources/registry/settings.h"

struct auth;

/* What is being asked, of whom. */
struct auth_target {
	const struct endpoint *endpoint;
	const char *url; /* of the request */
	const struct http_tls *tls;
	/* http that the user did not ask for must not see secrets: anonymous only */
	bool no_secrets;
};

/* settings and ctx are borrowed. */
int auth_create(const struct registry_settings *settings, const struct ctx *ctx,
	struct auth **out, struct o2r_err *err) O2R_MUST_CHECK;
void auth_destroy(struct auth *a);

/* Errors of the two below: the caller puts the registry's name in front. A token server
 * that is not reached has the codes of http_perform, with -ETIMEDOUT for the statuses
 * that may pass (408, 429, 5xx). */

/* The header's value for a request: *value (malloc'd), NULL as long as the registry has
 * not asked for anything. http: this thread's session, should a token be due again. */
int auth_header(struct auth *a, struct http *http, const struct auth_target *t,
	char **value, struct o2r_err *err) O2R_MUST_CHECK;

/*
 * The registry itself (no place that it redirected to) answered 401 with these challenges
 * to a request that had the header `used` (NULL: none). 1 with *value set: try once more
 * with that; class ACCESS: with what there is it cannot be had (wrong password, token
 * refused, no credentials: says where they came from and what to do). To be called again
 * when that is refused too: mostly to hear why; but not for ever, as another thread may
 * always have got another token meanwhile.
 */
int auth_refused(struct auth *a, struct http *http, const struct auth_target *t,
	const struct strings *challenges, const char *used, char **value,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
