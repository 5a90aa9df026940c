/*
 * Credentials of a registry: from the command line, else from the files of podman and of
 * Docker, and their helpers, in the order that docs/registries.md gives.
 */
#ifndef O2R_SOURCES_REGISTRY_CREDENTIALS_H
#define O2R_SOURCES_REGISTRY_CREDENTIALS_H

#include "base/ctx.h"
#include "base/err.h"
#include "sources/registry/settings.h"

struct credential {
	char *username, *password; /* Basic, or for a token; both or none */
	char *identity_token;      /* OAuth2 refresh token; NULL: none */
	char *registry_token;      /* a Bearer token as it is; NULL: none */
	char *from;                /* where it was found, for messages: a file's name */
};

/*
 * registry: "docker.io", "localhost:5000"; repository: "library/nginx" (files may have
 * entries for parts of it). 1 with *out set, 0 when there is none. A file that is there
 * and cannot be understood is an error (CORRUPT; the file is named, never its content); a
 * helper that is missing or fails is a warning, and no credentials.
 */
int credentials_find(const char *registry, const char *repository,
	const struct registry_settings *settings, const struct ctx *ctx,
	struct credential *out, struct o2r_err *err) O2R_MUST_CHECK;
/* Wipes the secrets. */
void credential_finish(struct credential *c);

#endif
