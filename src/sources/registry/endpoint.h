/*
 * Endpoints: the places where an image may be had, in the order of trying: mirrors of
 * registries.conf, then the registry itself (containers-registries.conf(5)).
 */
#ifndef O2R_SOURCES_REGISTRY_ENDPOINT_H
#define O2R_SOURCES_REGISTRY_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ctx.h"
#include "base/err.h"
#include "sources/name.h"
#include "sources/registry/settings.h"

struct endpoint {
	char *registry; /* "docker.io", "localhost:5000": for certs.d, credentials, texts
			 */
	char *host;     /* where it is on the wire: "registry-1.docker.io" */
	char *path;     /* of the repository there: "library/nginx" */
	bool insecure;  /* https without verification, then http */
	bool loopback;  /* plain http where TLS is not spoken */
	bool mirror;
	/* another registry than the one that the reference names: what the user gave on
	 * the command line for that one (--creds) is not sent here */
	bool foreign;
	bool tags, digests; /* what it may be asked for */
};

struct endpoints {
	struct endpoint *list;
	size_t count;
};

/*
 * By --tls-verify and --insecure, and registries.conf: the file that
 * $CONTAINERS_REGISTRIES_CONF names, alone; else that of the user (containers/ in
 * $XDG_CONFIG_HOME or ~/.config) with the *.conf of registries.conf.d beside it; else
 * that of /etc/containers with its *.conf, and then the user's *.conf. Only mirrors that
 * are for this kind of name are there (pull-from-mirror). Errors: ACCESS (blocked: says
 * where), CORRUPT (a file that cannot be understood: names it and the line).
 */
int endpoints_find(const struct name *name, const struct registry_settings *settings,
	const struct ctx *ctx, struct endpoints *out, struct o2r_err *err) O2R_MUST_CHECK;
void endpoints_finish(struct endpoints *e);

#endif
