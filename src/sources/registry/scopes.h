/* The set of scopes that a token is asked for ("repository:library/nginx:pull"), sorted,
 * each once. Pure. */
#ifndef O2R_SOURCES_REGISTRY_SCOPES_H
#define O2R_SOURCES_REGISTRY_SCOPES_H

#include <stdbool.h>

#include "base/err.h"
#include "sources/registry/strings.h"

enum {
	SCOPES_MAX = 32,
};

/* Add what a challenge names: scopes with blanks between them (RFC 6749, 3.3). Class
 * CORRUPT when there are more than SCOPES_MAX. */
int scopes_add(struct strings *set, const char *list, struct o2r_err *err) O2R_MUST_CHECK;
/* "repository:PATH:pull" */
int scopes_add_pull(
	struct strings *set, const char *path, struct o2r_err *err) O2R_MUST_CHECK;
/* Are all of the list in the set? */
bool scopes_cover(const struct strings *set, const char *list);

#endif
