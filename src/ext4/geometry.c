#include "ext4/geometry.h"

#include <stddef.h>

#include "base/checked.h"
#include "ext4/ondisk.h"

static bool power_of(uint32_t n, uint32_t base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

bool geometry_has_backup(uint32_t group)
{
	return group <= 1 || power_of(group, 3) || power_of(group, 5) ||
	       power_of(group, 7);
}

static uint32_t desc_blocks_for(uint64_t blocks)
{
	uint64_t groups = DIV_ROUND_UP(blocks, 8 * GEOMETRY_BLOCK_SIZE);

	return (uint32_t)DIV_ROUND_UP(
		groups, GEOMETRY_BLOCK_SIZE / (uint32_t)EXT4_DESC_SIZE);
}

/* As mke2fs computes it: room for the descriptors of 1024 times the size, but no more
 * than one block of pointers can name, and no more than 2^32 blocks. */
static uint32_t reserve_for(uint64_t blocks)
{
	uint64_t most = GEOMETRY_BLOCKS_MAX;

	if (blocks < most / 1024)
		most = blocks * 1024;
	return MIN(desc_blocks_for(most) - desc_blocks_for(blocks),
		GEOMETRY_BLOCK_SIZE / (uint32_t)sizeof(uint32_t));
}

uint32_t geometry_short(uint64_t blocks)
{
	uint32_t per_group = 8 * GEOMETRY_BLOCK_SIZE;
	uint32_t last = (uint32_t)((blocks - 1) / per_group);
	uint32_t have = (uint32_t)(blocks - (uint64_t)last * per_group);
	uint32_t want = 1;

	if (geometry_has_backup(last))
		want += 1 + desc_blocks_for(blocks) + reserve_for(blocks);
	return have < want ? want - have : 0;
}

static void find_islands(struct geometry *g)
{
	uint64_t before = 0;

	/* The three sequences are sparse: stepping through all groups of a large image
	 * would cost more than the rest of a plan. */
	uint64_t three = 1, five = 5, seven = 7;

	for (;;) {
		uint64_t next = MIN(three, MIN(five, seven));

		if (next >= g->groups)
			break;
		if (next == three)
			three *= 3;
		else if (next == five)
			five *= 5;
		else
			seven *= 7;

		struct island *i = &g->islands[g->island_count++];

		i->start = next * g->blocks_per_group;
		i->dense = i->start - before;
		before += g->backup_len;
	}
}

bool geometry_init(struct geometry *g, uint64_t blocks, uint64_t inodes)
{
	*g = (struct geometry){
		.block_size = GEOMETRY_BLOCK_SIZE,
		.blocks_per_group = 8 * GEOMETRY_BLOCK_SIZE,
		.blocks = blocks,
	};
	if (!blocks || !inodes || blocks > GEOMETRY_BLOCKS_MAX || inodes > UINT32_MAX)
		return false;
	g->groups = (uint32_t)DIV_ROUND_UP(blocks, g->blocks_per_group);

	uint32_t per_block = g->block_size / EXT4_INODE_SIZE;
	uint64_t per_group = DIV_ROUND_UP(inodes, g->groups);

	/* Whole blocks of inodes, so that no table shares a block with anything. */
	per_group = DIV_ROUND_UP(per_group, per_block) * per_block;
	if (per_group > 8 * g->block_size || per_group * g->groups > UINT32_MAX)
		return false;
	g->inodes_per_group = (uint32_t)per_group;
	g->inodes = g->inodes_per_group * g->groups;
	g->table_blocks = g->inodes_per_group / per_block;
	g->desc_blocks = desc_blocks_for(blocks);
	g->reserve = reserve_for(blocks);
	g->backup_len = 1 + g->desc_blocks + g->reserve;
	find_islands(g);
	return geometry_short(blocks) == 0;
}

uint32_t geometry_group_blocks(const struct geometry *g, uint32_t group)
{
	if (group + 1 < g->groups)
		return g->blocks_per_group;
	return (uint32_t)(g->blocks - (uint64_t)group * g->blocks_per_group);
}

uint64_t geometry_real(const struct geometry *g, uint64_t dense, uint64_t *contiguous)
{
	uint32_t i = 0;

	while (i < g->island_count && g->islands[i].dense <= dense)
		i++;
	if (contiguous)
		*contiguous = i < g->island_count ? g->islands[i].dense - dense
						  : UINT64_MAX - dense;
	return dense + (uint64_t)i * g->backup_len;
}

uint64_t geometry_island_blocks_from(const struct geometry *g, uint64_t real)
{
	uint32_t i = 0;

	while (i < g->island_count && g->islands[i].start < real)
		i++;
	return (uint64_t)(g->island_count - i) * g->backup_len;
}
