/*
 * Which sets of attributes need a block besides the inode, and how many: inodes with the
 * same set share one, up to what a block's reference count may be.
 */
#include <stdlib.h>

#include "base/checked.h"
#include "ext4/plan.h"
#include "ext4/xattr_enc.h"

static int refuse(const struct ext4_plan *p, uint32_t set, struct o2r_err *err)
{
	for (uint32_t t = TREE_ROOT; t <= p->tree->inode_count; t++) {
		if (tree_get(p->tree, t)->xattrs == set)
			return err_wrap(err, "%s", plan_path(p->tree, t).s);
	}
	return err_wrap(err, "extended attributes");
}

static int place_set(struct ext4_plan *p, uint32_t set, struct o2r_err *err)
{
	struct xattr_use *u = &p->xattrs[set];
	struct xattr_place place;

	/* Attributes of files that are not in the tree any more do no harm. */
	if (!u->refs)
		return 0;
	if (xattr_place(p->tree->xattr_sets[set], p->options.block_size, &place, err) < 0)
		return refuse(p, set, err);
	u->in_block = place.block_bytes != 0;
	u->first = (uint32_t)p->need.xattrs;
	if (u->in_block) {
		uint32_t blocks =
			DIV_ROUND_UP(u->refs, (uint32_t)EXT4_XATTR_REFCOUNT_MAX);

		p->need.xattrs += blocks;
		/* The last of them may have one inode only. */
		p->shared_xattr_blocks +=
			blocks - (u->refs % EXT4_XATTR_REFCOUNT_MAX == 1);
	}
	return 0;
}

int plan_xattrs(struct ext4_plan *p, struct o2r_err *err)
{
	uint32_t sets = p->tree->xattr_set_count;

	p->xattrs = calloc((size_t)sets + 1, sizeof(*p->xattrs));
	if (!p->xattrs)
		return err_nomem(err);
	for (uint32_t t = TREE_ROOT; t <= p->tree->inode_count; t++)
		p->xattrs[tree_get(p->tree, t)->xattrs].refs++;
	for (uint32_t i = 0; i < p->copy_count; i++)
		p->xattrs[tree_get(p->tree, p->copies[i].t)->xattrs].refs++;
	p->xattrs[0].refs = 0;
	for (uint32_t set = 1; set <= sets; set++) {
		int r = place_set(p, set, err);

		if (r < 0)
			return r;
	}
	return 0;
}
