/*
 * Inside of a plan; for the files of this room only. Made in steps, each a file:
 * numbering.c (inode numbers, files written again), xattr_use.c (blocks of attributes),
 * collect.c (blocks of every inode), sizes.c and layout.c (where it all stands).
 *
 * Numbers: `ino` is an inode of the image, `t` one of the tree. Places of directories,
 * symlinks and data are kept as an offset into their region, since the regions move while
 * the size is sought.
 */
#ifndef O2R_EXT4_PLAN_H
#define O2R_EXT4_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ext4/dirs.h"
#include "ext4/ext4.h"
#include "ext4/layout.h"
#include "ext4/ranges.h"
#include "ext4/sizes.h"
#include "fs/tree.h"

/* Of each inode of the tree. The memory of a plan is mostly this: 8 bytes an inode, and
 * 4 more for a file with data. */
struct node {
	uint32_t start;  /* offset in its region */
	uint32_t blocks; /* data blocks, holes left out; NODE_HTREE for directories */
};

#define NODE_HTREE 0x80000000u

/* A file written again: names[first_name ..] of the tree's names, up to the next copy's,
 * are names of this one. */
struct copy {
	uint32_t t;
	uint32_t start;
	uint32_t nlink;
	uint64_t first_name; /* index into tree->dirents */
};

/* The copies of one inode: copies[first .. first + count). Sorted by t. */
struct heavy {
	uint32_t t;
	uint32_t first, count;
};

struct pass {
	uint32_t *items;  /* inodes of the tree; owned */
	uint32_t *copies; /* index of each item's copy; NULL: the first writing; owned */
	uint32_t count;
	uint64_t bytes; /* data of all items */
};

struct xattr_use {
	uint32_t refs;  /* inodes with this set */
	uint32_t first; /* offset in the region of the first block */
	bool in_block;
};

/* An inode whose extents may not fit in it. Sorted by ino. */
struct tall {
	uint32_t ino;
	uint32_t first; /* offset in the region of tree nodes */
	uint32_t nodes;
};

struct ext4_plan {
	const struct tree *tree;
	struct ext4_options options;

	uint32_t lost_found;  /* the tree's inode that becomes number 11; 0: none */
	bool make_lost_found; /* the tree has no such name */
	uint32_t lost_found_start;
	uint32_t first_ino; /* of the tree's inodes besides the root and lost+found */
	uint32_t first_copy_ino;
	uint32_t last_ino; /* highest number in use */

	struct node *nodes; /* [0 .. inode_count] */
	struct copy *copies;
	uint32_t copy_count;
	struct heavy *heavies;
	uint32_t heavy_count;
	struct pass *passes; /* at least one */
	int pass_count;
	struct xattr_use *xattrs; /* [0 .. xattr_set_count] */
	uint64_t shared_xattr_blocks;
	struct tall *talls;
	size_t tall_count, tall_cap;

	struct layout_need need;
	struct sizes sizes; /* the layout in it is the image's */
};

/* numbering.c */
int plan_number(
	struct ext4_plan *p, const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;
uint32_t plan_ino(const struct ext4_plan *p, uint32_t t);
/* The image's inode that name d of the tree leads to. */
uint32_t plan_ino_of_name(const struct ext4_plan *p, uint64_t d);
const struct heavy *plan_heavy(const struct ext4_plan *p, uint32_t t);

/* xattr_use.c */
int plan_xattrs(struct ext4_plan *p, struct o2r_err *err) O2R_MUST_CHECK;

/* collect.c */
int plan_collect(
	struct ext4_plan *p, const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;
void plan_dir_source(const struct ext4_plan *p, uint32_t t, struct dir_source *out);
struct dir_format plan_dir_format(const struct ext4_plan *p);

/* What stands behind an inode number of the image that is in use and not reserved (the
 * root included). */
struct object {
	uint32_t ino;
	uint32_t t; /* 0: the lost+found that the tree does not have */
	uint32_t nlink;
	uint32_t blocks;
	uint64_t dense; /* of its first block; meaningless when blocks is 0 */
	bool htree;
};

/* object.c */
void plan_object(const struct ext4_plan *p, const struct layout *l, uint32_t ino,
	struct object *o);
void object_ranges(
	const struct ext4_plan *p, const struct object *o, struct range_iter *it);
/* The tree nodes of an inode; NULL: all extents are in it. */
const struct tall *plan_tall(const struct ext4_plan *p, uint32_t ino);
/* layout_need.nodes */
uint64_t plan_nodes(void *arg, const struct layout *l);

/* path.c: a path of the inode, quoted, for messages. */
struct quoted plan_path(const struct tree *t, uint32_t ino);

#endif
