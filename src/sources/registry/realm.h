/* Where a registry may send us for a token. Pure text: no name is looked up. */
#ifndef O2R_SOURCES_REGISTRY_REALM_H
#define O2R_SOURCES_REGISTRY_REALM_H

#include "base/err.h"
#include "sources/registry/url.h"

/*
 * A registry that was broken into must not make us talk to what only we can reach: realm
 * is https unless the registry itself is http, and its host is no address (nor name) of
 * this machine or of a private network, unless it is the registry's own host, or both are
 * on this machine. Class ACCESS: it says which rule is broken. The same holds for
 * redirects of the token server.
 */
int realm_check(const char *realm, const struct url *registry, struct url *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
