/* Inodes: every byte as in images of the kernel (golden.h), and the limits. */
#include "unit.h"

#include <sys/stat.h>

#include "base/checked.h"
#include "base/le.h"
#include "ext4/csum.h"
#include "ext4/extent.h"
#include "ext4/inode_enc.h"
#include "golden_load.h"

/* What the maker of golden.h did to each file. */
struct golden_case {
	const struct golden_piece *bytes;
	uint32_t ino, phys; /* phys: of the only block, 0: none */
	const char *target; /* a fast symlink's */
	uint32_t major, minor;
	struct inode_values v;
};

#define T59 "ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt"

/* clang-format off */
static const struct golden_case cases[] = {
	{g_plain, G_PLAIN_INO, G_PLAIN_PHYS, NULL, 0, 0,
		{.mode = S_IFREG | 04755, .size = 5000, .mtime = 2147483653,
		.mtime_nsec = 999999999, .uid = 4294967294, .gid = 70000, .nlink = 1,
		.flags = EXT4_EXTENTS_FL, .blocks = 2}},
	{g_empty, G_EMPTY_INO, 0, NULL, 0, 0,
		{.mode = S_IFREG | 0644, .mtime = -2147483647, .mtime_nsec = 1, .nlink = 1,
		.flags = EXT4_EXTENTS_FL}},
	{g_dev_old, G_DEV_OLD_INO, 0, NULL, 5, 1,
		{.mode = S_IFCHR | 0600, .mtime = -315619200, .mtime_nsec = 500000000,
		.nlink = 1}},
	{g_dev_new, G_DEV_NEW_INO, 0, NULL, 259, 70000,
		{.mode = S_IFBLK | 0640, .mtime = 13569465600, .mtime_nsec = 7, .nlink = 1}},
	{g_fifo, G_FIFO_INO, 0, NULL, 0, 0,
		{.mode = S_IFIFO | 0644, .mtime = 15032385534, .mtime_nsec = 999999999,
		.nlink = 1}},
	{g_fast, G_FAST_INO, 0, T59, 0, 0,
		{.mode = S_IFLNK | 0777, .size = 59, .mtime = 1700000000, .nlink = 1}},
	{g_slow, G_SLOW_INO, G_SLOW_PHYS, NULL, 0, 0,
		{.mode = S_IFLNK | 0777, .size = 60, .mtime = 0, .nlink = 1,
		.flags = EXT4_EXTENTS_FL, .blocks = 1}},
	{g_dacl, G_DACL_INO, G_DACL_PHYS, NULL, 0, 0,
		{.mode = S_IFDIR | 0755, .size = 4096, .mtime = 6442450943, .mtime_nsec = 3,
		.nlink = 2, .flags = EXT4_EXTENTS_FL, .blocks = 1}},
	{g_xblk, G_XBLK_INO, 0, NULL, 0, 0,
		{.mode = S_IFREG | 0644, .mtime = 1, .mtime_nsec = 2, .nlink = 1,
		.flags = EXT4_EXTENTS_FL, .blocks = 1, .xattr_block = G_XBLK_ACL}},
};
/* clang-format on */

static void make_iblock(const struct golden_case *c, unsigned char *iblock)
{
	struct extent_run run = {.physical = c->phys, .count = (uint32_t)c->v.blocks};
	struct extent_shape shape;

	memset(iblock, 0, EXT4_N_BLOCK_BYTES);
	if (c->target)
		inode_block_symlink(iblock, c->target, strlen(c->target));
	else if (c->major)
		inode_block_device(iblock, c->major, c->minor);
	else if (c->v.flags & EXT4_EXTENTS_FL) {
		CHECK(extent_shape(c->phys != 0, 4096, &shape));
		extent_build(&shape, &run, c->phys != 0, NULL, 4096, 0, iblock, NULL);
	}
}

static void test_golden(void)
{
	uint32_t fs_seed = csum_fs_seed(golden_uuid);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct golden_case *c = &cases[i];
		struct ext4_inode want, made;
		unsigned char iblock[EXT4_N_BLOCK_BYTES];
		struct inode_values v = c->v;

		golden_load(c->bytes, &want, sizeof(want));
		make_iblock(c, iblock);
		v.iblock = iblock;
		v.xattrs = want.i_xattrs; /* test_xattr_enc makes these */
		memset(&made, 0xa5, sizeof(made));
		inode_encode(&made, &v, 4096, csum_inode_seed(fs_seed, c->ino));
		CHECK_MEM(&made, &want, sizeof(want));
		if (unit_failures)
			fprintf(stderr, "case %zu\n", i);
	}
}

