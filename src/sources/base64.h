/* Base64 with padding (RFC 4648, section 4), as descriptors use it for `data`. */
#ifndef O2R_SOURCES_BASE64_H
#define O2R_SOURCES_BASE64_H

#include "base/buf.h"

/* Append the decoded bytes. 0, -EINVAL for what is not base64, or what buf returns. */
int base64_decode(const char *text, size_t n, struct buf *out) O2R_MUST_CHECK;

#endif
