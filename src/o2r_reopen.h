/* A reference that is the mount point of a view: the image that the view shows. */
#ifndef O2R_REOPEN_H
#define O2R_REOPEN_H

#include "handle.h"

/* 1 when it was one and the image is open (limits and cache folder then as the view has
 * them, unless told otherwise), 0 when the reference is something else. */
int o2r_reopen(struct o2r_image *image, const char *reference,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
