/*
 * The tree of one layer by itself, built into a struct build (docs/layers.md, "One
 * layer"): parents are walked and implied, links resolved, whiteouts noted at their
 * directories.
 */
#ifndef O2R_FS_LAYER_TREE_H
#define O2R_FS_LAYER_TREE_H

#include "fs/build.h"
#include "fs/warn.h"

/* Build layer number `index` under a new root node. b->root is the merged tree below it,
 * which is looked into (rule 5) but not changed. */
int layer_tree_build(struct build *b, const struct layer *l, unsigned index,
	struct warn *warn, uint32_t *root, struct o2r_err *err) O2R_MUST_CHECK;

#endif
