/*
 * The kernel reads an image and finds the tree that went in: types, metadata, names,
 * data, holes, attributes. Then a guest's use of it: files come and go in large
 * directories, resize2fs makes it ten times as large; e2fsck has nothing to say
 * afterwards. Needs root and loop devices, and says so when they are not there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "mkimage.h"
#include "mktree.h"
#include "unit.h"

static const char *mount_dir;

static int run(const char *program, const char *path)
{
	char command[400];

	snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1", program, path);
	return system(command);
}

static bool is_read_only(void)
{
	struct statvfs v = {0};

	return statvfs(mount_dir, &v) == 0 && v.f_flag & ST_RDONLY;
}

/* mount takes the loop device of a mount before, which may be there for a moment more: a
 * mount to be written to is then read-only without a word. */
static bool mount_image(const char *image, const char *options)
{
	char command[400];

	snprintf(command, sizeof(command), "mount -o loop,%s %s %s 2>/dev/null", options,
		image, mount_dir);
	for (int i = 0; i < 100; i++) {
		if (system(command) != 0)
			return false;
		if (strcmp(options, "rw") != 0 || !is_read_only())
			return true;
		if (run("umount", mount_dir) != 0)
			return false;
		usleep(100000);
	}
	return false;
}

static void umount_image(void)
{
	CHECK(run("umount", mount_dir) == 0);
}

static void fill(struct mktree *m)
{
	static const uint64_t runs[][2] = {
		{5000, 100}, {6000, 3000}, {20480, 4096}, {900000, 100000}};
	static uint64_t many[3000][2];
	static const char value[2000] = "value";
	char name[300], target[4096];

	for (int i = 0; i < 3000; i++) {
		many[i][0] = (uint64_t)i * 100000;
		many[i][1] = 3000 + (uint64_t)i;
		snprintf(name, sizeof(name), "flat/name \xff\xe9 %d", i);
		mktree_file(m, name, (uint64_t)i * 3)->uid = (uint32_t)i * 1000000;
	}
	for (int i = 0; i < 256; i++) {
		if (i == 0 || i == '/')
			continue;
		name[0] = 'b';
		name[1] = (char)i;
		name[2] = '\0';
		mktree_file(m, name, 1);
	}
	mktree_sparse(m, "sparse", 1000000, runs, 4);
	mktree_sparse(m, "many", 100ULL << 30, many, 3000);
	mktree_sparse(m, "hole", 1ULL << 40, NULL, 0);
	mktree_file(m, "large", 200 << 20);
	memset(target, 't', 4095);
	target[4095] = '\0';
	mktree_link(m, "l4095", target);
	target[60] = '\0';
	mktree_link(m, "l60", target);
	target[59] = '\0';
	mktree_link(m, "l59", target);
	mktree_node(m, "null", ENTRY_CHR, 1, 3);
	mktree_node(m, "disk", ENTRY_BLK, 4095, 1048575);
	mktree_node(m, "pipe", ENTRY_FIFO, 0, 0);
	mktree_hardlink(m, "again", "large");
	mktree_file(m, "1901", 0)->mtime = -2147483648;
	mktree_file(m, "2446", 0)->mtime = 15032385535;
	mktree_file(m, "nsec", 0)->mtime_nsec = 999999999;
	for (int i = 0; i < 1100; i++) {
		snprintf(name, sizeof(name), "x/%d", i);

		struct entry *e = mktree_dir(m, name);

		mktree_xattr(m, e, "security.other", "0123456789", 10);
		mktree_xattr(m, e, "user.large", value, sizeof(value));
	}
	mktree_dir(m, "private")->mode = 01700;
}

