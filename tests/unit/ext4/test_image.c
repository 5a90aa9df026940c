/* Whole images of small trees, judged by e2fsck and dumpe2fs. */
#include "mkimage.h"
#include "mktree.h"
#include "unit.h"

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
}

int main(void)
{
	struct mktree m = {0};
	struct ext4_options o = mkimage_options();
	struct ext4_summary s;

	fill_plain(&m);

	struct tree *t = mktree_finish(&m);
	const char *path = mkimage_path("plain");

	o.size_mode = EXT4_SIZE_MIN;
	CHECK(mkimage(t, &o, MKIMAGE_FILE, path, &s) == 0);
	CHECK(mkimage_clean(path));
	tree_destroy(t);
	TEST_END;
}
