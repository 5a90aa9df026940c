/* Where a view may be mounted, said before anything long is begun. */
#ifndef O2R_MOUNTPOINT_H
#define O2R_MOUNTPOINT_H

#include "base/err.h"

/* *absolute: the directory without links, the caller's. Errors name it and say what is
 * wrong with it; what only mounting can tell is not told here. */
int mountpoint_check(
	const char *dir, char **absolute, struct o2r_err *err) O2R_MUST_CHECK;

#endif
