/* Where an engine listens. */
#ifndef O2R_SOURCES_REGISTRY_DOCKER_HOST_H
#define O2R_SOURCES_REGISTRY_DOCKER_HOST_H

#include "sources/registry/http.h"

struct docker_host {
	char *socket; /* of a unix socket; NULL: TCP */
	char *url;    /* "http://localhost", "https://host:2376" */
	char *name;   /* as the user knows it, for messages */
	struct http_tls tls;
};

/* NOT_FOUND: none is there; USAGE: a DOCKER_HOST that is not understood. */
int docker_host_find(struct docker_host *out, struct o2r_err *err) O2R_MUST_CHECK;
void docker_host_finish(struct docker_host *h);

#endif
