/* Layers that lie in directories: indexed where they are. */
#ifndef O2R_DIRS_H
#define O2R_DIRS_H

#include "fs/layer.h"
#include "handle.h"

/* Fills layer and stream of layer `number`, whose files the image's blob of it then
 * reads. One that cannot be understood alone is shown together with all below it. May be
 * called for several layers at once. */
int o2r_dirs_index(struct o2r_image *image, unsigned number, struct layer *layer,
	struct stream **stream, struct o2r_err *err) O2R_MUST_CHECK;

#endif
