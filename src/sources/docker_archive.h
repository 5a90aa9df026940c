/*
 * Docker archive: what `docker save`, skopeo and podman write, seen as an OCI layout. Its
 * manifest.json lists images: a config and layers by their names in the archive. For each
 * a manifest is made here (the same one every time), so that all else is as for a layout
 * (layout.h): entry N of index.json is image N of manifest.json.
 *
 * A layer's digest is its diff_id where it is not compressed; others are read once to
 * compute it.
 */
#ifndef O2R_SOURCES_DOCKER_ARCHIVE_H
#define O2R_SOURCES_DOCKER_ARCHIVE_H

#include "sources/archive.h"
#include "sources/layout.h"

enum {
	DOCKER_ARCHIVE_IMAGES_MAX = 1000,
	DOCKER_ARCHIVE_FILES_MAX = 20000, /* that differ, of all images */
	DOCKER_ARCHIVE_TAGS_MAX = 1000,   /* of one image */
};

struct docker_archive;

/* Reads manifest.json and all configs. The archive is borrowed. CORRUPT: malformed, or
 * names files that the archive does not have; or numbers of layers that do not match. */
int docker_archive_create(const struct archive_file *a, const struct ctx *ctx,
	struct docker_archive **out, struct o2r_err *err) O2R_MUST_CHECK;
void docker_archive_destroy(struct docker_archive *d);

/* The image that has a name ("nginx", "nginx:1", "docker.io/library/nginx:1"): its
 * number. NOT_FOUND lists the names that there are. name: of the archive, for messages.
 */
int docker_archive_find(const struct docker_archive *d, const char *tag, const char *name,
	long *out, struct o2r_err *err) O2R_MUST_CHECK;

/* struct layout's `open`: oci-layout, index.json, blobs/sha256/HEX. */
int docker_archive_open(
	void *docker_archive, const char *path, struct blob *out, struct o2r_err *err);

#endif
