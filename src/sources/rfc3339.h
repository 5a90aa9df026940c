/* Times as JSON documents write them (RFC 3339, section 5.6). */
#ifndef O2R_SOURCES_RFC3339_H
#define O2R_SOURCES_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

/*
 * "2024-02-29T23:59:60.5+01:00": years 0 to 9999, any number of digits in the fraction
 * (what is under a nanosecond is dropped), an offset or Z. Seconds since 1970 UTC. False
 * for anything else.
 */
bool rfc3339_parse(const char *s, int64_t *sec, uint32_t *nsec);

#endif
