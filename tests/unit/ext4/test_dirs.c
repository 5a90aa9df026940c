/*
 * Directories: a block as the kernel wrote it (golden.h), and whole directories read back
 * as the kernel does it: every name by a search through the index, and all of them by a
 * walk over the blocks.
 */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "ext4/csum.h"
#include "ext4/dirhash.h"
#include "ext4/dirs.h"
#include "golden_load.h"

/* A tree with one directory: name i is an inode of its own, i + 2. */
struct made {
	struct tree tree;
	unsigned char *text;
	struct dir_source source;
	struct dir_format format;
	uint32_t seed;
};

enum {
	DIR_INO = 500,
	INO_BASE = 1000,
	SEEN = 1u << 31,
};

static void made_init(struct made *m, uint32_t max, uint32_t block_size)
{
	memset(m, 0, sizeof(*m));
	m->tree.inodes = calloc(max + 2, sizeof(*m->tree.inodes));
	m->tree.dirents = calloc(max + 1, sizeof(*m->tree.dirents));
	m->text = malloc((size_t)max * 256 + 1);
	m->source.tree = &m->tree;
	m->format.block_size = block_size;
	memcpy(m->format.hash_seed, golden_hash_seed, sizeof(golden_hash_seed));
	m->seed = 0x12345678;
}

static void made_finish(struct made *m)
{
	free(m->tree.inodes);
	free(m->tree.dirents);
	free(m->text);
}

static void add(struct made *m, const char *name, size_t len, uint16_t mode)
{
	uint32_t i = m->source.count++;
	unsigned char *p = m->text + (size_t)i * 256;

	p[0] = (unsigned char)len;
	memcpy(p + 1, name, len);
	m->tree.inodes[i + 2].mode = mode;
	m->tree.dirents[i] = (struct tree_dirent){.name_ = p, .ino = i + 2};
}

/* Names in byte order: digits in front, filled up to len. */
static void add_many(struct made *m, uint32_t count, size_t len)
{
	char name[256];

	memset(name, 'x', sizeof(name));
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%07u", i);
		name[7] = 'x';
		add(m, name, len ? len : 7 + i % 20, S_IFREG);
	}
}

static uint32_t ino_of(void *arg, uint32_t d)
{
	(void)arg;
	return d == DIR_LOST_FOUND_NAME ? 11 : INO_BASE + d;
}

static unsigned char *build(const struct made *m, const struct dir_layout *l)
{
	struct dir_numbers n = {DIR_INO, 2, m->seed, ino_of, NULL};
	uint32_t bs = m->format.block_size;
	unsigned char *b = malloc((size_t)l->blocks * bs);

	memset(b, 0xa5, (size_t)l->blocks * bs);
	/* from the end, since any order must do */
	for (uint32_t k = l->blocks; k-- > 0;)
		dir_block(l, &n, k, b + (size_t)k * bs);
	return b;
}

/* Check one entry against the tree; *seen counts each name once. */
static void check_entry(struct made *m, const unsigned char *e, uint32_t *seen)
{
	uint32_t ino = get_le32(e), d = ino - INO_BASE;

	if (ino == 11 && m->source.lost_found) {
		CHECK(e[6] == 10 && memcmp(e + 8, "lost+found", 10) == 0);
		CHECK_EQ(e[7], EXT4_FT_DIR);
		(*seen)++;
		return;
	}
	if (d >= m->source.count || e[6] != dirent_len(&m->tree.dirents[d]) ||
		memcmp(e + 8, dirent_name(&m->tree.dirents[d]), e[6]) != 0 ||
		(m->tree.dirents[d].ino & SEEN)) {
		CHECK(!"an entry of the tree, once");
		return;
	}
	m->tree.dirents[d].ino |= SEEN;
	(*seen)++;
}

