/*
 * Credential files of podman (containers-auth.json(5)) and of Docker (config.json, and
 * the flat map of ~/.dockercfg): what one of them says about one repository. Only the
 * entries that are for it are looked at.
 *
 * Pure; the answer holds secrets. Errors are of class CORRUPT and name the place in the
 * file, never a value.
 */
#ifndef O2R_SOURCES_REGISTRY_AUTHFILE_H
#define O2R_SOURCES_REGISTRY_AUTHFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sources/registry/credentials.h"

enum {
	AUTHFILE_MAX = 1 << 20, /* bytes */
	AUTHFILE_HELPER_MAX = 64,
};

struct authfile_question {
	const char *registry, *repository;
	bool flat; /* ~/.dockercfg */
	uint64_t json_depth;
};

struct authfile {
	char *helper; /* who is to be asked: credHelpers, else credsStore; NULL: nobody */
	bool helper_first;       /* it is named for this very registry (credHelpers) */
	struct credential part;  /* of auths, for a part of the repositories */
	struct credential whole; /* of auths, for the whole registry */
};

/* Zero bytes (or only blanks) are an empty file. */
int authfile_parse(const char *text, size_t n, const struct authfile_question *q,
	struct authfile *out, struct o2r_err *err) O2R_MUST_CHECK;
void authfile_finish(struct authfile *f);

#endif
