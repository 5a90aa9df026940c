/*
 * Numbers as tar writes them: fields of a header block (octal text or GNU base-256) and
 * decimal text of PAX records. Pure; every function returns false when the bytes are no
 * number or do not fit, and writes its result only on success.
 */
#ifndef O2R_FS_TAR_NUMBER_H
#define O2R_FS_TAR_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A field of n bytes: octal, with spaces or NULs in front and behind, empty is 0; or,
 * with the top bit of the first byte set, a big-endian two's complement number of 8n - 1
 * bits. */
bool tar_number(const unsigned char *p, size_t n, int64_t *out);

/* Decimal digits only. */
bool pax_u64(const char *p, size_t n, uint64_t *out);

/* The same with an optional minus in front. */
bool pax_i64(const char *p, size_t n, int64_t *out);

/* Seconds with an optional fraction of any length, cut (towards zero) to nanoseconds:
 * "-1.5" is sec -2, nsec 500000000. */
bool pax_time(const char *p, size_t n, int64_t *sec, uint32_t *nsec);

#endif
