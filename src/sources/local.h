/*
 * Local images: the part of image_open for OCI layouts in directories and for archives
 * (oci-archive, docker-archive, in a file or from standard input).
 */
#ifndef O2R_SOURCES_LOCAL_H
#define O2R_SOURCES_LOCAL_H

#include "sources/image.h"
#include "sources/ref.h"
#include "sources/select.h"

/* Fills *image, which is zero-initialised but for its reference. Of want only platform
 * and manifest are looked at: tag and index are the reference's. Errors are those of
 * image_open. */
int local_open(struct image *image, const struct ref *ref,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

/* The one image of an archive that comes from fd, which is closed in any case. name is
 * for messages. */
int local_read_archive(struct image *image, int fd, const char *name,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

#endif
