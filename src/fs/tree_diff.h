/*
 * What differs between two frozen trees: paths added, removed and changed, by metadata
 * and content. Two files have the same content without being read when it lies at the
 * same places of layers with the same diff_id; other files of the same size are read,
 * each side in the order of its layers, and compared by their SHA-256.
 */
#ifndef O2R_FS_TREE_DIFF_H
#define O2R_FS_TREE_DIFF_H

#include "base/ctx.h"
#include "blob/stream.h"
#include "fs/tree.h"

/* Borrowed. */
struct diff_side {
	const struct tree *tree;
	struct stream *const *streams; /* one a layer */
	const char *name;              /* stands in front of errors of this side */
};

/* The values are those of enum o2r_difference. */
enum tree_difference {
	TREE_DIFF_TYPE = 1 << 0,
	TREE_DIFF_MODE = 1 << 1,
	TREE_DIFF_OWNER = 1 << 2,
	TREE_DIFF_MTIME = 1 << 3,
	TREE_DIFF_XATTRS = 1 << 4,
	TREE_DIFF_DATA = 1 << 5,
	TREE_DIFF_TARGET = 1 << 6,
	TREE_DIFF_DEVICE = 1 << 7,
	TREE_DIFF_LINKS = 1 << 8,
};

struct tree_change {
	const char *path; /* NUL-terminated too; "" is the root */
	size_t path_len;
	uint32_t before, after; /* inodes; 0: added, removed */
	unsigned differences;   /* of TREE_DIFF_*, when it is in both */
};

typedef int (*tree_diff_fn)(void *arg, const struct tree_change *c);

/* Depth first, names in byte order. A non-zero return of fn ends it and is returned. */
int tree_diff(const struct diff_side *a, const struct diff_side *b, const struct ctx *ctx,
	tree_diff_fn fn, void *arg, struct o2r_err *err) O2R_MUST_CHECK;

#endif
