/* What the user lays on top of an image: directories, archives, single files. */
#ifndef O2R_SOURCES_EXTRA_H
#define O2R_SOURCES_EXTRA_H

#include "sources/image.h"

/* Append the layers of each of options->extras. The digests of those that come from no
 * image are not known: DIGEST_NONE. */
int extra_add(struct image *image, const struct image_options *options,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

#endif
