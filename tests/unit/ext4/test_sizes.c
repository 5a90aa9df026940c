/*
 * Sizes around the ends of groups that have backups, where a block more or less changes
 * the number of groups, of backups and the length of the reserve. Each image is judged by
 * e2fsck; file data is left out, so that an image of gigabytes costs nothing.
 */
#include "base/checked.h"
#include "mkimage.h"
#include "mktree.h"
#include "unit.h"

enum {
	GROUP = 32768,
};

static const uint32_t ends[] = {1, 3, 5, 7, 9};
static bool fsck;

static struct tree *tree_of_blocks(uint64_t blocks)
{
	struct mktree m = {0};

	mktree_file(&m, "data", blocks * 4096);
	mktree_file(&m, "small", 1);
	return mktree_finish(&m);
}

static uint64_t min_blocks(const struct tree *t)
{
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct ext4_options o = mkimage_options();
	struct ext4_plan *p = NULL;
	struct ext4_summary s = {0};

	o.size_mode = EXT4_SIZE_MIN;
	CHECK(ext4_plan_create(t, &o, &ctx, &p, NULL) == 0);
	if (p)
		ext4_plan_summary(p, &s);
	ext4_plan_destroy(p);
	CHECK_EQ(s.min_bytes, s.image_bytes);
	CHECK_EQ(s.blocks * 4096, s.image_bytes);
	return s.blocks;
}

static void try_size(const struct tree *t, enum ext4_size_mode mode, uint64_t bytes)
{
	struct ext4_options o = mkimage_options();
	struct ext4_summary s = {0};
	const char *path = mkimage_path("sizes");

	o.size_mode = mode;
	o.bytes = bytes;
	CHECK(mkimage(t, &o, MKIMAGE_METADATA, path, &s) == 0);
	if (mode == EXT4_SIZE_FIXED) {
		CHECK_EQ(s.image_bytes, bytes / 4096 * 4096);
		/* Less only where the last group would have been its backup. */
		CHECK(s.blocks * 4096 <= s.image_bytes);
		CHECK(s.blocks * 4096 + (4ULL << 20) + (4 << 20) > s.image_bytes);
	}
	if (mode == EXT4_SIZE_FREE)
		CHECK(s.free_blocks * 4096 >= bytes);
	if (fsck && !mkimage_clean(path)) {
		CHECK(!"e2fsck");
		fprintf(stderr, "size mode %d, %" PRIu64 " bytes, %" PRIu64 " blocks\n",
			mode, bytes, s.blocks);
	}
}

/* Nearly all of the image is one file, whose length goes over the end of a group. */
static void sweep_min(uint32_t groups)
{
	uint64_t end = (uint64_t)groups * GROUP, low = 1, high = end;

	/* The largest file whose image ends with the group. */
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;
		struct tree *t = tree_of_blocks(mid);

		if (min_blocks(t) <= end)
			low = mid;
		else
			high = mid;
		tree_destroy(t);
	}
	for (int d = -3; d <= 3; d++) {
		struct tree *t = tree_of_blocks(low + (uint64_t)(int64_t)d);

		try_size(t, EXT4_SIZE_MIN, 0);
		tree_destroy(t);
	}
}

static void sweep_fixed(uint32_t groups)
{
	static const int deltas[] = {-2, -1, 0, 1, 2, 3, 5, 10, 50, 66, 67, 68, 69, 130,
		131, 132, 200, 300, 500, 1000, 2000, 2048, 2100};
	struct tree *t = tree_of_blocks(10);

	for (size_t i = 0; i < ARRAY_LEN(deltas); i++)
		try_size(t, EXT4_SIZE_FIXED,
			((uint64_t)groups * GROUP + (uint64_t)(int64_t)deltas[i]) * 4096 +
				17);
	tree_destroy(t);
}