/* Entries of a leaf from `at`: lengths add up to the tail, which is right. */
static void check_leaf(struct made *m, const unsigned char *b, uint32_t at, uint32_t lo,
	uint32_t hi, uint32_t *seen)
{
	uint32_t bs = m->format.block_size;
	bool fits = true;

	while (at < bs - 12) {
		uint32_t len = get_le16(b + at + 4);

		if (len < 8u + b[at + 6] || len % 4 || at + len > bs - 12) {
			CHECK(!"an entry's length");
			return;
		}
		if (get_le32(b + at)) {
			uint32_t h = dirhash(
				m->format.hash_seed, (const char *)b + at + 8, b[at + 6]);

			fits = fits && h >= lo && h <= hi;
			check_entry(m, b + at, seen);
		}
		at += len;
	}
	CHECK(fits);
	CHECK_EQ(at, bs - 12);
	CHECK_EQ(get_le32(b + at), 0);
	CHECK_EQ(get_le32(b + at + 4), 0xde00000c);
	CHECK_EQ(get_le32(b + at + 8), crc32c(m->seed, b, bs - 12));
}

static void check_dots(const unsigned char *b, uint32_t second_len)
{
	CHECK_EQ(get_le32(b), DIR_INO);
	CHECK_EQ(get_le32(b + 4), 0x0201000c);
	CHECK_MEM(b + 8, ".\0\0\0", 4);
	CHECK_EQ(get_le32(b + 12), 2);
	CHECK_EQ(get_le32(b + 16), 0x02020000 | second_len);
	CHECK_MEM(b + 20, "..\0\0", 4);
}

struct leaf {
	uint32_t key, block;
};

/* The entries of an index block, appended to `out` with their keys. */
static uint32_t index_entries(const struct made *m, const unsigned char *b, uint32_t at,
	uint32_t key, struct leaf *out)
{
	uint32_t bs = m->format.block_size, count = get_le16(b + at + 2);
	uint32_t limit = get_le16(b + at);
	uint32_t crc = crc32c(m->seed, b, at + count * 8);

	CHECK_EQ(limit, (bs - at - 8) / 8);
	CHECK(count >= 1 && count <= limit);
	CHECK_EQ(get_le32(b + at + limit * 8), 0);
	CHECK_EQ(get_le32(b + at + limit * 8 + 4), crc32c(crc, "\0\0\0\0\0\0\0", 8));
	for (uint32_t i = 0; i < count; i++)
		out[i] = (struct leaf){
			i ? get_le32(b + at + i * 8) : key, get_le32(b + at + i * 8 + 4)};
	return count;
}

/* All leaves in order, through the index. */
static uint32_t read_index(
	const struct made *m, const unsigned char *dir, struct leaf *leaves)
{
	static struct leaf top[1024];
	uint32_t bs = m->format.block_size, n, count = 0;

	check_dots(dir, bs - 12);
	CHECK_EQ(get_le32(dir + 24), 0);
	CHECK_EQ(dir[28], EXT4_HASH_HALF_MD4);
	CHECK_EQ(dir[29], 8);
	CHECK_EQ(dir[31], 0);
	n = index_entries(m, dir, 32, 0, top);
	if (dir[30] == 0) {
		memcpy(leaves, top, n * sizeof(*top));
		return n;
	}
	CHECK_EQ(dir[30], 1);
	for (uint32_t i = 0; i < n; i++) {
		const unsigned char *node = dir + (size_t)top[i].block * bs;

		CHECK_EQ(get_le32(node), 0);
		CHECK_EQ(get_le32(node + 4), bs);
		count += index_entries(m, node, 8, top[i].key, leaves + count);
	}
	return count;
}

static bool leaf_has(const struct made *m, const unsigned char *b, uint32_t d)
{
	const struct tree_dirent *e = &m->tree.dirents[d];
	uint32_t bs = m->format.block_size;

	for (uint32_t at = 0; at < bs - 12; at += get_le16(b + at + 4))
		if (get_le32(b + at) == INO_BASE + d && b[at + 6] == dirent_len(e))
			return true;
	return false;
}

