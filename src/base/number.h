/* Numbers that people type, read strictly: digits only, no sign, no blanks. Pure. */
#ifndef O2R_BASE_NUMBER_H
#define O2R_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits. False when s is anything else or too large. */
bool number_parse(const char *s, uint64_t *out);

/* The same with an optional K, M, G or T (or lower case) behind it: powers of 1024. */
bool number_parse_size(const char *s, uint64_t *out);

#endif