static void check_data(const struct tree *t, uint32_t ino, const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	static unsigned char got[1 << 20], want[1 << 20];
	struct data_run one;
	uint32_t count;
	const struct data_run *r = tree_runs(t, ino, &one, &count);
	uint64_t at = 0;

	for (uint32_t i = 0; i <= count; i++) {
		uint64_t next = i < count ? r[i].file_off : tree_get(t, ino)->size;

		/* The ends of each hole are zeros. */
		memset(want, 0, 8192);
		for (int side = 0; side < 2 && next > at; side++) {
			size_t n = (size_t)MIN(next - at, 8192u);

			CHECK_EQ(pread(fd, got, n, (off_t)(side ? next - n : at)), n);
			CHECK_MEM(got, want, n);
		}
		if (i == count)
			break;
		at = r[i].file_off + r[i].len;
		for (uint64_t off = 0; off < r[i].len;) {
			size_t n = (size_t)MIN(r[i].len - off, sizeof(got));

			mktree_data(r[i].src_off + off, want, n);
			CHECK_EQ(pread(fd, got, n, (off_t)(r[i].file_off + off)), n);
			CHECK_MEM(got, want, n);
			off += n;
		}
	}
}

static void check_stat(const struct tree *t, uint32_t ino, const char *path)
{
	const struct tree_inode *n = tree_get(t, ino);
	struct stat st = {0};

	CHECK(lstat(path, &st) == 0);
	CHECK_EQ(st.st_mode, n->mode);
	CHECK_EQ(st.st_uid, n->uid);
	CHECK_EQ(st.st_gid, n->gid);
	CHECK_EQ(st.st_nlink, n->nlink + (ino == TREE_ROOT));
	CHECK_EQ(st.st_mtim.tv_sec, n->mtime);
	CHECK_EQ(st.st_mtim.tv_nsec, n->mtime_nsec);
	CHECK_EQ(st.st_ctim.tv_sec, n->mtime);
	if (!S_ISDIR(n->mode))
		CHECK_EQ(st.st_size, n->size);
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode)) {
		CHECK_EQ(major(st.st_rdev), n->u.dev.major);
		CHECK_EQ(minor(st.st_rdev), n->u.dev.minor);
	}
}

static void check_xattrs(const struct tree *t, uint32_t ino, const char *path)
{
	static char names[65536], value[65536];
	uint32_t set = tree_get(t, ino)->xattrs;
	const struct xattr_set *s = set ? t->xattr_sets[set] : NULL;
	ssize_t len = 0;

	for (uint32_t i = 0; s && i < s->count; i++) {
		const struct xattr *x = &s->list[i];

		CHECK_EQ(lgetxattr(path, x->name, value, sizeof(value)), x->value_len);
		CHECK_MEM(value, x->value, x->value_len);
		len += (ssize_t)x->name_len + 1;
	}
	CHECK_EQ(llistxattr(path, names, sizeof(names)), len);
}

static uint32_t count_names(const char *path)
{
	DIR *d = opendir(path);
	uint32_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}

static void check_inode(const struct tree *t, uint32_t ino, const char *path)
{
	const struct tree_inode *n = tree_get(t, ino);
	char target[4097];

	check_stat(t, ino, path);
	check_xattrs(t, ino, path);
	if (S_ISREG(n->mode))
		check_data(t, ino, path);
	if (S_ISLNK(n->mode)) {
		CHECK_EQ(readlink(path, target, sizeof(target)), n->size);
		CHECK_MEM(target, n->u.target, n->size);
	}
	if (!S_ISDIR(n->mode))
		return;
	CHECK_EQ(count_names(path), n->u.dir.count + (ino == TREE_ROOT));
	for (uint32_t i = 0; i < n->u.dir.count; i++) {
		const struct tree_dirent *e = &t->dirents[n->u.dir.first + i];
		char child[1024];

		snprintf(child, sizeof(child), "%s/%.*s", path, (int)dirent_len(e),
			dirent_name(e));
		check_inode(t, e->ino, child);
	}
}

static void check_space(const struct ext4_summary *s)
{
	struct statvfs v = {0};

	CHECK(statvfs(mount_dir, &v) == 0);
	CHECK_EQ(v.f_blocks, s->blocks - s->metadata_bytes / s->block_size);
	CHECK_EQ(v.f_bfree, s->free_blocks);
	CHECK_EQ(v.f_files, s->inodes);
	CHECK_EQ(v.f_ffree, s->inodes - s->used_inodes);
}

