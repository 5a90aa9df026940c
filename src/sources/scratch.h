/* "scratch": the image without layers, to lay something on. */
#ifndef O2R_SOURCES_SCRATCH_H
#define O2R_SOURCES_SCRATCH_H

#include "sources/image.h"

/* Fills *image, zero-initialised but for its reference. The same bytes on every host of
 * one architecture: the level of its processor is left out. */
int scratch_open(struct image *image, const struct platform *platform,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

#endif
