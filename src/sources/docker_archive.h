/*
 * Docker archive: what `docker save`, skopeo and podman write, seen as an OCI layout. Its
 * manifest.json lists images: a config and layers by their names in the archive. For each
 * a manifest is made here (the same one every time), so that all else is as for a layout
 * (layout.h). Images that are not wanted are not looked at.
 *
 * A layer's digest is its diff_id where it is not compressed; others are read once to
 * compute it.
 */
#ifndef O2R_SOURCES_DOCKER_ARCHIVE_H
#define O2R_SOURCES_DOCKER_ARCHIVE_H

#include "sources/archive.h"
#include "sources/select.h"

enum {
	DOCKER_ARCHIVE_IMAGES_MAX = 1000,
	DOCKER_ARCHIVE_FILES_MAX = 20000,    /* that differ, of all images */
	DOCKER_ARCHIVE_BYTES_MAX = 64 << 20, /* of all configs and manifests */
	DOCKER_ARCHIVE_TAGS_MAX = 1000,      /* of one image */
};

struct docker_archive;

/*
 * Reads manifest.json and the configs of the images that are wanted: those with the name
 * w->tag ("nginx", "nginx:1", "docker.io/library/nginx:1"; podman's localhost/nginx is
 * nginx too when nothing else is), or entry w->index, else all. index.json has these
 * only. The archive is borrowed; name is its own, for messages.
 *
 * NOT_FOUND lists the names that there are. CORRUPT: malformed, or names files that the
 * archive does not have, or numbers of layers that do not match.
 */
int docker_archive_create(const struct archive_file *a, const struct wanted *w,
	const char *name, const struct ctx *ctx, struct docker_archive **out,
	struct o2r_err *err) O2R_MUST_CHECK;
void docker_archive_destroy(struct docker_archive *d);

/* struct layout's `open`: oci-layout, index.json, blobs/sha256/HEX. */
int docker_archive_open(
	void *docker_archive, const char *path, struct blob *out, struct o2r_err *err);

#endif
