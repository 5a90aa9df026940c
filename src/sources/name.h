/*
 * Name: an image in a registry, by the grammar of distribution/reference:
 * [domain/]path[:tag][@digest]. Pure text, nothing is looked up. docs/references.md has
 * the rules and their traps.
 */
#ifndef O2R_SOURCES_NAME_H
#define O2R_SOURCES_NAME_H

#include "base/digest.h"
#include "base/err.h"

enum {
	NAME_MAX_BYTES = 255, /* of domain, slash and path together */
	NAME_TAG_MAX = 128,
};

struct name {
	char *domain;         /* "docker.io", "localhost:5000", "[::1]:5000" */
	char *path;           /* "library/nginx" */
	char *tag;            /* NULL: none given, and a digest was */
	struct digest digest; /* DIGEST_NONE: none given. With both, the digest decides */
};

/*
 * "nginx" is docker.io/library/nginx:latest; index.docker.io is docker.io. text has no
 * transport in front ("docker://" is ref.h's). Errors are of class USAGE and say what is
 * wrong with it (upper-case path, empty part, bad digest, port, too long, ...).
 */
int name_parse(const char *text, struct name *out, struct o2r_err *err) O2R_MUST_CHECK;
void name_finish(struct name *n);

/* The whole of it: "docker.io/library/nginx:latest", with "@sha256:..." when there is a
 * digest. malloc'd; NULL when out of memory. */
char *name_format(const struct name *n);

#endif