/* The kernel's search: the last leaf whose key is not above the hash, then on through
 * leaves that continue the hash. */
static bool search(const struct made *m, const unsigned char *dir,
	const struct leaf *leaves, uint32_t n, uint32_t d)
{
	uint32_t h = dirhash(m->format.hash_seed, dirent_name(&m->tree.dirents[d]),
		dirent_len(&m->tree.dirents[d]));
	uint32_t lo = 0, hi = n;

	while (hi - lo > 1) {
		uint32_t mid = (lo + hi) / 2;

		if (leaves[mid].key > h)
			hi = mid;
		else
			lo = mid;
	}
	do {
		if (leaf_has(m, dir + (size_t)leaves[lo].block * m->format.block_size, d))
			return true;
		lo++;
	} while (lo < n && leaves[lo].key == (h | 1));
	return false;
}

static void check_htree(struct made *m, const struct dir_layout *l)
{
	struct leaf *leaves = calloc(l->blocks, sizeof(*leaves));
	unsigned char *dir = build(m, l);
	unsigned char *used = calloc(1, l->blocks);
	uint32_t bs = m->format.block_size, seen = 0, missed = 0;
	uint32_t n = read_index(m, dir, leaves);

	CHECK_EQ(n, l->leaves);
	CHECK_EQ(1 + l->nodes + n, l->blocks);
	for (uint32_t i = 0; i < n; i++) {
		CHECK(leaves[i].block > l->nodes && leaves[i].block < l->blocks);
		CHECK(!used[leaves[i].block]++);
		CHECK(i == 0 || leaves[i].key >= leaves[i - 1].key);
		check_leaf(m, dir + (size_t)leaves[i].block * bs, 0, leaves[i].key & ~1u,
			i + 1 < n ? leaves[i + 1].key : UINT32_MAX, &seen);
	}
	CHECK_EQ(seen, m->source.count + m->source.lost_found);
	for (uint32_t d = 0; d < m->source.count; d++)
		missed += !search(m, dir, leaves, n, d);
	CHECK_EQ(missed, 0);
	free(used);
	free(dir);
	free(leaves);
}

static void check_linear(struct made *m, const struct dir_layout *l)
{
	unsigned char *dir = build(m, l);
	uint32_t seen = 0;

	CHECK(!l->htree);
	for (uint32_t k = 0; k < l->blocks; k++) {
		const unsigned char *b = dir + (size_t)k * m->format.block_size;

		if (k == 0)
			check_dots(b, seen + get_le16(b + 16));
		check_leaf(m, b, k ? 0 : 12u + get_le16(b + 16), 0, UINT32_MAX, &seen);
	}
	CHECK_EQ(seen, m->source.count + m->source.lost_found);
	free(dir);
}

static void test_golden(void)
{
	static unsigned char want[4096], made[4096];
	unsigned char key[8];
	char w[255];
	struct made m;
	struct dir_layout l;
	struct dir_numbers n = {G_DIR_INO, 2, 0, ino_of, NULL};

	put_le32(key, G_DIR_INO);
	put_le32(key + 4, G_DIR_GEN);
	n.inode_seed = crc32c(csum_fs_seed(golden_uuid), key, 8);
	made_init(&m, 4, 4096);
	memset(w, 'w', sizeof(w));
	add(&m, "a", 1, S_IFREG);
	add(&m, "bcdef", 5, S_IFREG);
	add(&m, "caf\xc3\xa9", 5, S_IFREG);
	add(&m, w, 255, S_IFREG);
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	CHECK_EQ(l.blocks, 1);
	memset(made, 0xa5, sizeof(made));
	dir_block(&l, &n, 0, made);
	golden_load(g_dir_block, want, sizeof(want));
	/* Inode numbers are the kernel's choice there: four in a row. */
	for (uint32_t i = 0, at = 24; i < 4; i++) {
		CHECK_EQ(get_le32(want + at), G_DIR_INO + 1 + i);
		put_le32(made + at, G_DIR_INO + 1 + i);
		at += get_le16(want + at + 4);
	}
	csum_dir_block(made, sizeof(made), n.inode_seed);
	CHECK_MEM(made, want, sizeof(want));
	dir_layout_finish(&l);
	made_finish(&m);
}

