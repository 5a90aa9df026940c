/* Retry-After (RFC 9110, 10.2.3): seconds, or a date in one of the three HTTP forms
 * (5.6.7). Pure. */
#ifndef O2R_SOURCES_REGISTRY_RETRY_AFTER_H
#define O2R_SOURCES_REGISTRY_RETRY_AFTER_H

#include <stdbool.h>
#include <stdint.h>

/* How many seconds to wait from now (seconds since 1970): never negative, and at most
 * UINT32_MAX. False when the text is neither. */
bool retry_after_parse(const char *text, int64_t now, uint32_t *seconds);

/* Seconds since 1970 of an HTTP date: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94
 * 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". A year of two digits is the nearest to now.
 */
bool http_date_parse(const char *text, int64_t now, int64_t *sec);

#endif
