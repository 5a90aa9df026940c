/* Bytes from outside, made fit for a one-line message. */
#ifndef O2R_BASE_TEXT_H
#define O2R_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct quoted {
	char s[200];
};

/*
 * Control bytes, DEL and backslash become \xNN, bytes over 0x7f stay when they are valid
 * UTF-8; a long string is cut in the middle with "...". Use: text_quote(p, n).s
 */
struct quoted text_quote(const void *p, size_t n);

/*
 * A place is a URL, or a host with or without a path, as users and servers write it, good
 * or bad. How many of its bytes are user name, password and "@" (RFC 3986, 3.2.1); *from:
 * where they begin, behind the scheme. 0: there are none. The "@" of a digest, as in
 * NAME@sha256:HEX, is none of these.
 */
size_t text_user_part(const char *s, size_t n, size_t *from);
/* text_quote of a place, with "***@" for what may be a password. */
struct quoted text_quote_place(const char *s, size_t n);

/*
 * Length of the valid UTF-8 sequence of at least two bytes at p (RFC 3629), 0 when there
 * is none or it is a C1 control, which a terminal may obey. n is at least 1.
 */
size_t text_utf8_len(const void *p, size_t n);

/* "1.5 GiB", "312 MiB", "17 bytes". */
struct quoted text_size(uint64_t bytes);

#endif
