/* A manifest for images that have none: those without layers, and those of stores that
 * keep files instead of archives. It names the config and no layers. */
#ifndef O2R_SOURCES_SYNTHETIC_H
#define O2R_SOURCES_SYNTHETIC_H

#include "sources/image.h"

/* image->config is at hand (a config of the platform is made when it is empty): makes the
 * manifest, digests both, parses the config. diff_ids is for free(). */
int synthetic_make(struct image *image, const struct platform *platform,
	const struct ctx *ctx, struct digest **diff_ids, unsigned *count,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
