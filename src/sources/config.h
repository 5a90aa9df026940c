/*
 * Image config (image-spec config.md; Docker's is a superset), parsed from bytes that the
 * caller has verified. Only what a root filesystem and the callers of the library need.
 * Lists and strings may be null, as Go writes what is empty.
 */
#ifndef O2R_SOURCES_CONFIG_H
#define O2R_SOURCES_CONFIG_H

#include "base/ctx.h"
#include "base/digest.h"
#include "base/err.h"
#include "sources/image.h"

enum {
	CONFIG_LIST_MAX = 100000,
};

/*
 * *out gets its own copies; diff_ids is an array for free(), NULL when there are none. A
 * creation time that is none is a warning, and not valid; so is the year 1 that Go writes
 * for no time, without a warning. Class CORRUPT for what is malformed.
 */
int config_parse(const char *text, size_t n, const struct ctx *ctx,
	struct image_config *out, struct digest **diff_ids, unsigned *diff_id_count,
	struct o2r_err *err) O2R_MUST_CHECK;
void config_finish(struct image_config *config);

/* Only the platform of a config: 1, or 0 when it tells none. */
int config_platform(const char *text, size_t n, const struct ctx *ctx,
	struct platform *out, struct o2r_err *err) O2R_MUST_CHECK;

#endif
