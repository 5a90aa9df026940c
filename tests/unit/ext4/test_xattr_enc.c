/*
 * Extended attributes: bytes as the kernel wrote them (golden.h), the limits, and blocks
 * read back by a reader that follows the documentation.
 */
#include "unit.h"

#include <errno.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "ext4/csum.h"
#include "ext4/xattr_enc.h"
#include "golden_load.h"

#define AREA sizeof(((struct ext4_inode *)NULL)->i_xattrs)

static struct xattr_set *set_new(size_t n)
{
	return calloc(1, sizeof(struct xattr_set) + n * sizeof(struct xattr));
}

/* Names in byte order, as a tree has them. */
static void add(struct xattr_set *s, const char *name, const void *value, size_t n)
{
	s->list[s->count++] = (struct xattr){.name = name,
		.name_len = (uint32_t)strlen(name),
		.value = value,
		.value_len = (uint32_t)n};
}

static char v300[300], z64[64];

static void check_inode(const struct xattr_set *s, const struct golden_piece *g)
{
	struct ext4_inode want;
	unsigned char area[AREA];
	struct xattr_place p;

	golden_load(g, &want, sizeof(want));
	CHECK_EQ(xattr_place(s, 4096, &p, NULL), 0);
	CHECK(p.inode_count > 0);
	memset(area, 0xa5, sizeof(area));
	xattr_encode_inode(s, area);
	CHECK_MEM(area, want.i_xattrs, sizeof(area));
}

static void test_golden(void)
{
	static unsigned char want[4096], made[4096];
	static const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2,
		0, 7, 0, 0xe8, 3, 0, 0, 2, 0, 4, 0, 0, 0x28, 0x6b, 0xee, 4, 0, 4, 0, 255,
		255, 255, 255, 8, 0, 5, 0, 5, 0, 0, 0, 16, 0, 7, 0, 255, 255, 255, 255,
		32, 0, 4, 0, 255, 255, 255, 255};
	static const unsigned char dacl[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255,
		2, 0, 7, 0, 7, 0, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255,
		255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255};
	struct xattr_set *s = set_new(8);
	struct xattr_place p;

	add(s, "user.empty", "", 0);
	add(s, "user.val", "12345", 5);
	check_inode(s, g_xin);

	s->count = 0;
	add(s, "system.posix_acl_access", acl, sizeof(acl));
	check_inode(s, g_acl);

	s->count = 0;
	add(s, "system.posix_acl_default", dacl, sizeof(dacl));
	check_inode(s, g_dacl);

	s->count = 0;
	add(s, "security.first", z64, 64);
	add(s, "user.a", "", 0);
	add(s, "user.b", "0123456789", 10);
	add(s, "user.long_name", "abcd", 4);
	add(s, "user.\xc3\xa9", v300, 300);
	check_inode(s, g_xblk);
	CHECK_EQ(xattr_place(s, 4096, &p, NULL), 0);
	CHECK_EQ(p.inode_count, 1);
	CHECK_EQ(p.inode_bytes, AREA);
	CHECK_EQ(p.block_count, 4);
	CHECK_EQ(p.block_bytes, 32 + 20 + 20 + 12 + 20 + 300 + 28 + 4 + 4);
	golden_load(g_xattr_block, want, sizeof(want));
	memset(made, 0xa5, sizeof(made));
	/* The kernel shared this block between two files. */
	xattr_encode_block(s, 4096, 2, csum_fs_seed(golden_uuid), G_XBLK_ACL, made);
	CHECK_MEM(made, want, sizeof(want));
	free(s);
}

/* Look an attribute up in a finished block, checking the order on the way. */
static const unsigned char *find(
	const unsigned char *block, unsigned index, const char *name, uint32_t *size)
{
	const unsigned char *e = block + 32, *prev = NULL, *found = NULL;

	while (get_le32(e) != 0) {
		if (prev) {
			int c = prev[1] - e[1];

			if (c == 0)
				c = prev[0] - e[0];
			if (c == 0)
				c = memcmp(prev + 16, e + 16, e[0]);
			CHECK(c < 0);
		}
		if (e[1] == index && e[0] == strlen(name) &&
			memcmp(e + 16, name, e[0]) == 0) {
			*size = get_le32(e + 8);
			found = block + get_le16(e + 2);
		}
		prev = e;
		e += 16 + ((e[0] + 3) & ~3u);
	}
	return found;
}

