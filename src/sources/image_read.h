/* From a layout and what is wanted of it to a complete image: the manifest chosen, its
 * config read and verified, its layers opened. One thread. */
#ifndef O2R_SOURCES_IMAGE_READ_H
#define O2R_SOURCES_IMAGE_READ_H

#include "sources/image.h"
#include "sources/layout.h"
#include "sources/select.h"

/*
 * -ERANGE (class CORRUPT): the config has another number of layers than the manifest.
 *
 * A layout that is files. Each of these fills *image, of which manifest, config and
 * layers are zero-initialised; whatever happens, image_destroy frees it. Errors are those
 * of image_open.
 */
int image_read(struct image *image, const struct layout *l, const struct wanted *want,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The same with an index that is at hand. want->manifest is not looked at. */
int image_read_chosen(struct image *image, const struct layout *l,
	const struct document *index, const struct wanted *want,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The image of this manifest. Errors do not name the layout. */
int image_read_manifest(struct image *image, const struct layout *l,
	const struct descriptor *d, struct o2r_err *err) O2R_MUST_CHECK;

#endif
