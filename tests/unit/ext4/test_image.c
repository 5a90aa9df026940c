/*
 * Whole images of small trees: e2fsck has nothing to say, dumpe2fs reads what the plan
 * says, and every way of writing gives the same bytes.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "mkimage.h"
#include "mktree.h"
#include "unit.h"

static void fill_empty(struct mktree *m)
{
	(void)m;
}

static void fill_plain(struct mktree *m)
{
	mktree_dir(m, "etc");
	mktree_file(m, "etc/passwd", 1234);
	mktree_file(m, "empty", 0);
	mktree_file(m, "large", (3 << 20) + 17);
	mktree_link(m, "short", "etc/passwd");
	mktree_hardlink(m, "etc/again", "etc/passwd");
	mktree_node(m, "null", ENTRY_CHR, 1, 3);
	mktree_node(m, "disk", ENTRY_BLK, 259, 70000);
	mktree_node(m, "pipe", ENTRY_FIFO, 0, 0);
	mktree_file(m, "setuid", 4096)->mode = 04755;
	mktree_file(m, "ids", 4097)->uid = 4294967294u;
	mktree_file(m, "old", 1)->mtime = -2147483648;
	mktree_file(m, "new", 1)->mtime = 15032385535;
}

static void fill_many_names(struct mktree *m)
{
	char name[300];

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "dir/a-name-of-some-length-%d", i);
		mktree_file(m, name, (uint64_t)i % 7000);
		snprintf(name, sizeof(name), "sub/%d/%d/file", i % 10, i);
		mktree_file(m, name, (uint64_t)i % 3);
	}
	memset(name, 'x', 255);
	name[255] = '\0';
	mktree_dir(m, name);
}

static void fill_links(struct mktree *m)
{
	char target[4096];

	for (unsigned n = 1; n < sizeof(target); n += n < 70 ? 1 : 500) {
		char name[32];

		memset(target, 't', n);
		target[n] = '\0';
		snprintf(name, sizeof(name), "link-%u", n);
		mktree_link(m, name, target);
	}
	memset(target, 't', 4095);
	target[4095] = '\0';
	mktree_link(m, "longest", target);
}

static void fill_xattrs(struct mktree *m)
{
	static const unsigned char value[3000] = {1, 2, 3};
	static const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2,
		0, 5, 0, 232, 3, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 5, 0, 255,
		255, 255, 255, 32, 0, 1, 0, 255, 255, 255, 255};
	char name[32];

	mktree_xattr(m, mktree_file(m, "small", 10), "user.small", "value", 5);
	mktree_xattr(
		m, mktree_dir(m, "acl"), "system.posix_acl_access", acl, sizeof(acl));
	for (int i = 0; i < 2100; i++) {
		snprintf(name, sizeof(name), "shared-%d", i);

		struct entry *e = mktree_file(m, name, (uint64_t)i);

		mktree_xattr(m, e, "security.capability", "0123456789", 10);
		mktree_xattr(m, e, "user.large", value, sizeof(value));
	}
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "own-%d", i);
		mktree_xattr(m, mktree_link(m, name, "somewhere"), "user.own", value,
			500 + (uint32_t)i);
	}
}

static void fill_sparse(struct mktree *m)
{
	static const uint64_t begin[][2] = {{0, 5000}}, end[][2] = {{9999000, 1000}},
			      middle[][2] = {{5000, 100}, {6000, 3000}, {20480, 4096}};
	static uint64_t many[5000][2];

	mktree_sparse(m, "begin", 1 << 20, begin, 1);
	mktree_sparse(m, "end", 10000000, end, 1);
	mktree_sparse(m, "middle", 100000, middle, 3);
	mktree_sparse(m, "none", 1ULL << 40, NULL, 0);
	for (int i = 0; i < 5000; i++) {
		many[i][0] = (uint64_t)i * 100000;
		many[i][1] = 3000 + (uint64_t)i;
	}
	mktree_sparse(m, "many", 100ULL << 30, many, 5000);
	mktree_file(m, "next", 5000);
}

static void fill_lost_found(struct mktree *m)
{
	char name[64];

	mktree_dir(m, "lost+found")->mode = 0750;
	mktree_file(m, "a", 1);
	mktree_file(m, "z", 1);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "lost+found/%d", i);
		mktree_file(m, name, 100);
	}
}

static void fill_large_lost_found(struct mktree *m)
{
	char name[64];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "lost+found/some-name-%d", i);
		mktree_dir(m, name);
	}
}

static void fill_lost_file(struct mktree *m)
{
	mktree_file(m, "lost+found", 5);
	mktree_file(m, "other", 5);
}

static void fill_many_links(struct mktree *m)
{
	char name[64];

	mktree_file(m, "first", 10000);
	mktree_link(m, "link",
		"a target that is too long to stand in the inode, so it has a block");
	mktree_node(m, "node", ENTRY_FIFO, 0, 0);
	for (int i = 0; i < 130010; i++) {
		snprintf(name, sizeof(name), "dir/%d", i);
		mktree_hardlink(m, name, "first");
		if (i > 70000)
			continue;
		snprintf(name, sizeof(name), "links/%d", i);
		mktree_hardlink(m, name, "link");
		snprintf(name, sizeof(name), "nodes/%d", i);
		mktree_hardlink(m, name, "node");
	}
	mktree_file(m, "last", 10000);
}

static void fill_many_dirs(struct mktree *m)
{
	char name[64];

	for (int i = 0; i < 65010; i++) {
		snprintf(name, sizeof(name), "dir/%d", i);
		mktree_dir(m, name);
	}
}

/* The data begins in group 0 and goes on behind an island, which cuts the sparse file. */
static void fill_large(struct mktree *m)
{
	static const uint64_t runs[][2] = {{0, 10 << 20}, {20 << 20, 30 << 20}};

	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%d", i);
		mktree_file(m, name, 123456);
	}
	mktree_file(m, "large", 90 << 20);
	mktree_sparse(m, "sparse", 60 << 20, runs, 2);
	mktree_file(m, "small", 1);
}

