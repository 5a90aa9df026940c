#include "ext4/extent.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "ext4/csum.h"

static uint32_t node_max(uint32_t block_size)
{
	/* The remainder of the division has room for the tail with any block size. */
	return (block_size - sizeof(struct ext4_extent_header)) /
	       sizeof(struct ext4_extent);
}

bool extent_shape(uint64_t extents, uint32_t block_size, struct extent_shape *out)
{
	uint64_t level[EXT4_EXT_MAX_DEPTH], n = extents;
	struct extent_shape s = {.extents = extents};

	while (n > EXT4_EXT_ROOT_MAX) {
		if (s.depth == EXT4_EXT_MAX_DEPTH)
			return false;
		n = DIV_ROUND_UP(n, node_max(block_size));
		level[s.depth++] = n;
	}
	for (uint32_t i = 0; i < s.depth; i++) {
		if (level[s.depth - 1 - i] > UINT32_MAX - s.nodes)
			return false;
		s.level_nodes[i] = (uint32_t)level[s.depth - 1 - i];
		s.nodes += s.level_nodes[i];
	}
	*out = s;
	return true;
}

/* Goes through the runs extent by extent. */
struct cursor {
	const struct extent_run *run;
	size_t left;   /* runs, the current one counted */
	uint32_t done; /* blocks of the current run */
};

static void cursor_next(struct cursor *c, struct ext4_extent *out)
{
	const struct extent_run *r = c->run;
	uint32_t len = MIN(r->count - c->done, (uint32_t)EXT4_EXT_INIT_MAX_LEN);
	uint64_t start = r->physical + c->done;

	assert(c->left > 0 && r->count > 0);
	*out = (struct ext4_extent){
		.ee_block = htole32(r->logical + c->done),
		.ee_len = htole16((uint16_t)len),
		.ee_start_hi = htole16((uint16_t)(start >> 32)),
		.ee_start_lo = htole32((uint32_t)start),
	};
	c->done += len;
	if (c->done == r->count) {
		c->run++;
		c->left--;
		c->done = 0;
	}
}

static void put_header(void *node, uint32_t entries, uint32_t max, uint32_t depth)
{
	struct ext4_extent_header *eh = node;

	*eh = (struct ext4_extent_header){
		.eh_magic = htole16(EXT4_EXT_MAGIC),
		.eh_entries = htole16((uint16_t)entries),
		.eh_max = htole16((uint16_t)max),
		.eh_depth = htole16((uint16_t)depth),
	};
}

static void put_leaf(void *node, struct cursor *c, uint32_t entries, uint32_t max)
{
	struct ext4_extent *e = (void *)((struct ext4_extent_header *)node + 1);

	put_header(node, entries, max, 0);
	for (uint32_t i = 0; i < entries; i++)
		cursor_next(c, &e[i]);
}

/* The nodes of one level and where they are, seen from the level above. */
struct children {
	const unsigned char *bytes;
	const uint64_t *blocks;
	uint32_t block_size;
};

static void put_index(void *node, const struct children *ch, uint32_t first,
	uint32_t entries, uint32_t max, uint32_t depth)
{
	struct ext4_extent_idx *idx = (void *)((struct ext4_extent_header *)node + 1);

	put_header(node, entries, max, depth);
	for (uint32_t i = 0; i < entries; i++) {
		const unsigned char *child =
			ch->bytes + (size_t)(first + i) * ch->block_size;
		/* An extent and an index both begin with their logical block. */
		const struct ext4_extent *head =
			(const void *)(child + sizeof(struct ext4_extent_header));
		uint64_t block = ch->blocks[first + i];

		idx[i] = (struct ext4_extent_idx){
			.ei_block = head->ee_block,
			.ei_leaf_lo = htole32((uint32_t)block),
			.ei_leaf_hi = htole16((uint16_t)(block >> 32)),
		};
	}
}

void extent_build(const struct extent_shape *shape, const struct extent_run *runs,
	size_t run_count, const uint64_t *node_blocks, uint32_t block_size,
	uint32_t inode_seed, unsigned char root[EXT4_N_BLOCK_BYTES],
	unsigned char *nodes_out)
{
	struct cursor c = {.run = runs, .left = run_count};
	struct children ch = {.block_size = block_size};
	uint32_t max = node_max(block_size), base = shape->nodes;
	uint64_t below = shape->extents;

	memset(root, 0, EXT4_N_BLOCK_BYTES);
	if (shape->nodes)
		memset(nodes_out, 0, (size_t)shape->nodes * block_size);
	/* From the leaves up, since a parent's keys are read from its children. */
	for (uint32_t depth = 0; depth < shape->depth; depth++) {
		uint32_t count = shape->level_nodes[shape->depth - 1 - depth];

		base -= count;
		for (uint32_t i = 0; i < count; i++) {
			unsigned char *node = nodes_out + (size_t)(base + i) * block_size;
			uint64_t first = (uint64_t)i * max;
			uint32_t n = (uint32_t)MIN(below - first, (uint64_t)max);

			if (depth == 0)
				put_leaf(node, &c, n, max);
			else
				put_index(node, &ch, (uint32_t)first, n, max, depth);
			csum_extent_block(node, inode_seed);
		}
		ch.bytes = nodes_out + (size_t)base * block_size;
		ch.blocks = node_blocks + base;
		below = count;
	}
	if (shape->depth == 0)
		put_leaf(root, &c, (uint32_t)below, EXT4_EXT_ROOT_MAX);
	else
		put_index(root, &ch, 0, (uint32_t)below, EXT4_EXT_ROOT_MAX, shape->depth);
	assert(c.left == 0);
}
