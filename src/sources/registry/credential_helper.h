/*
 * Credential helpers: programs that keep credentials, by the protocol of
 * docker-credential-helpers. "docker-credential-NAME get" gets the registry's key on its
 * standard input and answers with JSON.
 *
 * It runs without a shell, with our environment, in a process group of its own, which is
 * killed when it does not answer in time or when we are cancelled. What it says is never
 * shown: it may be a secret.
 */
#ifndef O2R_SOURCES_REGISTRY_CREDENTIAL_HELPER_H
#define O2R_SOURCES_REGISTRY_CREDENTIAL_HELPER_H

#include "base/ctx.h"
#include "base/err.h"
#include "sources/registry/credentials.h"

enum {
	HELPER_TIMEOUT_MS = 30000,
	HELPER_ANSWER_MAX = 256 << 10, /* bytes */
	HELPER_KEY_MAX = 4096,         /* bytes: what a pipe takes at once */
};

/*
 * 1 with *out (but for out->from), 0 when it has none for the key. -EINTR; anything else
 * is a failure of the helper (missing, failed, too slow, no sense in its answer).
 */
int credential_helper_get(const char *name, const char *key, unsigned timeout_ms,
	const struct ctx *ctx, struct credential *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
