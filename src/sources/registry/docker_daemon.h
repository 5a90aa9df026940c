/*
 * An image of a running engine: docker-daemon:NAME asks Docker or podman, through the
 * socket of its API, for what `docker save` writes (Docker Engine API, "ImageGet"). The
 * way that works whatever store the engine uses.
 */
#ifndef O2R_SOURCES_REGISTRY_DOCKER_DAEMON_H
#define O2R_SOURCES_REGISTRY_DOCKER_DAEMON_H

#include "sources/image.h"
#include "sources/select.h"

/*
 * $DOCKER_HOST (unix, tcp, http, https; with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH),
 * else the first of the usual sockets that is there: Docker's, its user's, podman's.
 * NOT_FOUND: no such image, or no engine; ACCESS: the socket is not for this user.
 * Without libcurl (registry_none.c) it says so.
 */
int docker_daemon_open(struct image *image, const char *name,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

#endif
