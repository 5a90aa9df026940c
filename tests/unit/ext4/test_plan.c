/*
 * Plans without images: what is printed, what is refused, what a writer makes of pieces
 * that it should not have been given.
 */
#include <errno.h>

#include "base/checked.h"
#include "fs/data.h"
#include "mkimage.h"
#include "mktree.h"
#include "unit.h"

static const struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};

struct lines {
	char text[4096];
	unsigned long next; /* the block that the next line must begin with */
	int count, stop;
};

static int take_line(void *arg, const char *text)
{
	struct lines *l = arg;
	unsigned long first, last;

	strncat(l->text, text, sizeof(l->text) - strlen(l->text) - 1);
	strncat(l->text, "\n", sizeof(l->text) - strlen(l->text) - 1);
	if (sscanf(text, "blocks %lu-%lu", &first, &last) == 2) {
		CHECK_EQ(first, l->next);
		CHECK(last >= first);
		l->next = last + 1;
	}
	return ++l->count == l->stop ? 7 : 0;
}

static struct ext4_plan *plan(const struct tree *t, const struct ext4_options *o)
{
	struct ext4_plan *p = NULL;
	struct o2r_err err = {0};

	CHECK_EQ(ext4_plan_create(t, o, &ctx, &p, &err), 0);
	if (!p)
		fprintf(stderr, "%s\n", err.text);
	return p;
}

static void print_small(void)
{
	struct mktree m = {0};
	struct ext4_options o = mkimage_options();
	struct lines l = {.stop = 0};

	mktree_dir(&m, "etc");
	mktree_file(&m, "etc/passwd", 5000);
	mktree_link(&m, "link",
		"a target of more than 59 bytes, which is what fits in an inode itself");

	struct tree *t = mktree_finish(&m);

	o.size_mode = EXT4_SIZE_FREE;
	o.bytes = 200 << 20;

	struct ext4_plan *p = plan(t, &o);

	CHECK_EQ(ext4_plan_print(p, take_line, &l), 0);
	CHECK_STR(l.text, "52082 blocks of 4096 bytes, 51200 free; 13024 inodes, 13010 "
			  "free; 2 groups\n"
			  "blocks 0-0 superblock\n"
			  "blocks 1-1 group descriptors\n"
			  "blocks 2-26 reserve for growth\n"
			  "blocks 27-28 block bitmaps\n"
			  "blocks 29-30 inode bitmaps\n"
			  "blocks 31-844 inode tables of groups 0-1\n"
			  "blocks 845-845 resize inode\n"
			  "blocks 846-851 directories\n"
			  "blocks 852-852 symbolic links\n"
			  "blocks 853-854 file data\n"
			  "blocks 855-32767 free\n"
			  "blocks 32768-32794 backup of group 1\n"
			  "blocks 32795-52081 free\n");
	l = (struct lines){.stop = 2};
	CHECK_EQ(ext4_plan_print(p, take_line, &l), 7);
	ext4_plan_destroy(p);
	tree_destroy(t);
}

/* Every block is in one line, whatever islands and holes there are. */
static void print_all(void)
{
	static const uint64_t sizes[] = {0, 100 << 20, 300 << 20, 7ULL << 30};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (uint64_t inodes = 0; inodes <= 900000; inodes += 300000) {
			struct mktree m = {0};
			struct ext4_options o = mkimage_options();
			struct lines l = {.stop = 0};
			struct ext4_summary s;

			mktree_file(&m, "data", sizes[i]);
			mktree_file(&m, "more", 5);

			struct tree *t = mktree_finish(&m);

			o.free_inodes_set = inodes != 0;
			o.free_inodes = inodes;

			struct ext4_plan *p = plan(t, &o);

			CHECK_EQ(ext4_plan_print(p, take_line, &l), 0);
			ext4_plan_summary(p, &s);
			CHECK_EQ(l.next, s.blocks);
			ext4_plan_destroy(p);
			tree_destroy(t);
		}
	}
}

static void refuse(struct mktree *m, const struct ext4_options *o, enum err_class cls,
	const char *what)
{
	struct tree *t = mktree_finish(m);
	struct ext4_plan *p = NULL;
	struct o2r_err err = {0};

	CHECK(ext4_plan_create(t, o, &ctx, &p, &err) < 0);
	CHECK(p == NULL);
	CHECK_EQ(err.cls, cls);
	if (!strstr(err.text, what)) {
		CHECK(!"message");
		fprintf(stderr, "'%s' is not in '%s'\n", what, err.text);
	}
	tree_destroy(t);
}

static void refusals(void)
{
	static const char value[5000];
	struct ext4_options o = mkimage_options(), small_blocks = o;
	struct mktree m = {0};

	small_blocks.block_size = 1024;
	refuse(&m, &small_blocks, ERR_USAGE, "block size");
	mktree_node(&m, "dev/odd", ENTRY_CHR, 4096, 0);
	refuse(&m, &o, ERR_FAIL, "/dev/odd: device 4096:0");
	mktree_xattr(&m, mktree_dir(&m, "a/b"), "user.much", value, sizeof(value));
	refuse(&m, &o, ERR_FAIL, "/a/b: ");
	mktree_file(&m, "endless", 16ULL << 40);
	refuse(&m, &o, ERR_FAIL, "/endless: ");
	mktree_file(&m, "one", 9ULL << 40);
	mktree_file(&m, "two", 9ULL << 40);
	refuse(&m, &o, ERR_SPACE, "16 TiB");
}

