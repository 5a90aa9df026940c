/*
 * Docker's data root, read in place: docker-store:[ROOT]NAME[:TAG], NAME@DIGEST or an
 * image ID. The classic store (overlay2): names in image/overlay2/repositories.json,
 * configs in imagedb, directories of layers through layerdb. With the containerd store
 * (the default of new installations since Docker 29) images are found by digest alone:
 * its names stand in a database that is not read here.
 */
#ifndef O2R_SOURCES_DOCKER_STORE_H
#define O2R_SOURCES_DOCKER_STORE_H

#include "sources/image.h"
#include "sources/select.h"

#define DOCKER_STORE_ROOT "/var/lib/docker"

/* root NULL: the usual one. Fills *image. NOT_FOUND lists the names that there are. */
int docker_store_open(struct image *image, const char *root, const char *name,
	const struct wanted *want, const struct ctx *ctx,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
