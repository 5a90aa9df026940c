/* What is said when a registry does not let us: one text for each case, each with what to
 * do; the caller puts the registry's name in front. Class ACCESS, -EACCES. */
#ifndef O2R_SOURCES_REGISTRY_REFUSAL_H
#define O2R_SOURCES_REGISTRY_REFUSAL_H

#include <stdbool.h>

#include "base/err.h"
#include "sources/registry/credentials.h"

/* Who asks whom. */
struct asker {
	const char *registry, *repository;
	const struct credential *cred; /* NULL, or empty: there are none */
	bool no_secrets;               /* see struct auth_target */
};

/* Is there anything to show? */
bool credential_is_empty(const struct credential *c);

/* The credentials are wrong; without any: some are needed. */
int refuse_credentials(const struct asker *who, struct o2r_err *err);
/* They may be right, and are not enough. */
int refuse_access(const struct asker *who, struct o2r_err *err);
/* There are some, of a kind that the registry does not take: it wants a user name and
 * a password. */
int refuse_kind(const struct asker *who, struct o2r_err *err);

#endif
