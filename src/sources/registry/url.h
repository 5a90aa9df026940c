/* Parts of http and https URLs, as far as rules need them: pure text, no look-ups. */
#ifndef O2R_SOURCES_REGISTRY_URL_H
#define O2R_SOURCES_REGISTRY_URL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct url {
	bool https;
	char host[256]; /* lower case, IPv6 without brackets */
	unsigned port;  /* the scheme's when none is written */
};

/* -EINVAL for anything but an absolute http or https URL with a host; user names and
 * passwords in it are refused. */
int url_parse(const char *text, struct url *out) O2R_MUST_CHECK;
/* Same scheme, host and port. */
bool url_same_origin(const struct url *a, const struct url *b);

/* host: a name, or an address (IPv6 in brackets or not), without port. */
bool host_is_loopback(const char *host); /* localhost, *.localhost, 127/8, ::1 */
/* A literal address that is not for the public: loopback, private, link-local, shared,
 * unspecified, multicast, unique local, and IPv4 inside IPv6, in every form that is an
 * address to the resolver ("0x7f000001", "127.1"). Names of loopback are too. */
bool host_is_private(const char *host);

/* Percent-encode for a query or a form. */
int url_encode(struct buf *out, const char *s) O2R_MUST_CHECK;

#endif