struct warned {
	char text[1000];
};

static void take_log(void *arg, enum log_level level, const char *text)
{
	struct warned *w = arg;

	CHECK_EQ(level, LOG_WARN);
	snprintf(w->text, sizeof(w->text), "%s", text);
}

static void warnings(void)
{
	struct mktree m = {0};
	struct warned w = {.text = ""};
	struct ctx loud = {.log = take_log,
		.arg = &w,
		.level = LOG_INFO,
		.threads = 1,
		.limits = LIMITS_DEFAULT};
	struct ext4_options o = mkimage_options();
	struct ext4_plan *p = NULL;
	struct ext4_summary s;
	char name[32];

	mktree_file(&m, "a", 10);
	for (int i = 0; i < 65001; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		mktree_hardlink(&m, name, "a");
	}

	struct tree *t = mktree_finish(&m);

	CHECK(ext4_plan_create(t, &o, &loud, &p, NULL) == 0);
	CHECK(strstr(w.text, "/a has 65002 names") != NULL);
	CHECK_EQ(ext4_plan_passes(p), 2);
	ext4_plan_summary(p, &s);
	CHECK_EQ(s.copied_files, 1);
	CHECK_EQ(s.data_blocks, 2);
	ext4_plan_destroy(p);
	tree_destroy(t);

	mktree_file(&m, "lost+found", 1);
	t = mktree_finish(&m);
	CHECK(ext4_plan_create(t, &o, &loud, &p, NULL) == 0);
	CHECK(strstr(w.text, "lost+found") != NULL);
	ext4_plan_destroy(p);
	tree_destroy(t);
}

static int ignore(
	void *arg, struct iovec *iov, int count, uint64_t off, struct o2r_err *err)
{
	(void)arg, (void)iov, (void)count, (void)off, (void)err;
	return 0;
}

static int fail(
	void *arg, struct iovec *iov, int count, uint64_t off, struct o2r_err *err)
{
	int *left = arg;

	(void)iov, (void)count, (void)off;
	return --*left < 0 ? err_set(err, ERR_SPACE, ENOSPC, "full") : 0;
}

static void bad_pieces(void)
{
	static const uint64_t runs[][2] = {{4096, 100}, {40960, 100}};
	static const struct ext4_out_ops ops = {.writev = ignore};
	static const struct data_piece bad[] = {
		{.file_off = 0, .len = 101, .item = 0},
		{.file_off = 101, .len = 1, .item = 0},
		{.file_off = UINT64_MAX, .len = 2, .item = 0},
		{.file_off = 0, .len = 1, .item = 2},
		{.file_off = 0, .len = 1, .item = 1},     /* in a hole */
		{.file_off = 8192, .len = 1, .item = 1},  /* in a hole */
		{.file_off = 45056, .len = 1, .item = 1}, /* behind the last range */
	};
	struct ext4_options o = mkimage_options();
	struct ext4_out out = {.ops = &ops};
	struct ext4_writer *w = NULL;
	struct mktree m = {0};
	char data[200] = "";
	struct data_piece all[] = {
		{.p = data, .len = 100, .item = 0},
		{.p = data, .file_off = 4096, .len = 100, .item = 1},
		{.p = data, .file_off = 40960, .len = 100, .item = 1},
	};

	mktree_file(&m, "a", 100);
	mktree_sparse(&m, "b", 50000, runs, 2);

	struct tree *t = mktree_finish(&m);
	struct ext4_plan *p = plan(t, &o);

	CHECK_EQ(ext4_writer_create(p, &out, &ctx, &w, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(ext4_writer_pieces(w, 0, &bad[i], 1, NULL) < 0);
	CHECK_EQ(ext4_writer_pieces(w, 0, all, 2, NULL), 0);
	CHECK(ext4_writer_end(w, NULL) < 0);
	CHECK_EQ(ext4_writer_pieces(w, 0, &all[2], 1, NULL), 0);
	CHECK_EQ(ext4_writer_end(w, NULL), 0);
	ext4_writer_destroy(w);
	ext4_plan_destroy(p);
	tree_destroy(t);
}

/* Whichever write fails, its error comes out. */
static void failing_output(void)
{
	static const struct ext4_out_ops any = {.writev = fail},
					 ordered = {.writev = fail, .ordered = true};
	struct mktree m = {0};
	struct ext4_options o = mkimage_options();
	char name[32];

	for (int i = 0; i < 9000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		mktree_file(&m, name, 0);
	}
	o.size_mode = EXT4_SIZE_FREE;
	o.bytes = 1 << 30;

	struct tree *t = mktree_finish(&m);
	struct ext4_plan *p = plan(t, &o);

	for (int n = 0, failures = 0; n == failures; n++) {
		int left = n;
		struct ext4_out out = {.ops = n % 2 ? &any : &ordered, .arg = &left};
		struct ext4_writer *w = NULL;
		struct o2r_err err = {0};
		int r = ext4_writer_create(p, &out, &ctx, &w, &err);

		if (r == 0)
			r = ext4_writer_end(w, &err);
		ext4_writer_destroy(w);
		if (r == 0) {
			CHECK(n > 5);
			continue;
		}
		CHECK_EQ(r, -ENOSPC);
		CHECK_EQ(err.cls, ERR_SPACE);
		failures++;
	}
	ext4_plan_destroy(p);
	tree_destroy(t);
}

int main(void)
{
	print_small();
	print_all();
	refusals();
	warnings();
	bad_pieces();
	failing_output();
	TEST_END;
}
