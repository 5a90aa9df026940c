/* Writes an image as an OCI image layout (image-spec image-layout.md). */
#ifndef O2R_SOURCES_LAYOUT_WRITE_H
#define O2R_SOURCES_LAYOUT_WRITE_H

#include "base/ctx.h"
#include "base/err.h"
#include "sources/image.h"

/*
 * Manifest, config and layers go into it byte for byte, each blob once, and each is
 * checked against its digest while it is copied. dir must not be there, or be empty. It
 * is filled under a temporary name (tmpdir.h); a failure leaves nothing. ref_name (may be
 * NULL) becomes org.opencontainers.image.ref.name of the one entry of its index. USAGE
 * for an image with layers that are no blobs.
 */
int layout_write(const struct image *image, const char *dir, const char *ref_name,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

/* Is it a name as the image-spec wants them for images (annotations.md)? USAGE. */
int layout_check_ref_name(const char *ref_name, struct o2r_err *err) O2R_MUST_CHECK;

#endif