/* Every size from the least on is honoured, and none below it. */
static void sweep_tight(uint64_t blocks, uint32_t sizes)
{
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct ext4_options o = mkimage_options();
	struct ext4_plan *p = NULL;
	struct tree *t = tree_of_blocks(blocks);
	uint64_t min = min_blocks(t);
	struct o2r_err err = {0};
	char bytes[32];

	o.size_mode = EXT4_SIZE_FIXED;
	o.bytes = min * 4096 - 1;
	CHECK(ext4_plan_create(t, &o, &ctx, &p, &err) < 0);
	CHECK_EQ(err.cls, ERR_SPACE);
	snprintf(bytes, sizeof(bytes), " %" PRIu64 " bytes", min * 4096);
	CHECK(strstr(err.text, bytes) != NULL);
	for (uint32_t i = 0; i < sizes; i++)
		try_size(t, EXT4_SIZE_FIXED, (min + (uint64_t)i * i) * 4096);
	tree_destroy(t);
}

static void sweep_free(void)
{
	struct tree *t = tree_of_blocks(5000);

	try_size(t, EXT4_SIZE_FREE, 0);
	try_size(t, EXT4_SIZE_FREE, 1);
	try_size(t, EXT4_SIZE_FREE, 107 << 20);
	try_size(t, EXT4_SIZE_FREE, 100ULL << 30);
	try_size(t, EXT4_SIZE_FREE_PERCENT, 0);
	try_size(t, EXT4_SIZE_FREE_PERCENT, 10000);
	try_size(t, EXT4_SIZE_DEFAULT, 0);
	tree_destroy(t);
}

static void refuse(const struct tree *t, enum ext4_size_mode mode, uint64_t bytes)
{
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct ext4_options o = mkimage_options();
	struct ext4_plan *p = NULL;
	struct o2r_err err = {0};

	o.size_mode = mode;
	o.bytes = bytes;
	CHECK(ext4_plan_create(t, &o, &ctx, &p, &err) < 0);
	CHECK_EQ(err.cls, ERR_SPACE);
}

static void refuse_too_large(void)
{
	struct tree *t = tree_of_blocks(10);

	refuse(t, EXT4_SIZE_FIXED, 0);
	refuse(t, EXT4_SIZE_FIXED, 4095);
	refuse(t, EXT4_SIZE_FIXED, 16ULL << 40);
	refuse(t, EXT4_SIZE_FIXED, UINT64_MAX);
	refuse(t, EXT4_SIZE_FREE, 16ULL << 40);
	refuse(t, EXT4_SIZE_FREE, UINT64_MAX);
	refuse(t, EXT4_SIZE_FREE_PERCENT, UINT64_MAX);
	tree_destroy(t);
}

static void count_inodes(void)
{
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct tree *t = tree_of_blocks(10);
	static const struct {
		enum ext4_size_mode mode;
		uint64_t bytes;
		bool set;
		uint64_t free, want;
	} cases[] = {
		{EXT4_SIZE_MIN, 0, false, 0, 1024},
		{EXT4_SIZE_MIN, 0, true, 0, 0},
		{EXT4_SIZE_MIN, 0, true, 100000, 100000},
		{EXT4_SIZE_FIXED, 1 << 30, false, 0, (1 << 30) / 16384 - 13},
		{EXT4_SIZE_FIXED, 1 << 30, true, 5, 5},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ext4_options o = mkimage_options();
		struct ext4_plan *p = NULL;
		struct ext4_summary s = {0};

		o.size_mode = cases[i].mode;
		o.bytes = cases[i].bytes;
		o.free_inodes_set = cases[i].set;
		o.free_inodes = cases[i].free;
		CHECK(ext4_plan_create(t, &o, &ctx, &p, NULL) == 0);
		if (!p)
			continue;
		ext4_plan_summary(p, &s);
		ext4_plan_destroy(p);

		uint64_t free_inodes = s.inodes - s.used_inodes;

		/* Rounded up to whole blocks of inodes in each group. */
		CHECK(free_inodes >= cases[i].want);
		CHECK(free_inodes < cases[i].want + 16 * s.groups);
		CHECK_EQ(s.used_inodes, 13);
	}
	tree_destroy(t);
}

int main(void)
{
	fsck = mkimage_have("e2fsck");
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		sweep_min(ends[i]);
		sweep_fixed(ends[i]);
		sweep_tight((uint64_t)ends[i] * GROUP - 150, 10);
		sweep_tight((uint64_t)ends[i] * GROUP, 10);
	}
	sweep_free();
	refuse_too_large();
	count_inodes();
	TEST_END;
}
