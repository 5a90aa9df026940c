/* The two codings of LIBARCHIVE.xattr records: names are URL-encoded, values base64.
 * Pure. */
#ifndef O2R_FS_XATTR_CODING_H
#define O2R_FS_XATTR_CODING_H

#include <stdbool.h>
#include <stddef.h>

/* "%41" becomes "A". out: room for n bytes. False when malformed. */
bool url_decode(const char *p, size_t n, unsigned char *out, size_t *len);

/* With or without '=' at the end. out: room for n bytes. False when malformed. */
bool base64_decode(const char *p, size_t n, unsigned char *out, size_t *len);

#endif
