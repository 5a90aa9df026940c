/* Certificates for one registry: --cert-dir, or certs.d of the container tools. */
#ifndef O2R_SOURCES_REGISTRY_CERTS_H
#define O2R_SOURCES_REGISTRY_CERTS_H

#include "base/ctx.h"
#include "base/err.h"
#include "sources/registry/http.h"

/*
 * *.crt are certificates of authorities, X.cert and X.key the client's pair. registry as
 * in the reference, with its port ("docker.io", "host:5000"); cert_dir NULL: the first
 * that is there of certs.d/REGISTRY in ~/.config/containers, /etc/containers,
 * /etc/docker. Fills ca_pem, cert, key. Errors: a pair with one half missing, files that
 * cannot be read (the file is named).
 */
int certs_find(const char *registry, const char *cert_dir, const struct ctx *ctx,
	struct http_tls *out, struct o2r_err *err) O2R_MUST_CHECK;
void http_tls_finish(struct http_tls *tls);

#endif
