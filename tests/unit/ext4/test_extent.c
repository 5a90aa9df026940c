/*
 * Extent trees: a node as the kernel wrote it (golden.h), the arithmetic of shapes, and
 * trees of several depths read back by a walk that follows the documentation.
 */
#include "unit.h"

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "ext4/extent.h"
#include "golden_load.h"

static void test_shape(void)
{
	static const struct {
		uint64_t extents;
		uint32_t block_size, depth, nodes;
	} t[] = {
		{0, 4096, 0, 0},
		{4, 4096, 0, 0},
		{5, 4096, 1, 1},
		{340, 4096, 1, 1},
		{341, 4096, 1, 2},
		{1360, 4096, 1, 4},
		{1361, 4096, 2, 5 + 1},
		{340 * 340 * 4, 4096, 2, 1360 + 4},
		{340 * 340 * 4 + 1, 4096, 3, 1361 + 5 + 1},
		{336, 1024, 1, 4},
		{337, 1024, 2, 5 + 1},
		{4 * 169, 2048, 1, 4},
		{4 * 169 + 1, 2048, 2, 5 + 1},
	};
	struct extent_shape s;
	uint64_t most = 4;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint32_t sum = 0;

		CHECK(extent_shape(t[i].extents, t[i].block_size, &s));
		CHECK_EQ(s.depth, t[i].depth);
		CHECK_EQ(s.nodes, t[i].nodes);
		for (uint32_t d = 0; d < s.depth; d++)
			sum += s.level_nodes[d];
		CHECK_EQ(sum, s.nodes);
	}
	for (int i = 0; i < 5; i++)
		most *= 84;
	CHECK(extent_shape(most, 1024, &s));
	CHECK_EQ(s.depth, 5);
	CHECK(!extent_shape(most + 1, 1024, &s));
	CHECK_EQ(extent_pieces(0), 0);
	CHECK_EQ(extent_pieces(32768), 1);
	CHECK_EQ(extent_pieces(32769), 2);
	CHECK_EQ(extent_pieces(UINT32_MAX), 131072);
}

static void test_golden(void)
{
	static unsigned char want[4096], made[4096];
	struct ext4_inode inode;
	unsigned char root[EXT4_N_BLOCK_BYTES];
	uint64_t node = G_SPARSE_NODE;
	struct extent_shape s;
	uint32_t seed;
	unsigned char key[8];

	put_le32(key, G_SPARSE_INO);
	put_le32(key + 4, G_SPARSE_GEN);
	seed = crc32c(crc32c(~0u, golden_uuid, 16), key, 8);
	golden_load(g_sparse, &inode, sizeof(inode));
	golden_load(g_sparse_node, want, sizeof(want));
	CHECK(extent_shape(ARRAY_LEN(g_sparse_runs), 4096, &s));
	extent_build(&s, g_sparse_runs, ARRAY_LEN(g_sparse_runs), &node, 4096, seed, root,
		made);
	CHECK_MEM(made, want, sizeof(want));
	/* The kernel leaves old extents behind the one index entry of the root. */
	CHECK_MEM(root, inode.i_block, 24);
}

/* A walk over a finished tree. */
struct walk {
	const unsigned char *nodes;
	uint32_t block_size, seed, node_count, nodes_seen;
	uint64_t first_block; /* node i is at first_block + 3 * i */
	struct extent_run *out;
	size_t extents;
};

static void walk_node(struct walk *w, const unsigned char *node, unsigned depth,
	uint32_t key, unsigned max);

static void walk_child(
	struct walk *w, const unsigned char *node, unsigned depth, uint32_t key)
{
	unsigned max = (w->block_size - 12) / 12, used = 12 + 12 * max;

	CHECK_EQ(get_le32(node + used), crc32c(w->seed, node, used));
	walk_node(w, node, depth, key, max);
}

static void walk_node(struct walk *w, const unsigned char *node, unsigned depth,
	uint32_t key, unsigned max)
{
	unsigned n = get_le16(node + 2);

	CHECK_EQ(get_le16(node), 0xf30a);
	CHECK_EQ(get_le16(node + 4), max);
	CHECK_EQ(get_le16(node + 6), depth);
	CHECK(n <= max);
	if (n)
		CHECK_EQ(get_le32(node + 12), key);
	for (unsigned i = 0; i < n; i++) {
		const unsigned char *e = node + 12 + 12 * i;
		uint64_t block, child;

		if (depth == 0) {
			w->out[w->extents++] = (struct extent_run){
				.physical = get_le32(e + 8) | (uint64_t)get_le16(e + 6)
								      << 32,
				.logical = get_le32(e),
				.count = get_le16(e + 4),
			};
			continue;
		}
		block = get_le32(e + 4) | (uint64_t)get_le16(e + 8) << 32;
		child = (block - w->first_block) / 3;
		CHECK_EQ((block - w->first_block) % 3, 0);
		CHECK(child < w->node_count);
		w->nodes_seen++;
		walk_child(w, w->nodes + child * w->block_size, depth - 1, get_le32(e));
	}
}

/* Runs with holes between them, some longer than one extent. */
static void check_tree(size_t runs, uint32_t block_size, uint32_t count)
{
	struct extent_run *r = calloc(runs, sizeof(*r));
	struct walk w = {
		.block_size = block_size, .seed = 0x1234, .first_block = 0x500000000ULL};
	unsigned char root[EXT4_N_BLOCK_BYTES];
	struct extent_shape s;
	uint64_t extents = 0, *blocks;
	uint32_t done = 0;
	size_t at = 0;

	for (size_t i = 0; i < runs; i++) {
		r[i] = (struct extent_run){0x700000000ULL + i * 100000,
			3 + (uint32_t)i * (count + 1), count};
		extents += extent_pieces(count);
	}
	CHECK(extent_shape(extents, block_size, &s));
	w.node_count = s.nodes;
	blocks = calloc(s.nodes + 1, sizeof(*blocks));
	for (uint32_t i = 0; i < s.nodes; i++)
		blocks[i] = w.first_block + 3 * (uint64_t)i;
	unsigned char *nodes = malloc((size_t)s.nodes * block_size + 1);

	memset(nodes, 0xee, (size_t)s.nodes * block_size);
	extent_build(&s, r, runs, blocks, block_size, w.seed, root, nodes);
	w.nodes = nodes;
	w.out = calloc(extents, sizeof(*w.out));
	walk_node(&w, root, s.depth, 3, 4);
	CHECK_EQ(w.nodes_seen, s.nodes);
	CHECK_EQ(w.extents, extents);
	for (size_t i = 0; i < extents && at < runs; i++) {
		if (w.out[i].logical != r[at].logical + done ||
			w.out[i].physical != r[at].physical + done ||
			w.out[i].count > 32768)
			break;
		done += w.out[i].count;
		if (done == r[at].count) {
			at++;
			done = 0;
		}
	}
	CHECK_EQ(at, runs);
	free(w.out);
	free(nodes);
	free(blocks);
	free(r);
}

int main(void)
{
	test_shape();
	test_golden();
	check_tree(1, 4096, 1);
	check_tree(4, 4096, 7);
	check_tree(1, 4096, 4 * 32768);
	check_tree(1, 4096, 4 * 32768 + 1);
	check_tree(3, 4096, 70000);
	check_tree(340, 4096, 1);
	check_tree(341, 4096, 1);
	check_tree(1361, 4096, 2);
	check_tree(100000, 4096, 3);
	check_tree(340 * 340 * 4 + 1, 4096, 1);
	check_tree(337, 1024, 1);
	check_tree(30000, 1024, 1);
	check_tree(700, 2048, 40000);
	TEST_END;
}
