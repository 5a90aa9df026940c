/*
 * Extent trees (kernel: ifork.rst): how many blocks a file's tree takes, and their bytes.
 * Trees are packed: every node but the last of a level is full. Pure; callable from any
 * thread; allocates nothing.
 */
#ifndef O2R_EXT4_EXTENT_H
#define O2R_EXT4_EXTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ext4/ondisk.h"

/*
 * A run of blocks, logical and physical. Any length: runs are cut into extents of at most
 * 32 768 blocks here. Ascending in `logical`, not overlapping; gaps are holes. Runs that
 * continue each other are not joined.
 */
struct extent_run {
	uint64_t physical;
	uint32_t logical;
	uint32_t count; /* blocks, at least 1; logical + count < 2^32 */
};

/* How many extents a run of so many blocks becomes; sum this over the runs. */
static inline uint32_t extent_pieces(uint32_t blocks)
{
	return blocks / EXT4_EXT_INIT_MAX_LEN + (blocks % EXT4_EXT_INIT_MAX_LEN != 0);
}

/* Shape of a tree. Nodes are the blocks outside of the inode, numbered from the top level
 * down, left to right: those right below the root first, leaves last. */
struct extent_shape {
	uint64_t extents;
	uint32_t nodes;                           /* in all */
	uint32_t level_nodes[EXT4_EXT_MAX_DEPTH]; /* [0]: right below the root */
	uint32_t depth;                           /* 0: all extents are in the inode */
};

/* Of so many extents. false when they need more than five levels. */
bool extent_shape(uint64_t extents, uint32_t block_size, struct extent_shape *out);

/*
 * Build a tree. node_blocks[i] is the physical block of node i. Writes the inode's 60
 * bytes and shape->nodes blocks, one after the other, with their checksums.
 */
void extent_build(const struct extent_shape *shape, const struct extent_run *runs,
	size_t run_count, const uint64_t *node_blocks, uint32_t block_size,
	uint32_t inode_seed, unsigned char root[EXT4_N_BLOCK_BYTES],
	unsigned char *nodes_out);

#endif