static void test_many(void)
{
	static unsigned char block[4096], value[4096];
	static char names[150][16];
	struct xattr_set *s = set_new(160);
	struct xattr_place p;
	uint32_t size;

	for (unsigned i = 0; i < 150; i++) {
		snprintf(names[i], sizeof(names[i]), "user.k%03u", i);
		memset(value + i, (int)i, 1);
		add(s, names[i], value + i, i % 2);
	}
	CHECK_EQ(xattr_place(s, 4096, &p, NULL), 0);
	CHECK_EQ(p.inode_count + p.block_count, 150);
	xattr_encode_block(s, 4096, 1024, 7, 99, block);
	for (unsigned i = p.inode_count; i < 150; i++) {
		const unsigned char *v = find(block, 1, names[i] + 5, &size);

		CHECK(v != NULL);
		CHECK_EQ(size, i % 2);
		if (v && size)
			CHECK_EQ(*v, i);
	}
	CHECK_EQ(get_le32(block + 4), 1024);
	free(s);
}

/* Exactly full, and one step more. */
static void test_limits(void)
{
	static unsigned char value[70000], block[4096];
	struct xattr_set *s = set_new(4);
	struct xattr_place p;
	struct o2r_err err = {0};
	uint32_t size;

	add(s, "user.a", value, 4096 - 32 - 4 - 20);
	CHECK_EQ(xattr_place(s, 4096, &p, &err), 0);
	CHECK_EQ(p.block_bytes, 4096);
	CHECK_EQ(p.inode_bytes, 0);
	memset(value, 'x', sizeof(value));
	xattr_encode_block(s, 4096, 1, 0, 1, block);
	CHECK(find(block, 1, "a", &size) == block + 56);
	CHECK_EQ(size, 4040);

	s->list[0].value_len++;
	CHECK_EQ(xattr_place(s, 4096, &p, &err), -ENOSPC);
	CHECK(strstr(err.text, "4100 bytes") != NULL);
	CHECK(strstr(err.text, "4096") != NULL);
	s->list[0].value_len = 65536;
	CHECK_EQ(xattr_place(s, 4096, &p, &err), -ENOSPC);
	s->list[0].value_len = 4096 - 56;
	CHECK_EQ(xattr_place(s, 1024, &p, &err), -ENOSPC);
	s->list[0].value_len = 1024 - 56;
	CHECK_EQ(xattr_place(s, 1024, &p, &err), 0);

	s->list[0].value_len = 68; /* 20 + 68 + 8 bytes fill the inode */
	CHECK_EQ(xattr_place(s, 4096, &p, &err), 0);
	CHECK_EQ(p.inode_bytes, AREA);
	CHECK_EQ(p.block_bytes, 0);
	s->list[0].value_len = 69;
	CHECK_EQ(xattr_place(s, 4096, &p, &err), 0);
	CHECK_EQ(p.inode_count, 0);
	s->count = 0;
	CHECK_EQ(xattr_place(s, 4096, &p, &err), 0);
	CHECK_EQ(p.inode_bytes + p.block_bytes, 0);
	free(s);
}

static void test_refused(void)
{
	static char longest[257] = "user.";
	static const unsigned char bad_tag[] = {2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0};
	static const unsigned char version1[] = {1, 0, 0, 0};
	struct {
		const char *name;
		const void *value;
		size_t len;
		const char *says;
	} t[] = {
		{"btrfs.compression", "zstd", 4, "no place"},
		{"user.", "x", 1, "no place"},
		{"user", "x", 1, "no place"},
		{"system.data", "x", 1, "no place"},
		{"system.posix_acl_access2", "x", 1, "no place"},
		{longest, "x", 1, "longer than 255"},
		{"system.posix_acl_access", "", 0, "0 bytes"},
		{"system.posix_acl_access", bad_tag, 11, "11 bytes"},
		{"system.posix_acl_access", bad_tag, 12, "tag 0x3"},
		{"system.posix_acl_default", version1, 4, "version 1"},
	};
	struct xattr_set *s = set_new(1);
	struct xattr_place p;
	struct o2r_err err;

	memset(longest + 5, 'n', 251);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		s->count = 0;
		add(s, t[i].name, t[i].value, t[i].len);
		memset(&err, 0, sizeof(err));
		CHECK_EQ(xattr_place(s, 4096, &p, &err), -EINVAL);
		CHECK(strstr(err.text, t[i].says) != NULL);
	}
	longest[255] = 0; /* 255 bytes in all */
	s->count = 0;
	add(s, longest, "x", 1);
	CHECK_EQ(xattr_place(s, 4096, &p, &err), 0);
	free(s);
}

int main(void)
{
	memset(v300, 'v', sizeof(v300));
	memset(z64, '0', sizeof(z64));
	test_golden();
	test_many();
	test_limits();
	test_refused();
	TEST_END;
}
