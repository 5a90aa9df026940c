/* The ids that a user may give to others: /etc/subuid and /etc/subgid (subuid(5)). */
#ifndef O2R_BASE_SUBID_H
#define O2R_BASE_SUBID_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	SUBID_RANGES_MAX = 339, /* the kernel takes 340, and one is the user */
};

struct subid_range {
	uint32_t first, count;
};

struct subid {
	struct subid_range list[SUBID_RANGES_MAX];
	size_t count;
};

/* Those of a user, by its number or its name, in the order of the file, which is the one
 * in which container tools map them to 1, 2, ... Lines that are malformed, or wrap, are
 * left out, as newuidmap does. A file that is not there is empty. */
int subid_read(const char *file, uint32_t user, struct subid *out,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Those of the user whose ids begin with `first`; empty: there is none. */
int subid_read_first(const char *file, uint32_t first, struct subid *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
