/* How LIBARCHIVE.xattr records write names: URL-encoded. Pure. */
#ifndef O2R_FS_XATTR_CODING_H
#define O2R_FS_XATTR_CODING_H

#include <stdbool.h>
#include <stddef.h>

/* "%41" becomes "A". out: room for n bytes. False when malformed. */
bool url_decode(const char *p, size_t n, unsigned char *out, size_t *len);

#endif