static void test_times(void)
{
	/* inodes.rst, "Inode Timestamps": the epoch bits of each range */
	static const struct {
		int64_t sec;
		uint32_t low, epoch;
	} t[] = {
		{-2147483648LL, 0x80000000, 0},
		{-1, 0xffffffff, 0},
		{0, 0, 0},
		{2147483647, 0x7fffffff, 0},
		{2147483648, 0x80000000, 1},
		{4294967295, 0xffffffff, 1},
		{4294967296, 0, 1},
		{6442450943, 0x7fffffff, 1},
		{6442450944, 0x80000000, 2},
		{10737418239, 0x7fffffff, 2},
		{10737418240, 0x80000000, 3},
		{15032385535, 0x7fffffff, 3},
	};
	uint32_t low, extra;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		inode_time(t[i].sec, 999999999, &low, &extra);
		CHECK_EQ(low, t[i].low);
		CHECK_EQ(extra, 999999999u << 2 | t[i].epoch);
	}
}

static void test_links(void)
{
	struct ext4_inode out;
	struct inode_values v = {.mode = S_IFDIR | 0755, .nlink = 65000};

	inode_encode(&out, &v, 4096, 0);
	CHECK_EQ(le16toh(out.i_links_count), 65000);
	v.nlink = 65001;
	inode_encode(&out, &v, 4096, 0);
	CHECK_EQ(le16toh(out.i_links_count), 1);
}

static void test_large(void)
{
	struct ext4_inode out;
	struct inode_values v = {.mode = S_IFREG,
		.nlink = 1,
		.size = 0x123456789abULL,
		.blocks = 0x187654321ULL,
		.xattr_block = 0xa12345678ULL,
		.flags = EXT4_EXTENTS_FL};

	inode_encode(&out, &v, 4096, 0);
	CHECK_EQ(le32toh(out.i_size_lo), 0x456789ab);
	CHECK_EQ(le32toh(out.i_size_high), 0x123);
	CHECK_EQ(le32toh(out.i_blocks_lo), 0x3b2a1908);
	CHECK_EQ(le16toh(out.i_blocks_high), 0xc);
	CHECK_EQ(le32toh(out.i_file_acl_lo), 0x12345678);
	CHECK_EQ(le16toh(out.i_file_acl_high), 0xa);
	CHECK_EQ(le32toh(out.i_flags), EXT4_EXTENTS_FL);
	v.blocks = 1ULL << 45; /* 2^48 units of 512 bytes */
	inode_encode(&out, &v, 4096, 0);
	CHECK_EQ(le32toh(out.i_flags), EXT4_EXTENTS_FL | EXT4_HUGE_FILE_FL);
	CHECK_EQ(le32toh(out.i_blocks_lo), 0);
	CHECK_EQ(le16toh(out.i_blocks_high), 1 << 13);
	v.blocks = 3;
	inode_encode(&out, &v, 1024, 0);
	CHECK_EQ(le32toh(out.i_blocks_lo), 6);
}

static void test_devices(void)
{
	/* major, minor, the two words of i_block (Linux: old and huge encodings of dev_t)
	 */
	static const struct {
		uint32_t major, minor, w0, w1;
	} t[] = {
		{0, 0, 0, 0},
		{255, 255, 0xffff, 0},
		{256, 0, 0, 0x10000},
		{8, 256, 0, 0x100800},
		{4095, 1048575, 0, 0xffffffff},
		{259, 70000, 0, 0x11110370},
	};
	unsigned char iblock[EXT4_N_BLOCK_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CHECK(inode_device_fits(t[i].major, t[i].minor));
		inode_block_device(iblock, t[i].major, t[i].minor);
		CHECK_EQ(get_le32(iblock), t[i].w0);
		CHECK_EQ(get_le32(iblock + 4), t[i].w1);
	}
	CHECK(!inode_device_fits(4096, 0));
	CHECK(!inode_device_fits(0, 1048576));
}

int main(void)
{
	test_golden();
	test_times();
	test_links();
	test_large();
	test_devices();
	TEST_END;
}