static const struct {
	const char *name;
	void (*fill)(struct mktree *m);
	bool all_ways; /* also as a stream and on a device */
} trees[] = {
	{"empty", fill_empty, true},
	{"plain", fill_plain, true},
	{"many-names", fill_many_names, true},
	{"links", fill_links, true},
	{"xattrs", fill_xattrs, true},
	{"sparse", fill_sparse, true},
	{"lost+found", fill_lost_found, false},
	{"large-lost+found", fill_large_lost_found, false},
	{"lost+file", fill_lost_file, false},
	{"many-links", fill_many_links, true},
	{"many-dirs", fill_many_dirs, false},
	{"large", fill_large, true},
};

static const struct {
	enum ext4_size_mode mode;
	uint64_t bytes;
	bool linear, clamp;
} options[] = {
	{EXT4_SIZE_MIN, 0, false, false},
	{EXT4_SIZE_DEFAULT, 0, false, true},
	{EXT4_SIZE_FREE_PERCENT, 300, true, false},
};

static void check_dump(const char *path, const struct ext4_summary *s)
{
	if (!mkimage_have("dumpe2fs"))
		return;
	CHECK_EQ(mkimage_dump(path, "Block count"), s->blocks);
	CHECK_EQ(mkimage_dump(path, "Free blocks"), s->free_blocks);
	CHECK_EQ(mkimage_dump(path, "Inode count"), s->inodes);
	CHECK_EQ(mkimage_dump(path, "Free inodes"), s->inodes - s->used_inodes);
	CHECK_EQ(mkimage_dump(path, "Block size"), s->block_size);
	CHECK_EQ(mkimage_dump(path, "Reserved block count"), 0);
	CHECK_EQ(mkimage_dump(path, "Overhead clusters"),
		s->metadata_bytes / s->block_size);
	CHECK_EQ(mkimage_dump(path, "First inode"), 11);
	CHECK_EQ(mkimage_dump(path, "Inode size"), 256);
}

static bool same_bytes(const char *a, const char *b)
{
	char command[300];

	snprintf(command, sizeof(command), "cmp %s %s", a, b);
	return system(command) == 0;
}

static uint64_t file_size(const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? UINT64_MAX : (uint64_t)lseek(fd, 0, SEEK_END);
}

static void try_tree(size_t i, size_t k, bool fsck)
{
	struct mktree m = {0};
	struct ext4_options o = mkimage_options();
	struct ext4_summary s;
	const char *file = mkimage_path("file"), *other = mkimage_path("other");

	fprintf(stderr, "%s, size mode %d\n", trees[i].name, options[k].mode);
	trees[i].fill(&m);

	struct tree *t = mktree_finish(&m);

	o.size_mode = options[k].mode;
	o.bytes = options[k].bytes;
	o.linear_dirs = options[k].linear;
	o.clamp_set = options[k].clamp;
	o.clamp = 900000000;
	CHECK(mkimage(t, &o, MKIMAGE_FILE, file, &s) == 0);
	CHECK_EQ(file_size(file), s.image_bytes);
	if (fsck) {
		CHECK(mkimage_clean(file));
		check_dump(file, &s);
	}
	if (trees[i].all_ways && k == 0) {
		CHECK(mkimage(t, &o, MKIMAGE_STREAM, other, NULL) == 0);
		CHECK(same_bytes(file, other));
		CHECK(mkimage(t, &o, MKIMAGE_DEVICE, other, NULL) == 0);
		if (fsck)
			CHECK(mkimage_clean(other));
	}
	tree_destroy(t);
}

int main(void)
{
	bool fsck = mkimage_have("e2fsck");

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++)
			try_tree(i, k, fsck);
	TEST_END;
}
