/*
 * Layout: where every region of an image stands, from what the tree needs and a number of
 * blocks and inodes. The order is docs/ext4.md's: one dense prefix (superblock,
 * descriptors, reserve, bitmaps, inode tables, resize inode, directories, extent tree
 * nodes, xattr blocks, symlink targets), then file data.
 *
 * Regions are in dense block numbers (geometry.h) except inode tables: a table must not
 * be cut by an island, so one that would be starts behind it, and what is left in front
 * of the island is a hole, free for later use by the kernel.
 *
 * Plain values, no ownership, no errors but "does not fit".
 */
#ifndef O2R_EXT4_LAYOUT_H
#define O2R_EXT4_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "ext4/geometry.h"

struct layout;

/* Blocks of each region. */
struct layout_need {
	uint64_t dirs, xattrs, links, data;
	/* How many extent tree nodes there are when the regions stand as in l; it may
	 * note the place of each node. */
	uint64_t (*nodes)(void *arg, const struct layout *l);
	void *arg;
};

/* Free blocks between used ones. */
struct layout_hole {
	uint64_t real, blocks;
};

/* Inode tables of groups from `group` on stand one after the other from `real` on. */
struct layout_tables {
	uint32_t group;
	uint64_t real;
};

struct layout {
	struct geometry geo;
	/* dense */
	uint64_t block_bitmaps, inode_bitmaps;
	uint64_t resize; /* the double-indirect block of inode 7 */
	uint64_t dirs, nodes, xattrs, links, data;
	uint64_t end; /* behind the data */

	uint64_t node_blocks; /* in use; up to xattrs may be a hole */
	struct layout_tables tables[GEOMETRY_ISLANDS_MAX + 1];
	uint32_t table_count;
	struct layout_hole holes[2 * GEOMETRY_ISLANDS_MAX];
	uint32_t hole_count;

	uint64_t end_real; /* real number behind the last used block before it */
	uint64_t used, free;
	uint64_t missing; /* blocks that lie behind the end of the filesystem; 0: fits */
};

/* false when geometry_init refuses the numbers; otherwise see `missing`. */
bool layout_make(struct layout *l, const struct layout_need *need, uint64_t blocks,
	uint64_t inodes);

/* Real number of the first block of a group's inode table. */
uint64_t layout_table(const struct layout *l, uint32_t group);

#endif
