/*
 * Merge: layers, bottom to top, to one tree (docs/layers.md has the rules; each is a
 * numbered section there and a named test). Whiteouts are applied here and nowhere else.
 */
#ifndef O2R_FS_MERGE_H
#define O2R_FS_MERGE_H

#include "base/ctx.h"
#include "fs/tree.h"

struct merge;

struct merge_time {
	int64_t sec;
	uint32_t nsec;
};

int merge_create(
	const struct ctx *ctx, struct merge **out, struct o2r_err *err) O2R_MUST_CHECK;

/* Lay one layer on top. The layer may be freed afterwards: everything needed is copied.
 * `name` ("layer 2/5 sha256:...") stands in front of errors and warnings. */
int merge_add(struct merge *m, const struct layer *l, const char *name,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Freeze. root_mtime is used when no layer gave the root a time. The merge is used up,
 * also on failure, and must still be destroyed. */
int merge_freeze(struct merge *m, struct merge_time root_mtime, struct tree **out,
	struct o2r_err *err) O2R_MUST_CHECK;
void merge_destroy(struct merge *m);

#endif
