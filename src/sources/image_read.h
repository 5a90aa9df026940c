/* From a layout and what is wanted of it to a complete image: the manifest chosen, its
 * config read and verified, its layers opened. One thread. */
#ifndef O2R_SOURCES_IMAGE_READ_H
#define O2R_SOURCES_IMAGE_READ_H

#include "sources/image.h"
#include "sources/layout.h"
#include "sources/select.h"

/* Fills *image, which is zero-initialised but for its reference; whatever happens,
 * image_destroy frees it. Errors are those of image_open. */
int image_read(struct image *image, const struct layout *l, const struct wanted *want,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
