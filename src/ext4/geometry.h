/*
 * Geometry: how many blocks, groups and inodes, and what follows from these numbers alone
 * (kernel: blockgroup.rst, super.rst). Blocks of 4096 bytes; the block size is a field so
 * that other sizes can come (they move s_first_data_block to 1).
 *
 * Also the map between dense and real block numbers. Backups (superblock, descriptors,
 * reserve) must stand at the start of certain groups; they are islands in an otherwise
 * dense image. A dense number counts the blocks outside of islands, so everything else is
 * placed one after the other in dense numbers and never needs to know about islands.
 *
 * Plain values, no ownership; read-only after geometry_init.
 */
#ifndef O2R_EXT4_GEOMETRY_H
#define O2R_EXT4_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

enum {
	GEOMETRY_BLOCK_SIZE = 4096,
	/* Powers of 3, 5 and 7 below 2^17 groups, and 1: 24. */
	GEOMETRY_ISLANDS_MAX = 32,
	GEOMETRY_FLEX_LOG = 4,
};

/* Block numbers must fit 32 bits: the resize inode's do. */
#define GEOMETRY_BLOCKS_MAX 0xffffffffULL

struct island {
	uint64_t start; /* real number of its first block: that of its group */
	uint64_t dense; /* dense number of the first block behind it */
};

struct geometry {
	uint32_t block_size;
	uint32_t blocks_per_group; /* as many as one bitmap block has bits */
	uint64_t blocks;
	uint32_t groups;
	uint32_t inodes; /* groups * inodes_per_group */
	uint32_t inodes_per_group;
	uint32_t table_blocks; /* inode table of one group */
	uint32_t desc_blocks;
	uint32_t reserve;    /* blocks kept behind the descriptors for growth */
	uint32_t backup_len; /* 1 + desc_blocks + reserve: of group 0 and each island */
	uint32_t island_count;
	struct island islands[GEOMETRY_ISLANDS_MAX];
};

/* false when a group cannot hold so many inodes, the last group is too short for its
 * backup (see geometry_short), or the numbers are outside of the format. */
bool geometry_init(struct geometry *g, uint64_t blocks, uint64_t inodes);

/* How many blocks the last group of such a filesystem lacks for its own backup and one
 * block more; 0: none. */
uint32_t geometry_short(uint64_t blocks);

/* Does the group begin with a copy of the superblock (sparse_super)? */
bool geometry_has_backup(uint32_t group);

uint32_t geometry_group_blocks(const struct geometry *g, uint32_t group);

/* Real number of a dense one. *contiguous (may be NULL) is how many dense numbers from
 * there on, itself included, follow without an island between. */
uint64_t geometry_real(const struct geometry *g, uint64_t dense, uint64_t *contiguous);

/* Blocks that belong to islands at or behind a real block number. */
uint64_t geometry_island_blocks_from(const struct geometry *g, uint64_t real);

#endif
