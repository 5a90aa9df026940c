/*
 * Which blocks of a file hold data. A block is data when any of its bytes is; neighbours
 * are joined, so two ranges always have a hole between them. Files without a map and
 * directories are one range.
 *
 * Data blocks are placed one after the other in dense numbers (geometry.h), so block
 * number i of all ranges counted together stands at dense start + i.
 */
#ifndef O2R_EXT4_RANGES_H
#define O2R_EXT4_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ext4/extent.h"
#include "ext4/geometry.h"
#include "fs/tree.h"

struct block_range {
	uint32_t first, count;
};

struct range_iter {
	const struct data_run *runs;
	uint32_t count, next;
	uint32_t block_size;
	uint32_t whole; /* without runs: so many blocks from 0 on */
};

/* Of a regular file. */
void range_iter_file(
	struct range_iter *it, const struct tree *t, uint32_t ino, uint32_t block_size);
/* Of one range of blocks from 0 on. */
void range_iter_whole(struct range_iter *it, uint32_t blocks);
bool range_next(struct range_iter *it, struct block_range *out);

/* How many extents the ranges become when their first block has the dense number. */
uint64_t ranges_extents(const struct geometry *g, struct range_iter it, uint64_t dense);

/* The same as a list of at most max runs (there are never more runs than extents).
 * Returns their number. */
size_t ranges_runs(const struct geometry *g, struct range_iter it, uint64_t dense,
	struct extent_run *runs, size_t max);

#endif
