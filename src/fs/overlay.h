/* Laying one layer's tree over the merged one (docs/layers.md). */
#ifndef O2R_FS_OVERLAY_H
#define O2R_FS_OVERLAY_H

#include "fs/build.h"
#include "fs/warn.h"

/* The layer's tree under `layer_root` is taken apart: what survives is under b->root. */
int overlay_apply(struct build *b, uint32_t layer_root, struct warn *warn,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
