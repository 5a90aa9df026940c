/* What the user lays on top of an image: directories, archives, single files. */
#ifndef O2R_SOURCES_EXTRA_H
#define O2R_SOURCES_EXTRA_H

#include "sources/image.h"

/* Append a layer for each of options->extras (neighbouring files share one). Their
 * digests are not known: DIGEST_NONE. */
int extra_add(struct image *image, const struct image_options *options,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

#endif
