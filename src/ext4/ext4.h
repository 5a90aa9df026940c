/*
 * ext4 image of a tree: first a plan (a pure function of tree and options: every block
 * placed, exact size, printable), then the metadata, then the file data. Nothing here
 * reads a clock, a file or the environment.
 *
 * Plan: created by one thread, then read-only. It borrows the tree, which must outlive
 * it.
 */
#ifndef O2R_EXT4_EXT4_H
#define O2R_EXT4_EXT4_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/ctx.h"
#include "base/err.h"
#include "fs/tree.h"

enum ext4_size_mode {
	EXT4_SIZE_DEFAULT, /* exact size + 25 % free, at least 64 MiB free */
	EXT4_SIZE_MIN,     /* exact */
	EXT4_SIZE_FIXED,   /* `bytes` in all, or an error that names the size needed */
	EXT4_SIZE_FREE,    /* exact + `bytes` free */
	EXT4_SIZE_FREE_PERCENT, /* exact + `bytes` per cent of it free */
};

struct ext4_options {
	enum ext4_size_mode size_mode;
	uint64_t bytes;
	bool free_inodes_set;
	uint64_t free_inodes; /* how many inodes are free */
	unsigned char uuid[16];
	uint32_t hash_seed[4]; /* as stored: four little-endian words */
	char label[16];        /* padded with NUL */
	bool clamp_set;
	int64_t clamp;    /* SOURCE_DATE_EPOCH: superblock times, later mtimes clamped */
	bool linear_dirs; /* no htree */
	uint32_t block_size; /* 4096 */
};

struct ext4_plan;

struct ext4_summary {
	uint64_t image_bytes; /* size of the image file */
	uint64_t min_bytes;   /* what --size min would give */
	uint64_t blocks, free_blocks;
	uint64_t inodes, used_inodes; /* all, reserved and lost+found included */
	uint64_t groups;
	uint64_t data_blocks; /* of file data, without holes */
	uint64_t dir_blocks, extent_blocks, xattr_blocks;
	uint64_t metadata_bytes; /* superblocks, descriptors, reserve, bitmaps, tables */
	uint32_t block_size;
	uint64_t copied_files; /* inodes written again: more than 65 000 links */
	uint64_t shared_xattr_blocks;
};

/* Errors: class SPACE when options.bytes is too small or the format cannot hold it; class
 * FAIL naming the file when an xattr set does not fit. Warnings go to ctx. */
int ext4_plan_create(const struct tree *t, const struct ext4_options *o,
	const struct ctx *ctx, struct ext4_plan **out,
	struct o2r_err *err) O2R_MUST_CHECK;
void ext4_plan_destroy(struct ext4_plan *p);
void ext4_plan_summary(const struct ext4_plan *p, struct ext4_summary *out);

/* One line per region ("blocks 0-17 superblock ..."), for people and golden tests. */
int ext4_plan_print(
	const struct ext4_plan *p, int (*line)(void *arg, const char *text), void *arg);

/*
 * The files whose data must be written, in image order, in passes: pass 0 holds every
 * file; pass n those that are written an n-th time again because of their link count,
 * behind everything else. Inode numbers of the tree, each at most once a pass; the array
 * belongs to the plan. There is nearly always one pass.
 */
int ext4_plan_passes(const struct ext4_plan *p);
const uint32_t *ext4_plan_items(const struct ext4_plan *p, int pass, uint32_t *count);

/* Where image bytes go. */
struct ext4_out_ops {
	/* Write the buffers one after the other at off; may change iov. Thread-safe
	 * unless ordered, where off never goes back and gaps must read as zeros. */
	int (*writev)(void *arg, struct iovec *iov, int count, uint64_t off,
		struct o2r_err *err);
	/* Make [off, off + n) read as zeros. No-op for a new sparse file. NULL: not
	 * needed. */
	int (*zero)(void *arg, uint64_t off, uint64_t n, struct o2r_err *err);
	/* Make n bytes from from_off of the file `from` stand at off, sharing its blocks
	 * where the filesystem can; all are multiples of the block size. 1: done; 0: not
	 * here, and what stands there now is to be written over. NULL: never.
	 * Thread-safe.
	 */
	int (*copy)(void *arg, int from, uint64_t from_off, uint64_t n, uint64_t off,
		struct o2r_err *err);
	bool ordered;
};

struct ext4_out {
	const struct ext4_out_ops *ops;
	void *arg;
};

struct ext4_writer;

/* Writes the metadata: all of it, or in an ordered output what stands before the data. */
int ext4_writer_create(const struct ext4_plan *p, const struct ext4_out *out,
	const struct ctx *ctx, struct ext4_writer **ret,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Data of files: item is an index into ext4_plan_items(plan, pass). Pieces are handed
 * over as data.h describes (same struct layout: see data_piece). Thread-safe unless
 * ordered. */
struct data_piece;
int ext4_writer_pieces(struct ext4_writer *w, int pass, const struct data_piece *v,
	size_t n, struct o2r_err *err) O2R_MUST_CHECK;

/* The same for whole blocks that stand in a file (see data_span). 1: they are in the
 * image; 0: this output cannot take them so, hand over pieces. Thread-safe. */
struct data_span;
int ext4_writer_copy(struct ext4_writer *w, int pass, const struct data_span *s,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Everything was handed over: what is left (backups behind the data, the last byte). An
 * error when bytes of a planned file are missing. */
int ext4_writer_end(struct ext4_writer *w, struct o2r_err *err) O2R_MUST_CHECK;
void ext4_writer_destroy(struct ext4_writer *w);

#endif
