/*
 * Sizes: how many blocks and inodes an image gets (docs/ext4.md, "Sizes"). Pure.
 */
#ifndef O2R_EXT4_SIZES_H
#define O2R_EXT4_SIZES_H

#include <stdint.h>

#include "base/err.h"
#include "ext4/ext4.h"
#include "ext4/layout.h"

struct sizes {
	struct layout layout;
	uint64_t image_bytes; /* of the file: more than the blocks when the last group
			       * would be too short */
	uint64_t min_bytes;
};

/* used_inodes: the highest number in use, at least 11. Class SPACE when options->bytes is
 * too small, or when no ext4 can hold the tree. */
int sizes_solve(struct sizes *s, const struct layout_need *need, uint64_t used_inodes,
	const struct ext4_options *options, struct o2r_err *err) O2R_MUST_CHECK;

#endif
