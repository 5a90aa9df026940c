/*
 * Protection space: one registry (scheme, host, port) and one repository in it, with what
 * it asked for and what it is shown (RFC 9110, 11.5). auth.c owns them.
 *
 * One thread at a time makes a new header: it sets busy (under the lock of its auth), and
 * the space is its own until it takes that back; the others look at `header` and what
 * belongs to it only while busy is false.
 */
#ifndef O2R_SOURCES_REGISTRY_AUTH_SPACE_H
#define O2R_SOURCES_REGISTRY_AUTH_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "sources/registry/auth.h"
#include "sources/registry/challenge.h"
#include "sources/registry/credentials.h"
#include "sources/registry/url.h"

struct space {
	struct space *next;
	struct url origin;
	char *registry, *path;
	bool foreign, no_secrets; /* see endpoint.h, auth.h */

	enum challenge_kind kind; /* what it asked for last */
	char *realm, *service;
	struct strings scopes;
	bool looked_up; /* cred is what there is */
	struct credential cred;

	char *header; /* NULL: none yet */
	bool shared;  /* by more than the request that it was made for */
	int64_t due;  /* when a new one is to be had; INT64_MAX: it does not expire */
	int64_t expires;

	bool busy;
	struct o2r_err failure; /* of who was busy last; code 0: none */
};

/* Is the request for the registry itself? Then where that is. */
bool target_origin(const struct auth_target *t, struct url *out);

struct space *space_find(
	struct space *list, const struct auth_target *t, const struct url *origin);
/* NULL when out of memory. */
struct space *space_create(const struct auth_target *t, const struct url *origin);
void space_destroy(struct space *s);

/*
 * A new header by what the registry asked for (challenge; NULL: as the last time): looks
 * up credentials, fetches a token. On failure the old one stays, with its times.
 */
int space_renew(struct space *s, const struct challenge *challenge, struct http *http,
	const struct auth_target *t, const struct registry_settings *settings,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

#endif
