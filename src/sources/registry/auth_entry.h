/* One entry of a credential file, and the answer of a credential helper. Pure; what comes
 * out are secrets. Errors are of class CORRUPT and have no value in them. */
#ifndef O2R_SOURCES_REGISTRY_AUTH_ENTRY_H
#define O2R_SOURCES_REGISTRY_AUTH_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sources/json.h"
#include "sources/registry/credentials.h"

/*
 * auth (base64 of USER:PASSWORD, which counts before the two of them apart), username and
 * password, identitytoken, registrytoken; other members are for others. All of them may
 * be missing.
 */
int auth_entry_read(const struct json_ref *entry, struct credential *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* {"ServerURL": ..., "Username": ..., "Secret": ...}: 1; 0 when there is no secret in it.
 */
int auth_answer_read(const char *text, size_t n, uint64_t json_depth,
	struct credential *out, struct o2r_err *err) O2R_MUST_CHECK;

#endif
