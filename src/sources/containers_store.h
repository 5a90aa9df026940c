/*
 * containers-storage, the store of podman, buildah, skopeo and CRI-O, read in place:
 * containers-storage:[ROOT]NAME, with the overlay and the vfs driver, of root and of
 * ordinary users, and additional image stores. ROOT may be as the container tools write
 * it: [DRIVER@ROOT+RUNROOT:OPTIONS].
 */
#ifndef O2R_SOURCES_CONTAINERS_STORE_H
#define O2R_SOURCES_CONTAINERS_STORE_H

#include "sources/image.h"
#include "sources/select.h"

/* root NULL: by storage.conf. name: a name, NAME@DIGEST, or an image ID or its beginning.
 * Fills *image. NOT_FOUND lists the names that there are. */
int containers_store_open(struct image *image, const char *root, const char *name,
	const struct wanted *want, const struct ctx *ctx,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