static void test_types(void)
{
	static const struct {
		uint16_t mode;
		uint8_t type;
	} t[] = {{S_IFREG, 1}, {S_IFDIR, 2}, {S_IFCHR, 3}, {S_IFBLK, 4}, {S_IFIFO, 5},
		{S_IFSOCK, 6}, {S_IFLNK, 7}};
	struct made m;
	struct dir_layout l;
	unsigned char *b;

	made_init(&m, 7, 4096);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		add(&m, &"abcdefg"[i], 1, t[i].mode | 0755);
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	b = build(&m, &l);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		CHECK_EQ(b[24 + 12 * i + 7], t[i].type);
	free(b);
	dir_layout_finish(&l);
	made_finish(&m);
}

/* Room for 4 060 bytes of entries beside the dots in one block. */
static void test_one_block(void)
{
	struct made m;
	struct dir_layout l;

	made_init(&m, 400, 4096);
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	CHECK_EQ(l.blocks, 1);
	check_linear(&m, &l);
	dir_layout_finish(&l);

	add_many(&m, 203, 12); /* 203 * 20 = 4060 */
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	CHECK_EQ(l.blocks, 1);
	check_linear(&m, &l);
	dir_layout_finish(&l);

	m.source.lost_found = true;
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	CHECK(l.htree);
	CHECK_EQ(l.blocks, 3);
	made_finish(&m);
	dir_layout_finish(&l);
}

static void test_lost_found(void)
{
	struct made m;
	struct dir_layout l;
	unsigned char *b;

	made_init(&m, 1000, 4096);
	m.source.min_blocks = DIR_LOST_FOUND_BLOCKS;
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	CHECK_EQ(l.blocks, 4);
	check_linear(&m, &l);
	b = build(&m, &l);
	for (int k = 1; k < 4; k++) {
		CHECK_EQ(get_le32(b + k * 4096), 0);
		CHECK_EQ(get_le32(b + k * 4096 + 4), 4096 - 12);
	}
	free(b);
	dir_layout_finish(&l);

	add_many(&m, 10, 0);
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	CHECK_EQ(l.blocks, 4);
	check_linear(&m, &l);
	dir_layout_finish(&l);
	made_finish(&m);

	made_init(&m, 1000, 4096);
	m.source.min_blocks = DIR_LOST_FOUND_BLOCKS;
	add_many(&m, 900, 0);
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	CHECK(l.htree && l.blocks >= 4);
	check_htree(&m, &l);
	dir_layout_finish(&l);
	made_finish(&m);
}

static void test_sizes(void)
{
	/* names, their length (0: mixed), block size, index nodes */
	static const struct {
		uint32_t count, len, block_size;
		bool lost_found, linear, two_levels;
	} t[] = {
		{300, 0, 4096, false, false, false},
		{300, 0, 4096, true, false, false},
		{300, 255, 4096, true, false, false},
		{5000, 0, 4096, false, false, false},
		{120000, 0, 4096, true, false, true},
		{300, 0, 1024, false, false, false},
		{20000, 0, 1024, true, false, true},
		{20000, 0, 2048, false, false, true},
		{300, 0, 4096, true, true, false},
		{20000, 0, 4096, true, true, false},
		{2000, 255, 1024, false, true, false},
	};
	struct made m;
	struct dir_layout l;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		made_init(&m, t[i].count, t[i].block_size);
		add_many(&m, t[i].count, t[i].len);
		m.source.lost_found = t[i].lost_found;
		m.format.linear = t[i].linear;
		CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
		CHECK_EQ(l.htree, !t[i].linear);
		CHECK_EQ(l.nodes > 0, t[i].two_levels);
		if (t[i].linear)
			check_linear(&m, &l);
		else
			check_htree(&m, &l);
		dir_layout_finish(&l);
		made_finish(&m);
	}
}

