#include "ext4/sizes.h"

#include <errno.h>
#include <inttypes.h>

#include "base/checked.h"
#include "base/text.h"

enum {
	/* One inode for 16 KiB, so that an image that is grown has some. */
	BLOCKS_PER_INODE = 16384 / GEOMETRY_BLOCK_SIZE,
	INODES_MORE = 1024,
	DEFAULT_PERCENT = 25,
	DEFAULT_FREE_MIN = (64 << 20) / GEOMETRY_BLOCK_SIZE,
};

struct search {
	const struct layout_need *need;
	const struct ext4_options *options;
	uint64_t used_inodes;
	bool scaled;   /* inodes grow with the size, unless the user gave their number */
	uint64_t free; /* blocks that must be free */
};

static uint64_t inodes_wanted(const struct search *s, uint64_t blocks)
{
	uint64_t n = s->used_inodes + MAX(s->used_inodes / 8, (uint64_t)INODES_MORE);

	if (s->options->free_inodes_set)
		return s->used_inodes > UINT64_MAX - s->options->free_inodes
			       ? UINT64_MAX
			       : s->used_inodes + s->options->free_inodes;
	return s->scaled ? MAX(n, blocks / BLOCKS_PER_INODE) : n;
}

static bool fits(const struct search *s, uint64_t blocks, struct layout *l)
{
	return layout_make(l, s->need, blocks, inodes_wanted(s, blocks)) && !l->missing &&
	       l->free >= s->free;
}

/* The least size of so many groups that fits; false: none does. What is needed grows
 * with the size, but slower than it, so stepping by what lacks meets the least. */
static bool least_in_groups(const struct search *s, uint64_t groups, struct layout *l)
{
	uint64_t per_group = 8 * GEOMETRY_BLOCK_SIZE;
	uint64_t last = MIN(groups * per_group, GEOMETRY_BLOCKS_MAX);
	uint64_t blocks = (groups - 1) * per_group + 1;

	while (blocks <= last) {
		uint32_t lacks = geometry_short(blocks);

		if (lacks) {
			blocks += lacks;
			continue;
		}
		if (!layout_make(l, s->need, blocks, inodes_wanted(s, blocks)))
			return false;
		if (l->missing)
			blocks += l->missing;
		else if (l->free < s->free)
			blocks += s->free - l->free;
		else
			return true;
	}
	return false;
}

static int too_large(struct o2r_err *err)
{
	return err_set(err, ERR_SPACE, EFBIG,
		"the image would be larger than the 16 TiB of ext4 with blocks of 4096 "
		"bytes");
}

static int least(const struct search *s, struct layout *l, struct o2r_err *err)
{
	const struct layout_need *n = s->need;
	uint64_t per_group = 8 * GEOMETRY_BLOCK_SIZE;
	uint64_t blocks = n->dirs + n->xattrs + n->links + n->data;
	uint64_t groups_max = DIV_ROUND_UP(GEOMETRY_BLOCKS_MAX, per_group);

	if (!add_u64(blocks, s->free, &blocks))
		return too_large(err);

	/* One bitmap block has per_group bits: so many inodes at most in a group. */
	uint64_t groups = MAX(blocks, inodes_wanted(s, blocks)) / per_group;

	for (groups = MAX(groups, 1u); groups <= groups_max; groups++) {
		if (least_in_groups(s, groups, l))
			return 0;
	}
	return too_large(err);
}

/*
 * The most blocks up to `blocks` that fit, knowing that min does. Slightly less than
 * asked can be more than what fits: where a block more asks for a longer reserve or for
 * another group with its backup. That changes once in thousands of blocks, so a few steps
 * down find the next size that fits, or the end of the group before does.
 */
static bool most_up_to(
	const struct search *s, uint64_t blocks, uint64_t min, struct layout *l)
{
	uint64_t per_group = 8 * GEOMETRY_BLOCK_SIZE;

	while (blocks >= min) {
		for (uint64_t b = blocks;
			b >= min && b + 2 * GEOMETRY_ISLANDS_MAX > blocks; b--) {
			if (fits(s, b, l))
				return true;
		}
		blocks = (blocks - 1) / per_group * per_group;
	}
	return false;
}

static int solve_fixed(
	struct sizes *out, struct search *s, uint64_t min_blocks, struct o2r_err *err)
{
	uint64_t blocks = s->options->bytes / GEOMETRY_BLOCK_SIZE;

	if (blocks < min_blocks)
		return err_set(err, ERR_SPACE, ENOSPC,
			"the image needs at least %" PRIu64 " bytes (%s), and %" PRIu64
			" are given",
			out->min_bytes, text_size(out->min_bytes).s, s->options->bytes);
	if (blocks > GEOMETRY_BLOCKS_MAX)
		return too_large(err);
	out->image_bytes = blocks * GEOMETRY_BLOCK_SIZE;

	/* A size that is nearly full keeps fewer inodes free rather than be refused. */
	s->scaled = true;
	if (fits(s, blocks, &out->layout))
		return 0;
	if (geometry_short(blocks) &&
		fits(s, blocks / (8 * GEOMETRY_BLOCK_SIZE) * (8 * GEOMETRY_BLOCK_SIZE),
			&out->layout))
		return 0;
	s->scaled = false;
	if (most_up_to(s, blocks, min_blocks, &out->layout) ||
		fits(s, min_blocks, &out->layout))
		return 0;
	return err_set(err, ERR_FAIL, EINVAL, "no layout for %" PRIu64 " blocks", blocks);
}

static uint64_t free_wanted(const struct ext4_options *o, uint64_t min_blocks)
{
	uint64_t percent = 0;

	switch (o->size_mode) {
	case EXT4_SIZE_DEFAULT:
		return MAX(DIV_ROUND_UP(min_blocks * DEFAULT_PERCENT, 100),
			(uint64_t)DEFAULT_FREE_MIN);
	case EXT4_SIZE_FREE:
		return o->bytes / GEOMETRY_BLOCK_SIZE +
		       (o->bytes % GEOMETRY_BLOCK_SIZE != 0);
	case EXT4_SIZE_FREE_PERCENT:
		return mul_u64(min_blocks, o->bytes, &percent)
			       ? DIV_ROUND_UP(percent, 100)
			       : UINT64_MAX;
	default:
		return 0;
	}
}

int sizes_solve(struct sizes *out, const struct layout_need *need, uint64_t used_inodes,
	const struct ext4_options *options, struct o2r_err *err)
{
	struct search s = {.need = need, .options = options, .used_inodes = used_inodes};
	int r = least(&s, &out->layout, err);

	if (r < 0)
		return r;

	uint64_t min_blocks = out->layout.geo.blocks;

	out->min_bytes = min_blocks * GEOMETRY_BLOCK_SIZE;
	out->image_bytes = out->min_bytes;
	switch (options->size_mode) {
	case EXT4_SIZE_MIN:
		return 0;
	case EXT4_SIZE_FIXED:
		return solve_fixed(out, &s, min_blocks, err);
	case EXT4_SIZE_DEFAULT:
	case EXT4_SIZE_FREE:
	case EXT4_SIZE_FREE_PERCENT:
		s.scaled = true;
		s.free = free_wanted(options, min_blocks);
		r = least(&s, &out->layout, err);
		out->image_bytes = out->layout.geo.blocks * GEOMETRY_BLOCK_SIZE;
		return r;
	}
	return err_set(
		err, ERR_USAGE, EINVAL, "unknown size mode %d", (int)options->size_mode);
}
