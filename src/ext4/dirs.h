/*
 * Directories: how many blocks one takes, and the bytes of each (kernel: directory.rst).
 * One block is linear; more become a hash tree (half_md4, signed) whose leaves are filled
 * to three quarters, or packed linear blocks on request.
 *
 * A dir_layout belongs to its creator and borrows the tree; it takes 8 bytes a name plus
 * 4 bytes a block while it lives (16 bytes a name while it is made), and nothing for a
 * directory of one block. Read-only after dir_layout_init: any number of threads may make
 * blocks from it. Same input, same bytes.
 */
#ifndef O2R_EXT4_DIRS_H
#define O2R_EXT4_DIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "fs/tree.h"

enum {
	DIR_LOST_FOUND_BLOCKS = 4,
	/* The name number of the "lost+found" that dir_source.lost_found adds. */
	DIR_LOST_FOUND_NAME = 0xffffffff,
};

struct dir_format {
	uint32_t block_size;
	uint32_t hash_seed[4]; /* as in the superblock, host order */
	bool linear;           /* never a hash tree */
};

/* What stands in a directory besides "." and "..". */
struct dir_source {
	const struct tree *tree;
	uint32_t first, count; /* slice of tree->dirents; {0, 0}: no names */
	bool lost_found;       /* one more name: "lost+found", a directory */
	uint32_t min_blocks;   /* linear: empty ones at the end up to this; 0: none */
};

struct dir_layout {
	struct dir_format format;
	struct dir_source source;
	uint32_t blocks; /* the directory's size */
	bool htree;      /* the inode needs EXT4_INDEX_FL */
	uint32_t nodes;  /* htree: index nodes between root and leaves */
	uint32_t leaves; /* htree: leaf blocks with names; linear: blocks with names */
	uint64_t *names; /* htree: hash << 32 | position; owned */
	uint32_t *start; /* first name of each leaf, then the end; owned */
};

/* Decide the layout. -EFBIG when a hash tree would need three levels: the message says
 * so, the caller puts the directory's path in front. */
int dir_layout_init(struct dir_layout *l, const struct dir_format *f,
	const struct dir_source *s, struct o2r_err *err) O2R_MUST_CHECK;
void dir_layout_finish(struct dir_layout *l);

#define AUTO_DIR_LAYOUT CLEANUP(dir_layout_finish)

/* Numbers that are known only when all is placed. */
struct dir_numbers {
	uint32_t ino, parent; /* of this directory and of ".." */
	uint32_t inode_seed;  /* csum_inode_seed of ino */
	/* Inode number of name d, an index into tree->dirents or DIR_LOST_FOUND_NAME. */
	uint32_t (*ino_of)(void *arg, uint32_t d);
	void *arg;
};

/* Bytes of block k of l->blocks, checksum included; every byte is written. */
void dir_block(
	const struct dir_layout *l, const struct dir_numbers *n, uint32_t k, void *block);

#endif
