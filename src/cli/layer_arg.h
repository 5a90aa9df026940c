/* A layer of an image as people name it. */
#ifndef O2R_CLI_LAYER_ARG_H
#define O2R_CLI_LAYER_ARG_H

#include <stdint.h>

#include "base/err.h"
#include "o2r.h"

/* "3" (1 is the lowest, as in messages), or "sha256:HEX", a digest or diff_id of which
 * the end may be missing as long as it is clear which is meant. */
int layer_arg(const struct o2r_image *image, const char *text, unsigned *index,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