/* Just as many leaves as one root holds, and one more. */
static void test_levels(void)
{
	struct made m;
	struct dir_layout l;

	/* three names of 244 + 8 bytes in the 756 bytes of a leaf */
	made_init(&m, 123 * 3 + 1, 1024);
	add_many(&m, 123 * 3, 244);
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	CHECK_EQ(l.leaves, 123);
	CHECK_EQ(l.nodes, 0);
	check_htree(&m, &l);
	dir_layout_finish(&l);
	made_finish(&m);

	made_init(&m, 123 * 3 + 1, 1024);
	add_many(&m, 123 * 3 + 1, 244);
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	CHECK_EQ(l.leaves, 124);
	CHECK_EQ(l.nodes, 2);
	check_htree(&m, &l);
	dir_layout_finish(&l);
	made_finish(&m);
}

static void test_too_many(void)
{
	uint32_t most = 123 * 126 * 3;
	struct made m;
	struct dir_layout l;
	struct o2r_err err = {0};

	made_init(&m, most + 1, 1024);
	add_many(&m, most, 244);
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, &err), 0);
	CHECK_EQ(l.nodes, 123);
	check_htree(&m, &l);
	dir_layout_finish(&l);
	made_finish(&m);

	made_init(&m, most + 1, 1024);
	add_many(&m, most + 1, 244);
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, &err), -EFBIG);
	CHECK(strstr(err.text, "too many names for two index levels") != NULL);
	m.format.linear = true;
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, &err), 0);
	dir_layout_finish(&l);
	made_finish(&m);
}

static int number_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Five names with the same hash, `below` names under it and `above` over it, two to a
 * leaf: the run begins in any leaf, at its start or in its middle. */
static void check_collision(uint32_t below, uint32_t above)
{
	static const uint32_t same[] = {19457046, 26855261, 28300708, 28864453, 32584742};
	uint32_t numbers[1000], n = 0;
	char name[256];
	struct made m;
	struct dir_layout l;

	made_init(&m, below + above + 5, 1024);
	m.format.hash_seed[2] = 0x22110000; /* the names were looked for with this */
	memset(name, 'x', sizeof(name));
	for (uint32_t i = 0; below + above > 0; i++) {
		uint32_t h, *left;

		snprintf(name, sizeof(name), "%08u", i);
		name[8] = 'x';
		h = dirhash(m.format.hash_seed, name, 255);
		left = h < 0x71c0af20 ? &below : &above;
		if (*left > 0) {
			(*left)--;
			numbers[n++] = i;
		}
	}
	memcpy(numbers + n, same, sizeof(same));
	n += ARRAY_LEN(same);
	qsort(numbers, n, sizeof(*numbers), number_cmp);
	for (uint32_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%08u", numbers[i]);
		name[8] = 'x';
		add(&m, name, 255, S_IFREG);
	}
	CHECK_EQ(dir_layout_init(&l, &m.format, &m.source, NULL), 0);
	check_htree(&m, &l);
	dir_layout_finish(&l);
	made_finish(&m);
}

static void test_collisions(void)
{
	check_collision(0, 0);
	check_collision(1, 0);
	check_collision(0, 3);
	check_collision(3, 2);
	/* about 130 leaves below two nodes: the run passes from one to the other */
	for (uint32_t below = 118; below < 138; below++)
		check_collision(below, 255 - below);
}

int main(void)
{
	test_golden();
	test_types();
	test_one_block();
	test_lost_found();
	test_sizes();
	test_levels();
	test_too_many();
	test_collisions();
	TEST_END;
}
