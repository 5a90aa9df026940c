/*
 * Checksums of metadata_csum (kernel: checksums.rst): CRC-32C seeded with the UUID, each
 * kind of block with its own extras. Functions that take a structure store the checksum
 * into it as the last step of making it. Pure; callable from any thread.
 */
#ifndef O2R_EXT4_CSUM_H
#define O2R_EXT4_CSUM_H

#include <stddef.h>
#include <stdint.h>

#include "ext4/ondisk.h"

/* The seed of the filesystem; metadata_csum_seed is not used. */
uint32_t csum_fs_seed(const unsigned char uuid[16]);

/* The seed of what belongs to an inode; its generation is 0 everywhere in an image. */
uint32_t csum_inode_seed(uint32_t fs_seed, uint32_t ino);

/* Does not use the seed of the filesystem. */
void csum_super(struct ext4_super *sb);

/* The bitmaps' checksums must be in the descriptor already. */
void csum_group(struct ext4_group_desc *gd, uint32_t fs_seed, uint32_t group);

/* n is blocks_per_group / 8 or inodes_per_group / 8, not the size of the block. The
 * result goes into the descriptor's two halves. */
uint32_t csum_bitmap(uint32_t fs_seed, const void *bitmap, size_t n);

void csum_inode(struct ext4_inode *inode, uint32_t inode_seed);

/* A leaf: writes the whole 12-byte tail. */
void csum_dir_block(void *block, size_t block_size, uint32_t inode_seed);

/* A root or node of the hash tree: writes the checksum in the tail behind entry `limit`.
 * at is EXT4_DX_ROOT_ENTRIES or EXT4_DX_NODE_ENTRIES; limit and count are in place, and
 * the tail's reserved word counts as it stands. */
void csum_dx_block(void *block, size_t at, uint32_t inode_seed);

/* A block of the extent tree; eh_max is in place. */
void csum_extent_block(void *block, uint32_t inode_seed);

void csum_xattr_block(
	void *block, size_t block_size, uint32_t fs_seed, uint64_t block_nr);

#endif
