/*
 * Inside of a writer; for the files of this room only: writer.c (life cycle, islands),
 * sequence.c (blocks in image order), groups.c (superblock, descriptors, bitmaps),
 * inodes.c (one inode), metadata.c (the prefix), data.c (file data).
 */
#ifndef O2R_EXT4_WRITER_H
#define O2R_EXT4_WRITER_H

#include <stdatomic.h>
#include <stdint.h>

#include "ext4/ondisk.h"
#include "ext4/plan.h"

/*
 * The metadata as a sequence of blocks that only goes forwards: gathered to large
 * writes, islands put in where they come up. One thread.
 */
struct sequence {
	struct ext4_writer *w;
	unsigned char *buf; /* SEQUENCE_BLOCKS blocks */
	uint32_t pending;   /* blocks in buf; the last one stands in front of pos */
	uint64_t pos;       /* real number of the next block */
	uint32_t island;    /* the next one */
};

enum {
	SEQUENCE_BLOCKS = (1 << 20) / GEOMETRY_BLOCK_SIZE,
};

/* A range of a file with a map: `before` data blocks of the file stand in front of it.
 * The list of a file ends with one at UINT32_MAX. */
struct range_pos {
	uint32_t first, before;
};

struct ext4_writer {
	const struct ext4_plan *p;
	const struct layout *l;
	struct ext4_out out;
	const struct ctx *ctx;
	uint32_t fs_seed;
	struct ext4_super super;
	struct ext4_group_desc *descs; /* desc_blocks whole blocks */
	struct sequence seq;
	uint32_t *xattr_seen;     /* [set]: inodes made so far */
	struct range_pos *ranges; /* of all maps */
	size_t *map_ranges;       /* [map]: its first one; [map + 1]: behind its last */
	_Atomic uint64_t *done;   /* [pass]: bytes handed over */
	uint64_t ordered_end;     /* ordered: bytes up to here are out */
};

/* writer.c */
int writer_out(struct ext4_writer *w, struct iovec *iov, int count, uint64_t off,
	struct o2r_err *err) O2R_MUST_CHECK;
int writer_zero(struct ext4_writer *w, uint64_t real, uint64_t blocks,
	struct o2r_err *err) O2R_MUST_CHECK;

/* sequence.c */
int sequence_init(
	struct sequence *s, struct ext4_writer *w, struct o2r_err *err) O2R_MUST_CHECK;
void sequence_finish(struct sequence *s);
/* The next block, zeroed, to be filled before the next call. */
int sequence_block(
	struct sequence *s, unsigned char **block, struct o2r_err *err) O2R_MUST_CHECK;
/* The next n blocks must read as zeros. */
int sequence_zero(struct sequence *s, uint64_t n, struct o2r_err *err) O2R_MUST_CHECK;
/* Go forwards; what is passed is left as it is, islands excepted. */
int sequence_to(struct sequence *s, uint64_t real, struct o2r_err *err) O2R_MUST_CHECK;
int sequence_flush(struct sequence *s, struct o2r_err *err) O2R_MUST_CHECK;

/* groups.c */
int groups_make(struct ext4_writer *w, struct o2r_err *err) O2R_MUST_CHECK;
/* The superblock as it stands in a group; block is zeroed. */
void super_block(const struct ext4_writer *w, uint32_t group, unsigned char *block);
bool group_blocks_untouched(const struct layout *l, uint32_t group);
/* How many inodes of a group are in use; they are its first ones. */
uint32_t group_used_inodes(const struct ext4_plan *p, uint32_t group);
/* block is zeroed; returns the number of free blocks. */
uint32_t block_bitmap(const struct layout *l, uint32_t group, unsigned char *block);
void inode_bitmap(const struct ext4_plan *p, uint32_t group, unsigned char *block);
int64_t super_time(const struct ext4_plan *p);

/* inodes.c */
int inode_make(struct ext4_writer *w, uint32_t ino, struct ext4_inode *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The root and the nodes of a tree that does not fit in its inode. nodes (may be NULL):
 * one after the other, the caller's to free. */
int tall_make(const struct ext4_writer *w, const struct tall *tall, unsigned char *iblock,
	unsigned char **nodes, struct o2r_err *err) O2R_MUST_CHECK;

/* metadata.c */
int metadata_write(struct ext4_writer *w, struct o2r_err *err) O2R_MUST_CHECK;

/* data.c */
int data_prepare(struct ext4_writer *w, struct o2r_err *err) O2R_MUST_CHECK;

#endif
