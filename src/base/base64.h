/* Base64 (RFC 4648, section 4). Pure. */
#ifndef O2R_BASE_BASE64_H
#define O2R_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* With or without '=' at the end. out: room for n bytes. False when malformed. */
bool base64_decode(const char *p, size_t n, unsigned char *out, size_t *len);

#endif
