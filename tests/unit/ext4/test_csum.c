/* Checksums against those that mke2fs and the kernel stored (golden.h). */
#include "unit.h"

#include "base/crc32c.h"
#include "base/le.h"
#include "ext4/csum.h"
#include "golden_load.h"

static uint32_t fs_seed;

/* The kernel gives inodes a generation, which is part of their seed. */
static uint32_t seed_with_generation(uint32_t ino, uint32_t gen)
{
	unsigned char key[8];

	put_le32(key, ino);
	put_le32(key + 4, gen);
	return crc32c(fs_seed, key, sizeof(key));
}

static void test_super(void)
{
	struct ext4_super sb, made;

	golden_load(g_super, &sb, sizeof(sb));
	made = sb;
	made.s_checksum = 0;
	csum_super(&made);
	CHECK_EQ(le32toh(made.s_checksum), le32toh(sb.s_checksum));
	CHECK_MEM(sb.s_uuid, golden_uuid, 16);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(le32toh(sb.s_hash_seed[i]), golden_hash_seed[i]);
	CHECK_EQ(le32toh(sb.s_flags), EXT4_FLAGS_SIGNED_HASH);
	CHECK_EQ(le16toh(sb.s_desc_size), EXT4_DESC_SIZE);
}

static void test_group(void)
{
	struct ext4_group_desc gd, made;
	unsigned char bitmap[4096];

	golden_load(g_desc, &gd, sizeof(gd));
	made = gd;
	made.bg_checksum = 0xffff;
	csum_group(&made, fs_seed, G_DESC_GROUP);
	CHECK_EQ(le16toh(made.bg_checksum), le16toh(gd.bg_checksum));

	golden_load(g_inode_bitmap, bitmap, 1024);
	CHECK_EQ(csum_bitmap(fs_seed, bitmap, 8192 / 8), G_INODE_BITMAP_CSUM);
	golden_load(g_block_bitmap, bitmap, 1024);
	memset(bitmap + 1024, 0xff, 3072);
	CHECK_EQ(csum_bitmap(fs_seed, bitmap, 32768 / 8), G_BLOCK_BITMAP_CSUM);
}

static void test_inode(void)
{
	struct ext4_inode inode, made;

	golden_load(g_sparse, &inode, sizeof(inode));
	made = inode;
	made.i_checksum_lo = made.i_checksum_hi = 0xabcd;
	csum_inode(&made, seed_with_generation(G_SPARSE_INO, G_SPARSE_GEN));
	CHECK_MEM(&made, &inode, sizeof(inode));
	CHECK_EQ(csum_inode_seed(fs_seed, 77), seed_with_generation(77, 0));
}

/* Load, spoil the stored checksum, compute it again. */
static void test_blocks(void)
{
	static unsigned char block[4096], made[4096];

	golden_load(g_sparse_node, block, sizeof(block));
	memcpy(made, block, sizeof(made));
	memset(made + 4092, 0x5a, 4);
	csum_extent_block(made, seed_with_generation(G_SPARSE_INO, G_SPARSE_GEN));
	CHECK_MEM(made, block, sizeof(block));

	golden_load(g_dir_block, block, sizeof(block));
	memcpy(made, block, sizeof(made));
	memset(made + 4084, 0x5a, 12);
	csum_dir_block(made, sizeof(made), seed_with_generation(G_DIR_INO, G_DIR_GEN));
	CHECK_MEM(made, block, sizeof(block));

	golden_load(g_xattr_block, block, sizeof(block));
	memcpy(made, block, sizeof(made));
	memset(made + 16, 0x5a, 4);
	csum_xattr_block(made, sizeof(made), fs_seed, G_XBLK_ACL);
	CHECK_MEM(made, block, sizeof(block));
}

/* Blocks of 1024 bytes; what is behind the entries in use does not count. */
static void test_dx(void)
{
	static unsigned char block[1024], made[1024];
	uint32_t seed = seed_with_generation(G_DX_INO, G_DX_GEN);

	golden_load(g_dx_root, block, sizeof(block));
	memcpy(made, block, sizeof(made));
	memset(made + 1020, 0x5a, 4);
	csum_dx_block(made, EXT4_DX_ROOT_ENTRIES, seed);
	CHECK_MEM(made, block, sizeof(block));

	golden_load(g_dx_node, block, sizeof(block));
	memcpy(made, block, sizeof(made));
	memset(made + 1020, 0x5a, 4);
	csum_dx_block(made, EXT4_DX_NODE_ENTRIES, seed);
	CHECK_MEM(made, block, sizeof(block));
	made[1000] = 1;
	csum_dx_block(made, EXT4_DX_NODE_ENTRIES, seed);
	CHECK_MEM(made + 1016, block + 1016, 8);
}

int main(void)
{
	fs_seed = csum_fs_seed(golden_uuid);
	test_super();
	test_group();
	test_inode();
	test_blocks();
	test_dx();
	TEST_END;
}
