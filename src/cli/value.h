/* Numbers that people type, read strictly. Each fills err with what was expected. */
#ifndef O2R_CLI_VALUE_H
#define O2R_CLI_VALUE_H

#include <stdint.h>

#include "base/err.h"

/* Decimal digits only, at most max. */
int value_number(
	const char *s, uint64_t max, uint64_t *out, struct o2r_err *err) O2R_MUST_CHECK;
/* The same with an optional K, M, G or T behind it (powers of 1024). */
int value_size(const char *s, uint64_t *out, struct o2r_err *err) O2R_MUST_CHECK;
/* SOURCE_DATE_EPOCH: seconds since 1970 that ext4 can hold (to 2446). */
int value_epoch(const char *s, int64_t *out, struct o2r_err *err) O2R_MUST_CHECK;

#endif