/* What a guest does: names come, go and move in directories that are hash trees. */
static void use_image(void)
{
	char a[300], b[300];

	for (int i = 0; i < 2000; i++) {
		snprintf(a, sizeof(a), "%s/flat/new-%d", mount_dir, i);

		AUTO_FD int fd = open(a, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		CHECK(fd >= 0 && write(fd, a, 100) == 100);
	}
	for (int i = 0; i < 3000; i += 2) {
		snprintf(a, sizeof(a), "%s/flat/name \xff\xe9 %d", mount_dir, i);
		snprintf(b, sizeof(b), "%s/x/moved-%d", mount_dir, i);
		CHECK((i % 4 ? unlink(a) : rename(a, b)) == 0);
	}
	for (int i = 0; i < 500; i++) {
		snprintf(a, sizeof(a), "%s/x/%d", mount_dir, i);
		CHECK(i % 2 ? rmdir(a) == 0
			    : setxattr(a, "user.large", "other", 5, XATTR_REPLACE) == 0);
	}
	snprintf(a, sizeof(a), "%s/large", mount_dir);
	CHECK(truncate(a, 1000) == 0);
}

/* Blocks and inodes of groups that had none in use. */
static void fill_up(void)
{
	struct statvfs v = {0};
	char path[300];
	AUTO_FD int fd = -1;

	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "%s/top-%d", mount_dir, i);
		CHECK(mkdir(path, 0755) == 0);
	}
	snprintf(path, sizeof(path), "%s/fill", mount_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && fstatvfs(fd, &v) == 0);
	CHECK_EQ(posix_fallocate(fd, 0, (off_t)(v.f_bavail * v.f_bsize / 100 * 95)), 0);
}

/* An image of the least size has few inodes for its bytes, and so has what it grows to.
 */
static void grow(const char *image, uint64_t bytes, uint64_t free_inodes)
{
	if (!mkimage_have("resize2fs"))
		return;
	CHECK(truncate(image, (off_t)(bytes * 10)) == 0);
	CHECK(run("resize2fs -f", image) == 0);
	CHECK(mkimage_clean(image));
	CHECK_EQ(mkimage_dump(image, "Block count"), bytes * 10 / 4096);
	CHECK(mkimage_dump(image, "Free inodes") >= free_inodes);
}

static void try_mode(const struct tree *t, enum ext4_size_mode mode, enum mkimage_how how)
{
	struct ext4_options o = mkimage_options();
	const char *image = mkimage_path("image");
	struct ext4_summary s;

	o.size_mode = mode;
	o.bytes = 600 << 20;
	CHECK(mkimage(t, &o, how, image, &s) == 0);
	if (!mount_image(image, "ro,noload")) {
		CHECK(!"mount");
		return;
	}
	check_inode(t, TREE_ROOT, mount_dir);
	check_space(&s);
	umount_image();
	if (mode != EXT4_SIZE_MIN) {
		CHECK(mount_image(image, "rw"));
		use_image();
		fill_up();
		umount_image();
		CHECK(mkimage_clean(image));
	}
	grow(image, s.image_bytes,
		mode == EXT4_SIZE_MIN ? 9 * 1024 : s.image_bytes * 5 / 16384);
	CHECK(mount_image(image, "rw"));
	umount_image();
}

static bool can_mount(void)
{
	struct mktree m = {0};
	struct tree *t = mktree_finish(&m);
	struct ext4_options o = mkimage_options();
	const char *image = mkimage_path("probe");
	bool can;

	CHECK(mkimage(t, &o, MKIMAGE_FILE, image, NULL) == 0);
	can = geteuid() == 0 && mount_image(image, "ro");
	if (can)
		umount_image();
	tree_destroy(t);
	return can;
}

int main(void)
{
	static char dir[128];
	struct mktree m = {0};
	struct tree *t;

	snprintf(dir, sizeof(dir), "%s", mkimage_path("mnt"));
	mount_dir = dir;
	CHECK(mkdir(dir, 0700) == 0);
	if (!can_mount()) {
		fprintf(stderr, "no loop mounts here: the kernel is not asked\n");
		TEST_END;
	}
	fill(&m);
	t = mktree_finish(&m);
	try_mode(t, EXT4_SIZE_FREE, MKIMAGE_FILE);
	try_mode(t, EXT4_SIZE_MIN, MKIMAGE_DEVICE);
	tree_destroy(t);
	TEST_END;
}
