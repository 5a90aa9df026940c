/*
 * Which image of a layout is meant: by tag or by place in index.json, then by platform.
 * docs/references.md and docs/platforms.md have the rules.
 */
#ifndef O2R_SOURCES_SELECT_H
#define O2R_SOURCES_SELECT_H

#include "sources/layout.h"
#include "sources/search.h"

struct wanted {
	const struct digest *manifest; /* this one, and no choice; NULL: as follows */
	const char *tag;               /* NULL: any */
	long index;                    /* entry of index.json, -1: any */
	struct platform platform;
};

/*
 * Errors: NOT_FOUND (no such tag or entry: what there is is listed), PLATFORM (likewise),
 * USAGE (several images are left: they are listed), FAIL (what is meant is no container
 * image), CORRUPT.
 */
int select_manifest(const struct layout *l, const struct document *index,
	const struct wanted *want, struct selected *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
