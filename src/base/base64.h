/* Base64 (RFC 4648, section 4). Pure. */
#ifndef O2R_BASE_BASE64_H
#define O2R_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* With or without '=' at the end. out: room for n bytes. False when malformed. */
bool base64_decode(const char *p, size_t n, unsigned char *out, size_t *len);

/* Length of the text for n bytes, with '=' at the end. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* out: room for BASE64_LEN(n) characters and a NUL, which is put behind them. */
void base64_encode(const void *p, size_t n, char *out);

#endif
