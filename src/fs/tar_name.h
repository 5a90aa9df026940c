/* Names of tar entries, normalised as docs/layers.md, rule 1, has it. Pure. */
#ifndef O2R_FS_TAR_NAME_H
#define O2R_FS_TAR_NAME_H

#include <stddef.h>

#include "base/err.h"

/*
 * p[0 .. n): any bytes without NUL. out: room for n + 1 bytes; gets the parts joined by
 * '/', without empty ones and ".", ".." taking the part before it away (and stopping at
 * the root), and a NUL. An error when a part is over 255 bytes.
 */
int tar_name(const char *p, size_t n, char *out, size_t *len,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
